//! libFuzzer on `rowhouse_fuzz::backend`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rowhouse_fuzz::backend(data));

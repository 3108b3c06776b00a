//! libFuzzer on `rowhouse_fuzz::sts`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rowhouse_fuzz::sts(data));

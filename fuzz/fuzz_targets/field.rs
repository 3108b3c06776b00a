//! libFuzzer on `rowhouse_fuzz::field`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rowhouse_fuzz::field(data));

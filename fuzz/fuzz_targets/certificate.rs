//! libFuzzer on `rowhouse_fuzz::certificate`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rowhouse_fuzz::certificate(data));

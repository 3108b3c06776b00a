//! libFuzzer on `rowhouse_fuzz::body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rowhouse_fuzz::body(data));

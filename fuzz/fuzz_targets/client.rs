//! libFuzzer on `rowhouse_fuzz::client`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rowhouse_fuzz::client(data));

//! libFuzzer on `rowhouse_fuzz::jwks`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rowhouse_fuzz::jwks(data));

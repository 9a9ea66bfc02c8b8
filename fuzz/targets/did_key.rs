#![no_main]

#[path = "../properties/entropy.rs"]
mod entropy;
#[path = "../properties/did_key.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));

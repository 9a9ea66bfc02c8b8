#![no_main]

#[path = "../properties/entropy.rs"]
mod entropy;
#[path = "../properties/schema.rs"]
mod property;
#[path = "../properties/validation.rs"]
mod validation;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));

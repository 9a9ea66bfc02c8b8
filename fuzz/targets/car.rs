#![no_main]

#[path = "../properties/chunks.rs"]
mod chunks;
#[path = "../properties/car.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));

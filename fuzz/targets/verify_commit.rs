#![no_main]

#[path = "../properties/chunks.rs"]
mod chunks;
#[path = "../properties/verify_commit.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));

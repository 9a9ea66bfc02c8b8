#![no_main]

#[path = "../properties/chunks.rs"]
mod chunks;
#[path = "../properties/mst.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));

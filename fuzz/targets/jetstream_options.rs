#![no_main]

#[path = "../properties/jetstream_options.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));

#![no_main]

#[path = "../properties/identifier.rs"]
mod identifier;
#[path = "../properties/nsid_rkey_tid.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));

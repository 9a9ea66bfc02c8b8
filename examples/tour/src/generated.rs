//! Writes and reads a record of a type that `build.rs` generated from `lexicons/`.

use atproto_core::{data::cbor, endpoint::Record, syntax::Datetime};
use lexicons::com::example::tour::{Status, StatusMood};

mod lexicons {
    include!(concat!(env!("OUT_DIR"), "/lexicons.rs"));
}

pub(crate) fn run() -> anyhow::Result<()> {
    let merry = Status { mood: Some(StatusMood::Merry), ..Status::new("🦋", Datetime::now()) };
    let bytes = cbor::to_vec(&merry)?;
    let read: Status = cbor::from_slice(&bytes)?;
    assert_eq!(read, merry);

    println!("a record of {}, {} bytes", Status::NSID, bytes.len());
    println!("the catalog knows {} schema", lexicons::catalog().len());
    Ok(())
}

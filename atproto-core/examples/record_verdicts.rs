//! Says of records whether their lexicons admit them: reads `MODE<TAB>NSID<TAB>DAG-CBOR as hex`
//! from standard input, a line each, and writes `ok` or `bad<TAB>reason`. The mode is `strict`
//! or `lenient`.
//!
//! `record_verdicts DIRECTORY…` takes the lexicons from there.

use std::io::{self, Write};

use atproto_core::{
    data::cbor::{self, Checked},
    lexicon::{Catalog, ValidationOptions},
    syntax::Nsid,
};
use data_encoding::HEXLOWER;

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    let mut strict = Catalog::new();
    for directory in std::env::args().skip(1) {
        strict = strict.with_dir(directory)?;
    }
    let lenient = strict.clone().options(ValidationOptions::LENIENT);
    let mut out = io::stdout().lock();
    for line in io::stdin().lines() {
        let line = line?;
        let (mode, record) = line.split_once('\t').ok_or("a line without a tab")?;
        let catalog = if mode == "lenient" { &lenient } else { &strict };
        match verdict(catalog, record)? {
            None => writeln!(out, "ok")?,
            Some(reason) => writeln!(out, "bad\t{}", reason.replace('\n', " "))?,
        }
    }
    Ok(())
}

/// Why a record is refused. As bytes and as a value it gets the same answer.
fn verdict(catalog: &Catalog, record: &str) -> Result<Option<String>, Error> {
    let (collection, hex) = record.split_once('\t').ok_or("a record without a tab")?;
    let (collection, bytes) = (Nsid::new(collection)?, HEXLOWER.decode(hex.as_bytes())?);
    let value = match cbor::decode(&bytes) {
        Ok(value) => value,
        Err(error) => return Ok(Some(error.to_string())),
    };
    let refused = catalog.validate_record(&collection, &value).err();
    let checked = Checked::new(&bytes)?;
    assert_eq!(catalog.validate_record(&collection, checked).err(), refused);
    Ok(refused.map(|error| error.to_string()))
}

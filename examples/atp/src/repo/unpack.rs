use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use atproto_core::data::{cbor, json as data_json};
use atproto_repo::repo::Record;
use clap::Args;
use serde_json::json;

use crate::output::{self, Output};

/// Write each record of a repository to a JSON file of its own.
///
/// The files are `DIR/COLLECTION/RKEY.json`. A record that is not valid data is written as it is, to `RKEY.cbor`.
#[derive(Args)]
pub(crate) struct Unpack {
    /// The archive
    file: PathBuf,
    /// Where to write the files
    dir: PathBuf,
}

impl Unpack {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let repo = super::open(&self.file)?;
        let spinner = output::spinner("unpacking");
        let mut invalid = 0_u64;
        for record in repo.records() {
            let path = self.dir.join(record.path.collection.as_str());
            fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
            invalid += u64::from(!write(&path, &record)?);
        }
        spinner.finish_and_clear();
        output.facts(&[
            ("did", json!(repo.did)),
            ("dir", json!(self.dir)),
            ("records", json!(repo.len())),
            ("invalid", json!(invalid)),
        ])
    }
}

/// Writes a record; returns whether it is valid.
fn write(dir: &Path, record: &Record) -> anyhow::Result<bool> {
    let rkey = &record.path.rkey;
    // Record keys hold no slashes, and `.` and `..` are none.
    let (name, bytes, valid) = match cbor::decode(&record.bytes) {
        Ok(value) => {
            let text = format!("{:#}\n", data_json::to_json(&value));
            (format!("{rkey}.json"), text.into_bytes(), true)
        }
        Err(_) => (format!("{rkey}.cbor"), record.bytes.to_vec(), false),
    };
    let path = dir.join(name);
    fs::write(&path, bytes).with_context(|| path.display().to_string())?;
    Ok(valid)
}

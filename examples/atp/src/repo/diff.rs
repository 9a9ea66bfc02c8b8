use std::path::PathBuf;

use atproto_core::syntax::Cid;
use atproto_repo::mst::{self, Change, Limits};
use clap::Args;
use serde_json::json;

use crate::output::Output;

/// List the records in which two states of a repository differ.
///
/// Each line begins with `+` for created, `~` for updated, `-` for deleted.
#[derive(Args)]
pub(crate) struct Diff {
    /// The archive of before
    old: PathBuf,
    /// The archive of after
    new: PathBuf,
}

impl Diff {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let (old, new) = (super::open(&self.old)?, super::open(&self.new)?);
        let diff = mst::diff(
            (old.blocks(), &old.head.data),
            (new.blocks(), &new.head.data),
            &Limits::default(),
        )?;
        diff.changes.iter().try_for_each(|change| print(change, output))
    }
}

fn print(Change { key, old, new }: &Change, output: &mut Output) -> anyhow::Result<()> {
    let path = String::from_utf8_lossy(key);
    let (mark, action) = match (old, new) {
        (None, _) => ('+', "create"),
        (_, None) => ('-', "delete"),
        _ => ('~', "update"),
    };
    let cids = [old, new].into_iter().flatten().map(Cid::to_string);
    let text = format!("{mark} {path}\t{}", cids.collect::<Vec<_>>().join("\t"));
    output.item(
        &[
            ("action", json!(action)),
            ("path", json!(path)),
            ("old", json!(old)),
            ("new", json!(new)),
        ],
        &text,
    )
}

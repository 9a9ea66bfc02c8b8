//! The index: read, sorted, and cut into accounts.

use std::{
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use anyhow::{Context, bail, ensure};
use atproto_core::syntax::{AtIdentifier, AtUri, Cid, Did, NsidPattern};
use serde::Deserialize;

use crate::{
    input,
    sorter::{Extent, Sorted, Sorter},
};

/// Takes the lines of an index. Each becomes one of `DID <tab> PATH <tab> CID`, which sorts as the
/// paths of a repository do: a tab is below every character that they may have. An account by
/// itself is one with neither path nor CID.
pub(super) struct Index {
    collections: Vec<NsidPattern>,
    sorter: Sorter,
    last: Option<Did>,
}

/// A line of the index as it is given.
#[derive(Deserialize)]
struct Line<'a> {
    uri: &'a str,
    cid: &'a str,
}

impl Index {
    pub(super) fn new(collections: Vec<NsidPattern>) -> Self {
        Self { collections, sorter: Sorter::default(), last: None }
    }

    /// Reads JSON lines of records.
    pub(super) fn read(&mut self, file: &Path) -> anyhow::Result<()> {
        each_line(file, |line| {
            let Line { uri, cid } = serde_json::from_str(line)?;
            let cid: Cid = cid.parse()?;
            let uri = AtUri::new(uri)?;
            let AtIdentifier::Did(did) = uri.authority() else {
                bail!("{uri}: the authority is to be a DID");
            };
            let (Some(collection), Some(rkey)) = (uri.collection(), uri.rkey()) else {
                bail!("{uri} is not the URI of a record");
            };
            if !covers(&self.collections, &collection) {
                return self.push_account(did);
            }
            Ok(self.sorter.push(&format!("{did}\t{collection}/{rkey}\t{cid}"))?)
        })
    }

    /// Reads a list of accounts.
    pub(super) fn read_accounts(&mut self, file: &Path) -> anyhow::Result<()> {
        each_line(file, |line| self.push_account(Did::new(line)?))
    }

    /// The accounts in order.
    pub(super) fn accounts(self) -> io::Result<Accounts> {
        let sorted = self.sorter.finish()?;
        let lines = sorted.reader();
        Ok(Accounts { sorted, lines, at: 0, next: None })
    }

    fn push_account(&mut self, did: Did) -> anyhow::Result<()> {
        // Lines of one account often come together.
        if self.last.as_ref() != Some(&did) {
            self.sorter.push(&format!("{did}\t\t"))?;
            self.last = Some(did);
        }
        Ok(())
    }
}

/// Whether records of a collection are compared: no patterns mean all are.
pub(super) fn covers(collections: &[NsidPattern], collection: &atproto_core::syntax::Nsid) -> bool {
    collections.is_empty() || collections.iter().any(|pattern| pattern.matches(collection))
}

/// An account, and where its lines are.
pub(super) struct Account {
    pub(super) did: Did,
    sorted: Sorted,
    bytes: std::ops::Range<u64>,
}

/// A record as the index has it.
pub(super) struct Indexed {
    pub(super) path: String,
    pub(super) cid: String,
}

impl Account {
    /// The account's records in the order of their paths.
    pub(super) fn records(&self) -> impl Iterator<Item = io::Result<Indexed>> + use<> {
        let lines = self.sorted.part(self.bytes.clone()).lines();
        lines.filter_map(|line| line.and_then(|line| record(&line)).transpose())
    }
}

/// The accounts of a sorted index.
pub(super) struct Accounts {
    sorted: Sorted,
    lines: BufReader<Extent>,
    /// Where the next line begins that has not been read.
    at: u64,
    /// The account whose first line has been read, and where that is.
    next: Option<(String, u64)>,
}

impl Accounts {
    fn read(&mut self) -> io::Result<Option<Account>> {
        loop {
            let (begin, mut line) = (self.at, String::new());
            let read = self.lines.read_line(&mut line)?;
            self.at += read as u64;
            let did = line.split('\t').next().filter(|_| read > 0);
            let same = self.next.as_ref().map(|(next, _)| next.as_str()) == did;
            if same && did.is_none() {
                return Ok(None);
            }
            if !same {
                let before =
                    std::mem::replace(&mut self.next, did.map(|did| (did.to_owned(), begin)));
                if let Some((did, from)) = before {
                    let did = Did::new(did).map_err(io::Error::other)?;
                    let sorted = self.sorted.clone();
                    return Ok(Some(Account { did, sorted, bytes: from..begin }));
                }
            }
        }
    }
}

impl Iterator for Accounts {
    type Item = io::Result<Account>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// A line as it was sorted; none of an account by itself.
fn record(line: &str) -> io::Result<Option<Indexed>> {
    let mut fields = line.split('\t').skip(1).map(str::to_owned);
    let (Some(path), Some(cid)) = (fields.next(), fields.next()) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    Ok((!path.is_empty()).then_some(Indexed { path, cid }))
}

/// Hands over the lines of a file that are not empty. An error names its line.
fn each_line(file: &Path, mut take: impl FnMut(&str) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut lines = BufReader::new(input::open(file)?);
    let (mut line, mut number) = (Vec::new(), 0_u64);
    loop {
        number += 1;
        line.clear();
        let context = || format!("{}, line {number}", file.display());
        let mut limited = (&mut lines).take(MAX_LINE);
        if limited.read_until(b'\n', &mut line).with_context(context)? == 0 {
            return Ok(());
        }
        ensure!((line.len() as u64) < MAX_LINE, "{}: longer than {MAX_LINE} bytes", context());
        let text = str::from_utf8(&line).with_context(context)?.trim();
        if !text.is_empty() {
            take(text).with_context(context)?;
        }
    }
}

/// The longest line that is taken, in bytes. Ours: several times what the longest URI of the
/// protocol, 8 KiB, and a CID need.
const MAX_LINE: u64 = 64 << 10;

//! The archive of a Jetstream server of the second version: all that is still true of the
//! network's history, in files.
//!
//! A *segment* is a file of *blocks*, and a block a zstd frame of some thousand *rows*, column
//! by column. Each row has a sequence number of the server's, which rises from row to row and
//! from segment to segment. Servers *compact*: a record that was changed or deleted since is
//! taken out of the files, with the numbers of all other rows as they were, while the row that
//! changed or deleted it stays. So whoever applies all rows in order has the same in the end,
//! whenever the files were read.
//!
//! ```text
//! segment  "jss0", head of 256 bytes, blocks, index
//! block    length u64, zstd frame
//! rows     count u32, seq[] i64, witnessed[] i64, indexed[] i64, kind[] u8,
//!          collection_len[] u8, did_len[] u16, rkey_len[] u8, rev_len[] u8, payload_len[] u32,
//!          collections, dids, rkeys, revs, payloads
//! ```
//! All numbers are little-endian. Source: the server's
//! [documentation](https://github.com/bluesky-social/jetstream/blob/main/docs/README.md),
//! sections 3.1 and 3.2.

mod block;
pub(crate) mod endpoints;
mod segment;

use atproto_core::{
    data::cbor::{self, Writer},
    frame,
    syntax::{Cid, Datetime},
};

pub use block::{BlockError, Rows};
pub use segment::{HEAD_LEN, SegmentError, SegmentHead};

/// One row of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row<'b> {
    /// The server's sequence number.
    pub seq: i64,
    /// When the server saw it, in Unix microseconds.
    pub witnessed_at: i64,
    /// What the operator says instead, if that is not 0.
    pub indexed_at: i64,
    /// What happened.
    pub kind: RowKind,
    /// The account. Nothing in a row has been looked at.
    pub did: &'b str,
    /// The collection of a record, or nothing.
    pub collection: &'b str,
    /// The record key of a record, or nothing.
    pub rkey: &'b str,
    /// The revision of the repository, or nothing.
    pub rev: &'b str,
    /// The record, or the message of `subscribeRepos` without its header.
    pub payload: &'b [u8],
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowKind {
    /// A record was created, or found when the repository was fetched again.
    Create,
    /// A record is another one now.
    Update,
    /// A record was deleted.
    Delete,
    /// `#identity`.
    Identity,
    /// `#account`.
    Account,
    /// `#sync`.
    Sync,
}

impl RowKind {
    fn of(number: u8) -> Option<Self> {
        Some(match number {
            1 | 7 => Self::Create,
            2 => Self::Update,
            3 => Self::Delete,
            4 => Self::Identity,
            5 => Self::Account,
            6 => Self::Sync,
            _ => return None,
        })
    }
}

impl Row<'_> {
    /// The frame that the server's live stream, `network.bsky.jetstream.subscribeEvents`, has
    /// for it. A payload that is not of the data model is left out.
    pub fn to_frame(&self) -> Vec<u8> {
        let time = if self.indexed_at == 0 { self.witnessed_at } else { self.indexed_at };
        let time = Datetime::from_unix_micros(time);
        let payload = Some(self.payload).filter(|payload| cbor::check(payload).is_ok());
        let mut body = Writer::with_capacity(256 + self.payload.len());
        let (kind, operation) = match self.kind {
            RowKind::Create => ("#commit", "create"),
            RowKind::Update => ("#commit", "update"),
            RowKind::Delete => ("#commit", "delete"),
            RowKind::Identity => ("#identity", "identity"),
            RowKind::Account => ("#account", "account"),
            RowKind::Sync => ("#sync", "sync"),
        };
        let present = payload.filter(|_| self.kind != RowKind::Delete);
        // The canonical order of keys: by length, and then by bytes.
        if kind == "#commit" {
            body.map(7 + 2 * usize::from(present.is_some()));
            if let Some(record) = present {
                body.text("cid").text(&Cid::dag_cbor(record).to_string());
            }
            body.text("did").text(self.did).text("rev").text(self.rev).text("seq").int(self.seq);
            body.text("rkey").text(self.rkey).text("time").text(time.as_str());
            if let Some(record) = present {
                body.text("record").raw(record);
            }
            body.text("operation").text(operation).text("collection").text(self.collection);
        } else {
            body.map(3 + usize::from(present.is_some()));
            body.text("did").text(self.did).text("seq").int(self.seq);
            let sync = present.filter(|_| self.kind == RowKind::Sync);
            if let Some(message) = sync {
                body.text(operation).raw(message);
            }
            body.text("time").text(time.as_str());
            if let Some(message) = present.filter(|_| sync.is_none()) {
                body.text(operation).raw(message);
            }
        }
        frame::encode_message(kind, &body.into_bytes())
    }
}

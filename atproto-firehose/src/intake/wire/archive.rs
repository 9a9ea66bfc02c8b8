//! Messages of `network.bsky.jetstream.subscribeEvents`, in the binary form.

#[cfg(feature = "zstd")]
use atproto_core::data::cbor::Writer;
use atproto_core::{
    data::cbor::{CborError, Reader},
    frame,
    syntax::{Did, SyntaxError},
};
use atproto_repo::{RepoPath, event::Event as Message};
use bytes::Bytes;

use super::{Changed, Content, Frame, Incoming};
use crate::event::Change;

pub(super) fn read(frame: &Bytes) -> Frame {
    match frame::decode(frame) {
        Ok(frame::Frame::Message { kind, body }) => {
            let mut fields = Fields::default();
            let read = fields.read(body);
            let whole = read.map_err(|error| Fault(error.to_string()));
            whole.and_then(|()| fields.frame(kind, frame)).unwrap_or_else(|Fault(reason)| {
                let did = fields.did.and_then(|did| Did::new(did).ok());
                Frame::Invalid { seq: fields.seq, did, reason }
            })
        }
        Ok(frame::Frame::Error { name, message }) => {
            Frame::End { name: name.to_owned(), message: message.map(str::to_owned) }
        }
        Ok(_) => Frame::Unknown { seq: None },
        Err(_) => Frame::Malformed,
    }
}

#[cfg(feature = "zstd")]
pub(super) fn passed(seq: i64) -> Bytes {
    let mut body = Writer::new();
    body.map(1).text("seq").int(seq);
    frame::encode_message(PASSED, &body.into_bytes()).into()
}

/// The fields of a message, of any kind.
#[derive(Default)]
struct Fields<'f> {
    seq: Option<i64>,
    did: Option<&'f str>,
    time: Option<&'f str>,
    rev: Option<&'f str>,
    operation: Option<&'f str>,
    collection: Option<&'f str>,
    rkey: Option<&'f str>,
    cid: Option<&'f str>,
    name: Option<&'f str>,
    record: Option<&'f [u8]>,
    /// A message of `subscribeRepos`.
    message: Option<&'f [u8]>,
}

/// Why a message cannot be read.
struct Fault(String);

impl From<SyntaxError> for Fault {
    fn from(error: SyntaxError) -> Self {
        Self(error.to_string())
    }
}

impl<'f> Fields<'f> {
    fn read(&mut self, body: &'f [u8]) -> Result<(), CborError> {
        let mut reader = Reader::new(body);
        let mut map = reader.map()?;
        while let Some(key) = map.next_key(&mut reader)? {
            match key {
                "seq" => self.seq = Some(reader.int()?),
                "did" => self.did = Some(reader.text()?),
                "time" => self.time = Some(reader.text()?),
                "rev" => self.rev = Some(reader.text()?),
                "operation" => self.operation = Some(reader.text()?),
                "collection" => self.collection = Some(reader.text()?),
                "rkey" => self.rkey = Some(reader.text()?),
                "cid" => self.cid = Some(reader.text()?),
                "name" => self.name = Some(reader.text()?),
                "record" => self.record = Some(reader.raw()?),
                "identity" | "account" | "sync" => self.message = Some(reader.raw()?),
                _ => reader.skip()?,
            }
        }
        Ok(())
    }

    fn frame(&self, kind: &str, frame: &Bytes) -> Result<Frame, Fault> {
        let content = match kind {
            "#commit" => Content::Change(Box::new(self.changed(frame)?)),
            "#identity" | "#account" | "#sync" => {
                let message = frame::encode_message(kind, required(self.message, "message")?);
                let message = Message::decode(message);
                Content::Message(Box::new(message.map_err(|error| Fault(error.to_string()))?))
            }
            "#info" if self.name == Some("OutdatedCursor") => return Ok(Frame::Outdated),
            "#info" => return Ok(Frame::Info),
            PASSED => return Ok(Frame::Passed { seq: required(self.seq, "seq")? }),
            _ => return Ok(Frame::Unknown { seq: self.seq }),
        };
        let (seq, did) = (required(self.seq, "seq")?, required(self.did, "did")?);
        let time = self.time.map(str::to_owned);
        Ok(Frame::Content(Incoming { seq, did: Did::new(did)?, time, content }))
    }

    fn changed(&self, frame: &Bytes) -> Result<Changed, Fault> {
        let did = Did::new(required(self.did, "did")?)?;
        let rev = required(self.rev, "rev")?.parse()?;
        let collection = required(self.collection, "collection")?.parse()?;
        let path = RepoPath::new(collection, required(self.rkey, "rkey")?.parse()?);
        let change = match required(self.operation, "operation")? {
            "delete" => Change::delete(path),
            operation => {
                let record = frame.slice_ref(required(self.record, "record")?);
                let cid = required(self.cid, "cid")?.parse()?;
                match operation {
                    "create" => Change::create(path, cid, record),
                    "update" => Change::update(path, cid, record),
                    other => return Err(Fault(format!("an unknown operation {other:?}"))),
                }
            }
        };
        Ok(Changed { did, rev, change })
    }
}

fn required<T>(field: Option<T>, name: &str) -> Result<T, Fault> {
    field.ok_or_else(|| Fault(format!("field {name} is missing")))
}

/// Ours: no server sends it.
const PASSED: &str = "#passed";

use atproto_core::{
    data::cbor::Reader,
    frame::{self, Frame},
    syntax::{Cid, Did, Handle, Tid},
};
use bytes::Bytes;

use super::{
    AccountEvent, Action, CommitEvent, Event, EventError, FieldFault, IdentityEvent, InfoEvent,
    RepoOp, SyncEvent,
};
use crate::RepoPath;

type Decoded<T> = Result<T, FieldFault>;

pub(super) fn event(bytes: &Bytes) -> Result<Event, EventError> {
    let (kind, body) = match frame::decode(bytes)? {
        Frame::Message { kind, body } => (kind, body),
        Frame::Error { name, message } => {
            let (name, message) = (name.to_owned(), message.map(str::to_owned));
            return Err(EventError::Upstream { name, message });
        }
        _ => return Err(EventError::Unknown { kind: None, seq: None }),
    };
    let body = bytes.slice_ref(body);
    let (kind, decoded) = match kind {
        "#commit" => ("#commit", commit(&body).map(Event::Commit)),
        "#sync" => ("#sync", sync(&body).map(Event::Sync)),
        "#identity" => ("#identity", identity(&body).map(Event::Identity)),
        "#account" => ("#account", account(&body).map(Event::Account)),
        "#info" => ("#info", info(&body).map(Event::Info)),
        other => {
            let (seq, _) = position(&body);
            return Err(EventError::Unknown { kind: Some(other.to_owned()), seq });
        }
    };
    decoded.map_err(|fault| {
        let (seq, did) = position(&body);
        EventError::Invalid { kind, seq, did, fault }
    })
}

fn commit(body: &Bytes) -> Decoded<CommitEvent> {
    let mut fields = Fields::default();
    let (mut commit, mut since, mut prev_data, mut ops) = (None, None, None, None);
    let (mut too_big, mut rebase) = (false, false);
    fields.read(body, |key, reader| {
        match key {
            "ops" => ops = Some(self::ops(reader)?),
            "since" if !reader.is_null()? => since = Some(tid(reader)?),
            "since" => {}
            "commit" => commit = Some(reader.link()?),
            "rebase" => rebase = reader.bool()?,
            "tooBig" => too_big = reader.bool()?,
            "prevData" => prev_data = reader.nullable_link()?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(CommitEvent {
        seq: fields.seq()?,
        repo: fields.repo.ok_or(FieldFault::Missing("repo"))?,
        commit: commit.ok_or(FieldFault::Missing("commit"))?,
        rev: fields.rev.ok_or(FieldFault::Missing("rev"))?,
        since,
        prev_data,
        blocks: fields.blocks.ok_or(FieldFault::Missing("blocks"))?,
        ops: ops.ok_or(FieldFault::Missing("ops"))?,
        time: fields.time.ok_or(FieldFault::Missing("time"))?,
        too_big,
        rebase,
    })
}

fn sync(body: &Bytes) -> Decoded<SyncEvent> {
    let mut fields = Fields::default();
    fields.read(body, |_, _| Ok(false))?;
    Ok(SyncEvent {
        seq: fields.seq()?,
        did: fields.did.ok_or(FieldFault::Missing("did"))?,
        rev: fields.rev.ok_or(FieldFault::Missing("rev"))?,
        blocks: fields.blocks.ok_or(FieldFault::Missing("blocks"))?,
        time: fields.time.ok_or(FieldFault::Missing("time"))?,
    })
}

fn identity(body: &Bytes) -> Decoded<IdentityEvent> {
    let mut fields = Fields::default();
    let mut handle = None;
    fields.read(body, |key, reader| {
        let known = key == "handle";
        if known && !reader.is_null()? {
            handle = Some(Handle::new(reader.text()?)?);
        }
        Ok(known)
    })?;
    Ok(IdentityEvent {
        seq: fields.seq()?,
        did: fields.did.ok_or(FieldFault::Missing("did"))?,
        time: fields.time.ok_or(FieldFault::Missing("time"))?,
        handle,
    })
}

fn account(body: &Bytes) -> Decoded<AccountEvent> {
    let mut fields = Fields::default();
    let (mut active, mut status) = (None, None);
    fields.read(body, |key, reader| {
        match key {
            "active" => active = Some(reader.bool()?),
            "status" if !reader.is_null()? => status = Some(reader.text()?.to_owned()),
            "status" => {}
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(AccountEvent {
        seq: fields.seq()?,
        did: fields.did.ok_or(FieldFault::Missing("did"))?,
        time: fields.time.ok_or(FieldFault::Missing("time"))?,
        active: active.ok_or(FieldFault::Missing("active"))?,
        status,
    })
}

fn info(body: &Bytes) -> Decoded<InfoEvent> {
    let (mut name, mut message) = (None, None);
    Fields::default().read(body, |key, reader| {
        match key {
            "name" => name = Some(reader.text()?.to_owned()),
            "message" if !reader.is_null()? => message = Some(reader.text()?.to_owned()),
            "message" => {}
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(InfoEvent { name: name.ok_or(FieldFault::Missing("name"))?, message })
}

/// The fields that more than one message has.
#[derive(Default)]
struct Fields {
    seq: Option<i64>,
    did: Option<Did>,
    repo: Option<Did>,
    rev: Option<Tid>,
    blocks: Option<Bytes>,
    time: Option<String>,
}

impl Fields {
    /// Reads a body. `special` sees each field first, and says whether it has read it.
    fn read<'a>(
        &mut self,
        body: &'a Bytes,
        mut special: impl FnMut(&str, &mut Reader<'a>) -> Decoded<bool>,
    ) -> Decoded<()> {
        let mut reader = Reader::new(body);
        let mut map = reader.map()?;
        while let Some(key) = map.next_key(&mut reader)? {
            if special(key, &mut reader)? {
                continue;
            }
            match key {
                "seq" => self.seq = Some(reader.int()?),
                "did" => self.did = Some(Did::new(reader.text()?)?),
                "repo" => self.repo = Some(Did::new(reader.text()?)?),
                "rev" => self.rev = Some(tid(&mut reader)?),
                "blocks" => self.blocks = Some(body.slice_ref(reader.bytes()?)),
                "time" => self.time = Some(reader.text()?.to_owned()),
                _ => reader.skip()?,
            }
        }
        Ok(())
    }

    fn seq(&self) -> Decoded<i64> {
        match self.seq {
            Some(seq) if seq > 0 => Ok(seq),
            Some(seq) => Err(FieldFault::Seq(seq)),
            None => Err(FieldFault::Missing("seq")),
        }
    }
}

/// What can be told of a message that has not the right form.
fn position(body: &[u8]) -> (Option<i64>, Option<Did>) {
    fn fields(body: &[u8], found: &mut (Option<i64>, Option<Did>)) -> Decoded<()> {
        let mut reader = Reader::new(body);
        let mut map = reader.map()?;
        while let Some(key) = map.next_key(&mut reader)? {
            let mut value = Reader::new(reader.raw()?);
            match key {
                "seq" => found.0 = value.int().ok().filter(|seq| *seq > 0),
                "did" | "repo" => found.1 = value.text().ok().and_then(|did| did.parse().ok()),
                _ => {}
            }
        }
        Ok(())
    }
    let mut found = (None, None);
    // What was found before the fault stands; there is no more to say about the fault.
    let _ = fields(body, &mut found);
    found
}

fn ops(reader: &mut Reader<'_>) -> Decoded<Vec<RepoOp>> {
    let count = reader.array_len()?;
    if count > MAX_OPS_READ {
        return Err(FieldFault::TooManyOps(count));
    }
    (0..count).map(|_| op(reader)).collect()
}

fn op(reader: &mut Reader<'_>) -> Decoded<RepoOp> {
    let (mut action, mut path, mut cid, mut prev) = (None, None, None::<Option<Cid>>, None);
    let mut map = reader.map()?;
    while let Some(key) = map.next_key(reader)? {
        match key {
            "cid" => cid = Some(reader.nullable_link()?),
            "path" => path = Some(RepoPath::parse(reader.text()?)?),
            "prev" => prev = reader.nullable_link()?,
            "action" => action = Some(self::action(reader.text()?)?),
            _ => reader.skip()?,
        }
    }
    Ok(RepoOp {
        action: action.ok_or(FieldFault::Missing("action"))?,
        path: path.ok_or(FieldFault::Missing("path"))?,
        cid: cid.ok_or(FieldFault::Missing("cid"))?,
        prev,
    })
}

fn action(word: &str) -> Decoded<Action> {
    match word {
        "create" => Ok(Action::Create),
        "update" => Ok(Action::Update),
        "delete" => Ok(Action::Delete),
        _ => Err(FieldFault::Action),
    }
}

fn tid(reader: &mut Reader<'_>) -> Decoded<Tid> {
    Ok(Tid::new(reader.text()?)?)
}

/// The most operations that are decoded. Ours, five times what a commit may have: enough
/// to say of a commit that it has too many, without holding what an attacker lists.
const MAX_OPS_READ: usize = 1_000;

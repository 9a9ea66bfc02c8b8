use atproto_core::{
    data::{Map, Value, json},
    syntax::{Cid, Did, Handle, SyntaxError},
};
use atproto_repo::{
    RepoPath,
    event::{AccountEvent, IdentityEvent},
};

use super::{
    JetstreamCommit, JetstreamContent, JetstreamError, JetstreamEvent, JetstreamOperation,
    JetstreamRecord,
};

impl JetstreamEvent {
    /// Reads the JSON of one event. The caller limits its length. Fields that are not known
    /// are passed over.
    ///
    /// # Errors
    /// [`JetstreamError`].
    pub fn parse(text: &[u8]) -> Result<Self, JetstreamError> {
        let mut fields = json::decode_map(text)?;
        let did = identifier(&fields, "did")?;
        let time_us = integer(&fields, "time_us")?;
        let kind = text_of(&fields, "kind")?.to_owned();
        let content = match &*kind {
            "commit" => {
                JetstreamContent::Commit(commit(&mut map(&mut fields, "commit")?, time_us)?)
            }
            "identity" => JetstreamContent::Identity(identity(&map(&mut fields, "identity")?)?),
            "account" => JetstreamContent::Account(account(&map(&mut fields, "account")?)?),
            _ => return Err(JetstreamError::Kind { kind, time_us }),
        };
        Ok(Self { did, time_us, content })
    }
}

fn commit(fields: &mut Map, time_us: i64) -> Result<JetstreamCommit, JetstreamError> {
    let path = RepoPath::new(identifier(fields, "collection")?, identifier(fields, "rkey")?);
    let operation = match text_of(fields, "operation")? {
        "create" => JetstreamOperation::Create(record(fields)?),
        "update" => JetstreamOperation::Update(record(fields)?),
        "delete" => JetstreamOperation::Delete,
        other => {
            let kind = format!("commit/{other}");
            return Err(JetstreamError::Kind { kind, time_us });
        }
    };
    Ok(JetstreamCommit { rev: identifier(fields, "rev")?, path, operation })
}

fn record(fields: &mut Map) -> Result<JetstreamRecord, JetstreamError> {
    let cid: Cid = identifier(fields, "cid")?;
    let value = Value::Map(map(fields, "record")?);
    Ok(JetstreamRecord { cid, value })
}

fn identity(fields: &Map) -> Result<IdentityEvent, JetstreamError> {
    let did: Did = identifier(fields, "did")?;
    // A handle that is none is as good as no handle: nothing proves it either way.
    let handle = fields.get("handle").and_then(Value::as_str).and_then(|it| Handle::new(it).ok());
    let event = IdentityEvent::new(did, handle, text_of(fields, "time")?);
    Ok(IdentityEvent { seq: integer(fields, "seq")?, ..event })
}

fn account(fields: &Map) -> Result<AccountEvent, JetstreamError> {
    let active = fields.get("active").and_then(Value::as_bool);
    Ok(AccountEvent {
        seq: integer(fields, "seq")?,
        did: identifier(fields, "did")?,
        time: text_of(fields, "time")?.to_owned(),
        active: active.ok_or(JetstreamError::Field("active"))?,
        status: fields.get("status").and_then(Value::as_str).map(str::to_owned),
    })
}

fn map(fields: &mut Map, name: &'static str) -> Result<Map, JetstreamError> {
    match fields.remove(name) {
        Some(Value::Map(map)) => Ok(map),
        _ => Err(JetstreamError::Field(name)),
    }
}

fn integer(fields: &Map, name: &'static str) -> Result<i64, JetstreamError> {
    fields.get(name).and_then(Value::as_i64).ok_or(JetstreamError::Field(name))
}

fn text_of<'m>(fields: &'m Map, name: &'static str) -> Result<&'m str, JetstreamError> {
    fields.get(name).and_then(Value::as_str).ok_or(JetstreamError::Field(name))
}

fn identifier<T>(fields: &Map, name: &'static str) -> Result<T, JetstreamError>
where
    T: std::str::FromStr<Err = SyntaxError>,
{
    Ok(text_of(fields, name)?.parse()?)
}

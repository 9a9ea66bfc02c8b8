//! Writing records in the account's repository.

use atproto_core::{
    data::BlobRef,
    endpoint::{BodyError, NoErrors, Record},
    syntax::{AtUri, Cid, Nsid, RecordKey, Tid},
};
use http::Method;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Session, wire};
use crate::client::{CallError, Request, TransportError, request::RequestBody};

/// Where a record was written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Written {
    /// The record.
    pub uri: AtUri,
    /// This version of it.
    pub cid: Cid,
    /// The commit that wrote it; older servers do not say.
    pub commit: Option<CommitMeta>,
}

/// A commit, as far as the answer to a write names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct CommitMeta {
    /// The commit.
    pub cid: Cid,
    /// Its revision.
    pub rev: Tid,
}

#[derive(Deserialize)]
struct Uploaded {
    blob: BlobRef,
}

pub(super) async fn create<R: Record>(
    session: &impl Session,
    key: Option<&RecordKey>,
    record: &R,
) -> Result<Written, CallError<NoErrors>> {
    let mut input = json!({ "record": as_json(record)? });
    if let Some(key) = key {
        input["rkey"] = json!(key);
    }
    write(session, "com.atproto.repo.createRecord", R::NSID, input).await
}

pub(super) async fn put<R: Record>(
    session: &impl Session,
    key: &RecordKey,
    record: &R,
) -> Result<Written, CallError<NoErrors>> {
    let input = json!({ "rkey": key, "record": as_json(record)? });
    write(session, "com.atproto.repo.putRecord", R::NSID, input).await
}

pub(super) async fn delete<R: Record>(
    session: &impl Session,
    key: &RecordKey,
) -> Result<(), CallError<NoErrors>> {
    let input = json!({ "rkey": key });
    let _commit: Value = write(session, "com.atproto.repo.deleteRecord", R::NSID, input).await?;
    Ok(())
}

pub(super) async fn get<R: Record>(
    session: &impl Session,
    key: &RecordKey,
) -> Result<R, CallError<NoErrors>> {
    #[derive(Deserialize)]
    struct Found {
        value: Value,
    }
    let params = json!({ "repo": session.did(), "collection": R::NSID, "rkey": key });
    let nsid = Nsid::new("com.atproto.repo.getRecord").expect("a well-known name");
    let request = Request::raw(Method::GET, &nsid, &params, None)?;
    let found: Found = exchange(session, &request).await?;
    let record = serde_json::from_value(found.value).map_err(BodyError::from);
    Ok(record.map_err(TransportError::from)?)
}

pub(super) async fn upload(
    session: &impl Session,
    mime_type: &str,
    body: RequestBody,
) -> Result<BlobRef, CallError<NoErrors>> {
    let request = Request::post("com.atproto.repo.uploadBlob", mime_type, body);
    let uploaded: Uploaded = exchange(session, &request).await?;
    Ok(uploaded.blob)
}

async fn write<T: DeserializeOwned>(
    session: &impl Session,
    method: &str,
    collection: &str,
    mut input: Value,
) -> Result<T, CallError<NoErrors>> {
    input["repo"] = json!(session.did());
    input["collection"] = json!(collection);
    exchange(session, &wire::post(method, &input)?).await
}

async fn exchange<T: DeserializeOwned>(
    session: &impl Session,
    request: &Request,
) -> Result<T, CallError<NoErrors>> {
    let response = session.receive(request).await.map_err(CallError::of)?;
    Ok(wire::parse(&response.body)?)
}

/// A record as it is sent: an object that names its type.
fn as_json<R: Record + Serialize>(record: &R) -> Result<Value, TransportError> {
    let encode = |error: serde_json::Error| TransportError::Encode(error.into());
    let mut value = serde_json::to_value(record).map_err(encode)?;
    if let Some(fields) = value.as_object_mut() {
        fields.insert("$type".to_owned(), Value::from(R::NSID));
    }
    Ok(value)
}

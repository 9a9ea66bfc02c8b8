//! Writing records in the account's repository.

use atproto_core::{
    data::BlobRef,
    endpoint::{BodyError, NoErrors, NoParams, Record},
    syntax::{AtUri, Cid, Nsid, RecordKey, Tid},
};
use bytes::Bytes;
use http::Method;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Session, wire};
use crate::client::{CallError, TransportError, send::Outgoing};

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

impl Session {
    /// Creates a record under a key that the server chooses.
    pub async fn create<R: Record>(&self, record: &R) -> Result<Written, CallError<NoErrors>> {
        let input = json!({ "record": as_json(record)? });
        self.write("com.atproto.repo.createRecord", R::NSID, input).await
    }

    /// Creates a record under this key; the server refuses if there is one already.
    pub async fn create_at<R: Record>(
        &self,
        key: &RecordKey,
        record: &R,
    ) -> Result<Written, CallError<NoErrors>> {
        let input = json!({ "rkey": key, "record": as_json(record)? });
        self.write("com.atproto.repo.createRecord", R::NSID, input).await
    }

    /// Writes a record under this key, whatever was there before.
    pub async fn put<R: Record>(
        &self,
        key: &RecordKey,
        record: &R,
    ) -> Result<Written, CallError<NoErrors>> {
        let input = json!({ "rkey": key, "record": as_json(record)? });
        self.write("com.atproto.repo.putRecord", R::NSID, input).await
    }

    /// Deletes a record. There being none is no error.
    pub async fn delete<R: Record>(&self, key: &RecordKey) -> Result<(), CallError<NoErrors>> {
        let input = json!({ "rkey": key });
        let _commit: Value = self.write("com.atproto.repo.deleteRecord", R::NSID, input).await?;
        Ok(())
    }

    /// Reads a record of the account's own.
    pub async fn get<R: Record>(&self, key: &RecordKey) -> Result<R, CallError<NoErrors>> {
        #[derive(Deserialize)]
        struct Found {
            value: Value,
        }
        let params = json!({ "repo": self.did(), "collection": R::NSID, "rkey": key });
        let nsid = Nsid::new("com.atproto.repo.getRecord").expect("a well-known name");
        let outgoing = Outgoing::raw(Method::GET, &nsid, &params, None)?;
        let found: Found = self.exchange(&outgoing).await?;
        let record = serde_json::from_value(found.value).map_err(BodyError::from);
        Ok(record.map_err(TransportError::from)?)
    }

    /// Uploads a blob. It is kept once a record refers to it.
    pub async fn upload_blob(
        &self,
        mime_type: &str,
        bytes: impl Into<Bytes>,
    ) -> Result<BlobRef, CallError<NoErrors>> {
        let nsid = Nsid::new("com.atproto.repo.uploadBlob").expect("a well-known name");
        let body = Some((mime_type, bytes.into()));
        let outgoing = Outgoing::raw(Method::POST, &nsid, &NoParams {}, body)?;
        let uploaded: Uploaded = self.exchange(&outgoing).await?;
        Ok(uploaded.blob)
    }

    async fn write<T: DeserializeOwned>(
        &self,
        method: &str,
        collection: &str,
        mut input: Value,
    ) -> Result<T, CallError<NoErrors>> {
        input["repo"] = json!(self.did());
        input["collection"] = json!(collection);
        self.exchange(&wire::post(method, Some(&input))?).await
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        outgoing: &Outgoing,
    ) -> Result<T, CallError<NoErrors>> {
        let response = self.send(outgoing).await.map_err(CallError::of)?;
        Ok(wire::parse(&response.body)?)
    }
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

//! The few fields of `com.atproto.server` that a session needs, read leniently: a server may
//! leave out or add whatever else the lexicons have.

use atproto_core::{
    endpoint::{BodyError, JSON},
    identity::DidDocument,
    syntax::{Did, Handle},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    super::{Client, Request, TransportError, builder, request::RequestBody},
    SessionState,
};

/// `com.atproto.server.createSession#input`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Login<'a> {
    pub(super) identifier: &'a str,
    pub(super) password: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) auth_factor_token: Option<&'a str>,
}

/// The output of `createSession` and of `refreshSession`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tokens {
    did: Did,
    handle: Handle,
    access_jwt: String,
    refresh_jwt: String,
    #[serde(default)]
    did_doc: Option<serde_json::Value>,
}

impl Tokens {
    /// The session that these tokens begin.
    pub(super) fn into_state(self, client: &Client) -> SessionState {
        SessionState {
            host: Some(self.host(client)),
            did: self.did,
            handle: self.handle,
            access_jwt: self.access_jwt,
            refresh_jwt: self.refresh_jwt,
        }
    }

    /// Renews a session. An answer for another account would be a fault of the server's; the
    /// session stays with its account.
    pub(super) fn update(self, state: &mut SessionState) {
        if self.did == state.did {
            state.handle = self.handle;
            state.access_jwt = self.access_jwt;
            state.refresh_jwt = self.refresh_jwt;
        }
    }

    /// Where the account lives: elsewhere, if the service that was logged in to says so. That
    /// must not be less safe than that service.
    fn host(&self, client: &Client) -> String {
        let elsewhere = self.document().and_then(|document| {
            let host = builder::service_url(document.pds_endpoint()?)?;
            let is_safe = host.scheme() == "https" || client.url().starts_with("http://");
            is_safe.then(|| host.as_str().trim_end_matches('/').to_owned())
        });
        elsewhere.unwrap_or_else(|| client.url().to_owned())
    }

    fn document(&self) -> Option<DidDocument> {
        let json = serde_json::to_vec(self.did_doc.as_ref()?).ok()?;
        DidDocument::from_json(&json).ok().filter(|document| document.id == self.did)
    }
}

/// A procedure with a JSON input.
pub(super) fn post(nsid: &str, input: &impl Serialize) -> Result<Request, TransportError> {
    let body = serde_json::to_vec(input);
    let body = body.map_err(|error| TransportError::Encode(error.into()))?;
    Ok(Request::post(nsid, JSON, RequestBody::Bytes(body.into())))
}

pub(super) fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, TransportError> {
    Ok(serde_json::from_slice(body).map_err(BodyError::from)?)
}

//! What the answers about sessions have in common.

use std::time::Duration;

use atproto_core::{
    data::{Value, json},
    identity::DidDocument,
    syntax::{Did, Handle},
};
use atproto_xrpc::{
    XrpcError,
    auth::session::{Scope, TokenPair},
};

use crate::{
    accounts::{Account, RefreshToken, Status},
    app::App,
};

/// How long a login waits for the account's DID document, which is a courtesy.
const DOCUMENT_TIMEOUT: Duration = Duration::from_secs(3);

impl App {
    /// Begins a session.
    pub async fn begin_session(
        &self,
        did: &Did,
        scope: Scope,
        app_password: Option<String>,
    ) -> Result<TokenPair, XrpcError> {
        let tokens = self.sessions.mint(did, scope);
        self.accounts
            .begin_session(RefreshToken {
                id: tokens.refresh_id.clone(),
                did: did.clone(),
                scope,
                app_password,
                expires: tokens.refresh_expires,
            })
            .await?;
        Ok(tokens)
    }
}

/// The part of an account that clients are shown with a session.
pub(super) struct Profile {
    pub(super) handle: Handle,
    pub(super) did: Did,
    pub(super) document: Option<Value>,
    pub(super) email: Option<String>,
    pub(super) active: bool,
    pub(super) status: Option<String>,
}

impl Profile {
    pub(super) async fn of(app: &App, account: Account, shows_email: bool) -> Self {
        let document = tokio::time::timeout(DOCUMENT_TIMEOUT, app.resolver.did(&account.did)).await;
        let document = document.ok().and_then(Result::ok);
        // The address is the owner's; whoever has an app password need not know it.
        let email = account.email.filter(|_| shows_email);
        Self {
            handle: account.handle.unwrap_or_else(Handle::invalid),
            did: account.did,
            document: document.and_then(|document| as_value(&document)),
            email,
            active: account.status == Status::Active,
            status: account.status.event_status().map(ToOwned::to_owned),
        }
    }
}

/// A document as a field of an answer.
pub(super) fn as_value(document: &DidDocument) -> Option<Value> {
    json::from_json(document.to_json()).ok()
}

/// Puts the optional fields of a profile into an answer; all answers name them alike.
macro_rules! describe {
    ($output:ident, $profile:ident) => {
        $output.did_doc = $profile.document;
        $output.email_confirmed = $profile.email.is_some().then_some(false);
        $output.email_auth_factor = $profile.email.is_some().then_some(false);
        $output.email = $profile.email;
        $output.active = Some($profile.active);
        $output.status = $profile.status.map(Into::into);
    };
}
pub(super) use describe;

use std::sync::Arc;

use atproto_core::{
    lexicon::PermissionSet,
    syntax::{Did, Handle, Nsid},
};
use url::{Url, form_urlencoded};

use super::{
    AuthorizationServer, CODE_SECONDS, Fingerprint, OAuthError, OAuthErrorCode, REQUEST_URI,
    Resolved, fingerprint,
    store::{Approval, ResponseMode, StoredRequest},
};
use crate::oauth::{ClientId, ClientMetadata, Grant, Scopes};

/// What a page has to ask its user: may this app do these things?
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Consent {
    /// Who asks. Its id is all that is known of it; name and pages are its own words.
    pub client: ClientMetadata,
    /// What it asks for, with the names of permission sets.
    pub scopes: Scopes,
    /// What it would be allowed, permission sets written out.
    pub grant: Grant,
    /// The permission sets among it, with what they say of themselves.
    pub sets: Vec<(Nsid, Arc<PermissionSet>)>,
    /// The account that is meant, a handle or a DID: no other may answer.
    pub login_hint: Option<String>,
    /// Where the user goes from here, either way.
    pub redirect_uri: Url,
}

/// Where the user is sent back to, with the answer in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect(pub Url);

impl AuthorizationServer {
    /// What a page has to ask about a request that was pushed. The first browser that asks owns
    /// the request; `browser` is the fingerprint of a secret in a cookie of it.
    pub async fn authorize(
        &self,
        request_uri: &str,
        client_id: &str,
        browser: Fingerprint,
        now: u64,
    ) -> Result<Consent, OAuthError> {
        let id = request_id(request_uri)?;
        let request = self.store.open_request(id, browser, now).await?.ok_or_else(gone)?;
        if ClientId::parse(client_id)?.to_string() != request.client_id {
            return Err(OAuthError::request("the request is another client's"));
        }
        let client = self.client(&request.client_id, now).await?;
        let resolved = Resolved::of(&request.scopes, self.sets.as_ref()).await?;
        let grant = resolved.grant(&request.scopes)?;
        let sets = request.scopes.sets().filter_map(|name| resolved.0.get_key_value(name));
        Ok(Consent {
            client: client.metadata.clone(),
            sets: sets.map(|(name, set)| (name.clone(), Arc::clone(set))).collect(),
            grant,
            redirect_uri: redirect_url(&request)?,
            scopes: request.scopes,
            login_hint: request.login_hint,
        })
    }

    /// The user agrees. Whoever calls it knows that the user is the owner of `account`, which
    /// has that handle, and that this very browser has shown the page.
    pub async fn accept(
        &self,
        request_uri: &str,
        browser: Fingerprint,
        account: &Did,
        handle: Option<&Handle>,
        now: u64,
    ) -> Result<Redirect, OAuthError> {
        let id = request_id(request_uri)?;
        let request = self.store.open_request(id, browser, now).await?.ok_or_else(gone)?;
        let meant = request.login_hint.as_deref().is_none_or(|hint| {
            hint == account.as_str() || handle.is_some_and(|handle| handle.as_str() == hint)
        });
        if !meant {
            let code = OAuthErrorCode::AccessDenied;
            return Err(OAuthError::new(code, "the app asks for another account"));
        }
        self.require_account(account).await?;
        let code = fingerprint::secret();
        let expires = now.saturating_add(CODE_SECONDS);
        let approval = Approval::new(account.clone(), Fingerprint::of(&code), expires);
        let approved = self.store.approve_request(id, browser, approval, now).await?;
        self.answer(&approved.ok_or_else(gone)?, &[("code", &code)])
    }

    /// The user does not agree.
    pub async fn deny(
        &self,
        request_uri: &str,
        browser: Fingerprint,
        now: u64,
    ) -> Result<Redirect, OAuthError> {
        let id = request_id(request_uri)?;
        let request = self.store.take_request(id, browser, now).await?.ok_or_else(gone)?;
        let code = OAuthErrorCode::AccessDenied.as_str();
        self.answer(&request, &[("error", code), ("error_description", "the user said no")])
    }

    fn answer(
        &self,
        request: &StoredRequest,
        answer: &[(&str, &str)],
    ) -> Result<Redirect, OAuthError> {
        let mut url = redirect_url(request)?;
        let common = [("state", request.state.as_str()), ("iss", self.issuer.as_str())];
        let params = answer.iter().chain(&common);
        match request.response_mode {
            ResponseMode::Query => drop(url.query_pairs_mut().extend_pairs(params)),
            ResponseMode::Fragment => {
                let mut text = form_urlencoded::Serializer::new(String::new());
                url.set_fragment(Some(&text.extend_pairs(params).finish()));
            }
        }
        Ok(Redirect(url))
    }
}

fn request_id(request_uri: &str) -> Result<Fingerprint, OAuthError> {
    let id = request_uri.strip_prefix(REQUEST_URI);
    id.map(Fingerprint::of).ok_or_else(|| OAuthError::request("`request_uri` is none of ours"))
}

fn redirect_url(request: &StoredRequest) -> Result<Url, OAuthError> {
    Url::parse(&request.redirect_uri).map_err(OAuthError::fault)
}

fn gone() -> OAuthError {
    OAuthError::request("the request is not there: it has expired, or was answered")
}

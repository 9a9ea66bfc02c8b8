use atproto_core::syntax::AtIdentifier;

use super::{
    Client, Form, OAuthError, OAuthErrorCode, REQUEST_SECONDS,
    store::{ClientKey, ResponseMode, StoredRequest},
};
use crate::oauth::{Scope, Scopes};

/// The longest `state` in bytes. Ours: a random token has some thirty.
pub const MAX_STATE_BYTES: usize = 1024;

/// Checks the parameters of an authorization request: [OAuth specification, "Request
/// Fields"](https://atproto.com/specs/oauth#request-fields).
pub(super) fn read(
    form: &Form<'_>,
    client: &Client,
    client_key: Option<ClientKey>,
    jkt: String,
    now: u64,
) -> Result<StoredRequest, OAuthError> {
    for name in UNSUPPORTED {
        if form.get(name).is_some() {
            return Err(OAuthError::request(format!("`{name}` is not supported")));
        }
    }
    if form.require("response_type")? != "code" {
        let code = OAuthErrorCode::UnsupportedResponseType;
        return Err(OAuthError::new(code, "the response type has to be `code`"));
    }
    let redirect_uri = form.require("redirect_uri")?;
    if !client.metadata.admits_redirect(redirect_uri) {
        return Err(OAuthError::request("`redirect_uri` is none that the client has declared"));
    }
    let mode = form.get("response_mode").map_or(Some(ResponseMode::Query), ResponseMode::from_name);
    if form.get("prompt").is_some_and(|prompt| !PROMPTS.contains(&prompt)) {
        return Err(OAuthError::request("that `prompt` is not offered"));
    }
    if form.get("dpop_jkt").is_some_and(|announced| announced != jkt) {
        return Err(OAuthError::new(
            OAuthErrorCode::InvalidDpopProof,
            "`dpop_jkt` is not the key of the proof",
        ));
    }
    Ok(StoredRequest {
        client_id: client.metadata.client_id.to_string(),
        client_key,
        redirect_uri: redirect_uri.to_owned(),
        response_mode: mode
            .ok_or_else(|| OAuthError::request("that `response_mode` is not supported"))?,
        scopes: scopes(form, client)?,
        state: state(form)?,
        code_challenge: code_challenge(form)?,
        login_hint: login_hint(form)?,
        jkt,
        expires: now.saturating_add(REQUEST_SECONDS),
    })
}

fn scopes(form: &Form<'_>, client: &Client) -> Result<Scopes, OAuthError> {
    let scopes: Scopes = form.require("scope")?.parse()?;
    if !scopes.contains(&Scope::Atproto) {
        return Err(OAuthError::scope("the scope has to include `atproto`"));
    }
    if !scopes.is_subset_of(&client.metadata.scopes) {
        return Err(OAuthError::scope("the scope is more than the client has declared"));
    }
    Ok(scopes)
}

fn state(form: &Form<'_>) -> Result<String, OAuthError> {
    let state = form.require("state")?;
    if state.len() > MAX_STATE_BYTES {
        return Err(OAuthError::request("`state` is too long"));
    }
    Ok(state.to_owned())
}

fn code_challenge(form: &Form<'_>) -> Result<String, OAuthError> {
    let challenge = form.require("code_challenge")?;
    if form.require("code_challenge_method")? != "S256" {
        return Err(OAuthError::request("the `code_challenge_method` has to be `S256`"));
    }
    let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if challenge.len() != CHALLENGE_BYTES || !challenge.bytes().all(is_base64url) {
        return Err(OAuthError::request("`code_challenge` is no SHA-256 in base64url"));
    }
    Ok(challenge.to_owned())
}

fn login_hint(form: &Form<'_>) -> Result<Option<String>, OAuthError> {
    let Some(hint) = form.get("login_hint") else { return Ok(None) };
    let hint = hint.trim_start_matches('@');
    let hint = AtIdentifier::new(hint)
        .or_else(|_| AtIdentifier::new(hint.to_lowercase()))
        .map_err(|_| OAuthError::request("`login_hint` is neither a handle nor a DID"))?;
    Ok(Some(hint.to_string()))
}

/// SHA-256 as base64url without padding.
const CHALLENGE_BYTES: usize = 43;

/// The words of OpenID Connect's `prompt` that ask for no more than what happens anyway: each
/// request is signed in for and consented to. `none`, which asks for neither, is not among them.
const PROMPTS: [&str; 3] = ["login", "consent", "select_account"];

/// What means something elsewhere and must not be passed over in silence.
const UNSUPPORTED: [&str; 6] =
    ["authorization_details", "claims", "id_token_hint", "nonce", "request", "request_uri"];

//! Documents and forms: what goes to servers beside XRPC.

use std::time::Duration;

use atproto_core::crypto::Signer;
use futures::TryStreamExt;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
};
use url::{Url, form_urlencoded};

use super::{OAuthError, Refusal, nonces::Nonces};
use crate::{
    auth::unix_now,
    client::transport::{Content, SendError, Transport},
    media_type,
    oauth::{DpopRequest, MAX_SERVER_METADATA_BYTES},
};

/// Fetches a document: status 200 exactly, JSON, of limited size, in limited time.
pub(super) async fn document(transport: &dyn Transport, url: &Url) -> Result<Vec<u8>, OAuthError> {
    let wrong = |reason| OAuthError::Document { url: url.to_string(), reason };
    let response = exchange(transport, url, request(Method::GET, url, Content::empty())?);
    let (status, response) = response.await?;
    if status != StatusCode::OK {
        return Err(wrong("the status is not 200"));
    }
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !content_type.is_some_and(|it| media_type::admits(JSON, it)) {
        return Err(wrong("it is not `application/json`"));
    }
    response.into_body().ok_or_else(|| wrong("it is too long"))
}

/// Sends a form with a proof of possession.
pub(super) async fn post_form(
    transport: &dyn Transport,
    nonces: &Nonces,
    endpoint: &Url,
    form: &[(&str, &str)],
    key: &dyn Signer,
) -> Result<Vec<u8>, OAuthError> {
    let mut request = request(Method::POST, endpoint, Content::from(encode(form)))?;
    let proof = DpopRequest { method: "POST", url: endpoint, access_token: None };
    let proof = proof.prove(key, nonces.of(endpoint).as_deref(), unix_now())?;
    let proof = HeaderValue::try_from(proof).expect("a token is the text of a header");
    request.headers_mut().insert("dpop", proof);
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
    let (status, response) = exchange(transport, endpoint, request).await?;
    let noted = nonces.note(endpoint, response.headers());
    let body = response.into_body().unwrap_or_default();
    if !status.is_success() {
        return Err(OAuthError::Refused(refusal(status, &body)));
    }
    noted.ok_or(OAuthError::Token("it has no `DPoP-Nonce`"))?;
    Ok(body)
}

fn encode(form: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

/// The error that an answer names, or one of our own that names the status.
fn refusal(status: StatusCode, body: &[u8]) -> Refusal {
    match serde_json::from_slice::<Refusal>(body) {
        Ok(refusal) => Refusal { status, ..refusal },
        Err(_) => {
            let error = if status.is_server_error() { "server_error" } else { "invalid_request" };
            let description = Some(format!("status {}", status.as_u16()));
            Refusal { error: error.to_owned(), description, status }
        }
    }
}

fn request(method: Method, url: &Url, content: Content) -> Result<Request<Content>, OAuthError> {
    let request = Request::builder().method(method).uri(url.as_str());
    let request = request.header(ACCEPT, JSON).body(content);
    request.map_err(|error| failed(url, SendError::refused(error)))
}

/// One request and its whole answer; `None` for a body that is too long.
async fn exchange(
    transport: &dyn Transport,
    url: &Url,
    request: Request<Content>,
) -> Result<(StatusCode, Response<Option<Vec<u8>>>), OAuthError> {
    let work = async {
        let (head, content) = transport.send(request).await?.into_parts();
        let mut pieces = content.into_stream();
        let mut body = Some(Vec::new());
        while let (Some(bytes), Some(piece)) = (&mut body, pieces.try_next().await?) {
            if bytes.len() + piece.len() > MAX_SERVER_METADATA_BYTES {
                body = None;
                break;
            }
            bytes.extend_from_slice(&piece);
        }
        Ok((head.status, Response::from_parts(head, body)))
    };
    let answer = tokio::time::timeout(LONGEST, work).await;
    let answer = answer.unwrap_or_else(|_| Err(SendError::lost("no complete answer in time")));
    answer.map_err(|source| failed(url, source))
}

fn failed(url: &Url, source: SendError) -> OAuthError {
    OAuthError::Send { url: url.to_string(), source }
}

/// The time for one document or form. Ours, as for DID documents.
const LONGEST: Duration = Duration::from_secs(10);

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

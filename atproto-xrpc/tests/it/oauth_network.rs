//! A host and an authorization server without sockets, which can be told to misbehave.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::{SystemTime, UNIX_EPOCH},
};

use atproto_core::identity::DidDocument;
use atproto_xrpc::{
    client::{
        oauth::{Flow, OAuthApp, OAuthClient, OAuthClientBuilder, OAuthSession},
        store::MemoryStore,
        transport::{Content, SendError},
    },
    oauth::{DpopError, DpopNonces, DpopRequest, DpopVerifier, Pkce},
};
use futures::TryStreamExt;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use crate::{
    directory::{Directory, alice},
    endpoints::GetThing,
};

pub(crate) const PDS: &str = "https://pds.example";
pub(crate) const ISSUER: &str = "https://auth.example";
pub(crate) const REDIRECT: &str = "http://127.0.0.1:4321/callback";
pub(crate) const RESOURCE: &str = "/.well-known/oauth-protected-resource";
pub(crate) const SCOPE: &str = "atproto repo:org.example.status";

/// Changes a JSON answer before it is sent.
type Change = Box<dyn Fn(&mut Value) + Send>;

pub(crate) struct Network {
    pub(crate) directory: Arc<Directory>,
    pub(crate) store: Arc<MemoryStore>,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) verifier: Option<DpopVerifier>,
    /// What was sent, in order: method, URL, form.
    pub(crate) seen: Vec<(Method, Url, HashMap<String, String>)>,
    pub(crate) proofs: Vec<String>,
    requests: HashMap<String, HashMap<String, String>>,
    codes: HashMap<String, Code>,
    /// The tokens that are good now: access and refresh.
    pub(crate) tokens: Option<(String, String)>,
    pub(crate) refreshes: usize,
    pub(crate) revoked: Vec<String>,
    made: usize,
    pub(crate) changes: HashMap<&'static str, Change>,
    /// Answers in place of the proper ones, by path.
    pub(crate) instead: HashMap<&'static str, Answer>,
    pub(crate) without_nonces: bool,
}

struct Code {
    request: HashMap<String, String>,
    jkt: String,
}

#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Answer {
    pub(crate) fn json(body: &Value) -> Self {
        let (status, content_type) = (200, "application/json");
        Self { status, content_type, body: body.to_string().into_bytes(), headers: Vec::new() }
    }

    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    fn error(status: u16, name: &str) -> Self {
        Self::json(&json!({ "error": name, "error_description": "as told" })).status(status)
    }
}

/// A document of an account at the host.
pub(crate) fn account(host: &str) -> DidDocument {
    DidDocument::new(alice()).with_handle(&"alice.example".parse().unwrap()).with_service(
        "atproto_pds",
        "AtprotoPersonalDataServer",
        host,
    )
}

impl Network {
    pub(crate) fn new() -> Arc<Self> {
        let directory = Directory::with([account(PDS)]);
        directory.point("alice.example", &alice());
        let network =
            Self { directory, store: Arc::default(), state: Mutex::new(State::default()) };
        network.rotate_nonces();
        Arc::new(network)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// From now on no nonce that was given before is admitted.
    pub(crate) fn rotate_nonces(&self) {
        self.state().verifier = Some(DpopVerifier::new(DpopNonces::generate()));
    }

    /// Changes what is answered at a path.
    pub(crate) fn change(&self, path: &'static str, change: impl Fn(&mut Value) + Send + 'static) {
        self.state().changes.insert(path, Box::new(change));
    }

    pub(crate) fn instead(&self, path: &'static str, answer: Answer) {
        self.state().instead.insert(path, answer);
    }

    pub(crate) fn builder(self: &Arc<Self>, app: OAuthApp) -> OAuthClientBuilder {
        let network = Arc::clone(self);
        let transport = move |request| {
            let network = Arc::clone(&network);
            async move { network.answer(request).await }
        };
        OAuthClient::builder(app, self.directory.clone(), self.store.clone()).transport(transport)
    }

    pub(crate) fn client(self: &Arc<Self>) -> OAuthClient {
        self.builder(app()).build().unwrap()
    }

    /// The user agrees; gives the query of the address that they are sent back to.
    pub(crate) fn approve(&self, flow: &Flow) -> String {
        let query: HashMap<_, _> = flow.url.query_pairs().into_owned().collect();
        let mut state = self.state();
        let request = state.requests.remove(&query["request_uri"]).expect("a pushed request");
        assert_eq!(request["client_id"], query["client_id"]);
        state.made += 1;
        let code = format!("code-{}", state.made);
        let back = form_urlencoded::Serializer::new(String::new())
            .append_pair("iss", ISSUER)
            .append_pair("state", &request["state"])
            .append_pair("code", &code)
            .finish();
        let jkt = request["jkt"].clone();
        state.codes.insert(code, Code { request, jkt });
        back
    }

    async fn answer(&self, request: Request<Content>) -> Result<Response<Content>, SendError> {
        let (head, content) = request.into_parts();
        let body: Vec<_> = content.into_stream().try_collect().await?;
        let form: HashMap<_, _> = form_urlencoded::parse(&body.concat()).into_owned().collect();
        let url = Url::parse(&head.uri.to_string()).unwrap();
        let answer = self.state().answer(&head.method, &url, &head.headers, form);
        // Others get their turn, as with a network.
        tokio::task::yield_now().await;
        let mut response = Response::builder()
            .status(StatusCode::from_u16(answer.status).unwrap())
            .header("content-type", answer.content_type);
        for (name, value) in answer.headers {
            response = response.header(name, value);
        }
        Ok(response.body(Content::from(answer.body)).unwrap())
    }
}

impl State {
    fn answer(
        &mut self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        form: HashMap<String, String>,
    ) -> Answer {
        self.seen.push((method.clone(), url.clone(), form.clone()));
        let path = url.path().to_owned();
        let mut answer = match self.instead.get(path.as_str()) {
            Some(answer) => answer.clone(),
            None => self.proper(method, url, headers, form),
        };
        if let Some(change) = self.changes.get(path.as_str())
            && answer.status < 300
        {
            let mut json = serde_json::from_slice(&answer.body).unwrap();
            change(&mut json);
            answer.body = json.to_string().into_bytes();
        }
        if headers.contains_key("dpop") && !self.without_nonces {
            let nonce = self.verifier.as_ref().unwrap().nonces().current(now());
            answer.headers.push(("dpop-nonce", nonce));
        }
        answer
    }

    fn proper(
        &mut self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        form: HashMap<String, String>,
    ) -> Answer {
        let site = url.origin().ascii_serialization();
        match (site.as_str(), url.path()) {
            (PDS, RESOURCE) => {
                Answer::json(&json!({ "resource": PDS, "authorization_servers": [ISSUER] }))
            }
            (ISSUER, "/.well-known/oauth-authorization-server") => Answer::json(&metadata(ISSUER)),
            (ISSUER, "/par") => match self.proof(method, url, headers, None) {
                Ok(jkt) => self.push(jkt, form),
                Err(error) => Answer::error(400, error.name()),
            },
            (ISSUER, "/token") => match self.proof(method, url, headers, None) {
                Ok(jkt) => self.token(&jkt, &form),
                Err(error) => Answer::error(400, error.name()),
            },
            (ISSUER, "/revoke") => {
                self.revoked.push(form["token"].clone());
                self.tokens = None;
                Answer::json(&json!({}))
            }
            (PDS, path) if path.starts_with("/xrpc/") => self.call(method, url, headers),
            _ => Answer::error(404, "NotFound"),
        }
    }

    fn proof(
        &mut self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        access_token: Option<&str>,
    ) -> Result<String, DpopError> {
        let proof = headers.get("dpop").and_then(|it| it.to_str().ok()).unwrap_or_default();
        self.proofs.push(proof.to_owned());
        let request = DpopRequest { method: method.as_str(), url, access_token };
        self.verifier.as_ref().unwrap().verify(proof, &request, now()).map(|proof| proof.jkt)
    }

    fn push(&mut self, jkt: String, mut form: HashMap<String, String>) -> Answer {
        self.made += 1;
        let request_uri = format!("urn:ietf:params:oauth:request_uri:{}", self.made);
        form.insert("jkt".into(), jkt);
        self.requests.insert(request_uri.clone(), form);
        Answer::json(&json!({ "request_uri": request_uri, "expires_in": 300 })).status(201)
    }

    fn token(&mut self, jkt: &str, form: &HashMap<String, String>) -> Answer {
        match form["grant_type"].as_str() {
            "authorization_code" => {
                let Some(code) = self.codes.remove(&form["code"]) else {
                    return Answer::error(400, "invalid_grant");
                };
                let challenge = &code.request["code_challenge"];
                let is_same = code.jkt == jkt
                    && Pkce::matches(&form["code_verifier"], challenge)
                    && code.request["redirect_uri"] == form["redirect_uri"]
                    && code.request["client_id"] == form["client_id"];
                if is_same { self.mint() } else { Answer::error(400, "invalid_grant") }
            }
            "refresh_token" => {
                self.refreshes += 1;
                let is_current = self
                    .tokens
                    .as_ref()
                    .is_some_and(|(_, refresh)| *refresh == form["refresh_token"]);
                if is_current { self.mint() } else { Answer::error(400, "invalid_grant") }
            }
            _ => Answer::error(400, "unsupported_grant_type"),
        }
    }

    fn mint(&mut self) -> Answer {
        self.made += 1;
        let (access, refresh) = (format!("access {}", self.made), format!("ref {}", self.made));
        self.tokens = Some((access.clone(), refresh.clone()));
        Answer::json(&json!({
            "access_token": access, "refresh_token": refresh, "token_type": "DPoP",
            "expires_in": 300, "scope": SCOPE, "sub": alice(),
        }))
    }

    fn call(&mut self, method: &Method, url: &Url, headers: &HeaderMap) -> Answer {
        let challenge = |error: &str| {
            let mut answer = Answer::error(401, "AuthenticationRequired");
            answer.headers.push(("www-authenticate", format!("DPoP error=\"{error}\"")));
            answer
        };
        let authorization = headers.get("authorization").and_then(|it| it.to_str().ok());
        let Some(token) = authorization.and_then(|it| it.strip_prefix("DPoP ")) else {
            return challenge("invalid_request");
        };
        match self.proof(method, url, headers, Some(token)) {
            Err(error) => challenge(error.name()),
            Ok(_) if self.tokens.as_ref().is_none_or(|(access, _)| access != token) => {
                challenge("invalid_token")
            }
            Ok(_) => Answer::json(&json!({ "text": "yours" })),
        }
    }
}

pub(crate) fn app() -> OAuthApp {
    OAuthApp::localhost(REDIRECT.parse().unwrap(), SCOPE.parse().unwrap()).unwrap()
}

/// What a proper authorization server says of itself.
pub(crate) fn metadata(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "revocation_endpoint": format!("{issuer}/revoke"),
        "pushed_authorization_request_endpoint": format!("{issuer}/par"),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
        "scopes_supported": ["atproto"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "authorization_response_iss_parameter_supported": true,
        "require_pushed_authorization_requests": true,
        "client_id_metadata_document_supported": true,
    })
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn thing() -> GetThing {
    GetThing { actor: "x".into(), ..GetThing::default() }
}

pub(crate) async fn login(network: &Arc<Network>) -> (OAuthClient, OAuthSession) {
    let oauth = network.client();
    let flow = oauth.authorize("alice.example").await.unwrap();
    let login = oauth.callback(&network.approve(&flow)).await.unwrap();
    (oauth, login.session)
}

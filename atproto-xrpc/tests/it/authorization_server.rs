//! An authorization server and apps that ask it, without sockets and without a clock.

mod clients;
mod codes;
mod documents;
mod policy;
mod requests;
mod sessions;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use atproto_core::{
    crypto::{Curve, SecretKey},
    lexicon::{Document as Lexicon, PermissionSet},
    syntax::{Did, Handle, Nsid},
};
use atproto_xrpc::{
    auth::jwt,
    oauth::{
        DpopRequest, Jwk, Pkce,
        authorization_server::{
            ASSERTION_TYPE, AuthorizationServer, Document, FetchDocument, FetchFailure,
            Fingerprint, Form, OAuthError, OAuthErrorCode, PermissionSets, TokenAnswer, paths,
            store::MemoryStore,
        },
    },
};
use futures::future::BoxFuture;
use http::StatusCode;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

pub(crate) const NOW: u64 = 1_790_000_000;
pub(crate) const ISSUER: &str = "https://pds.example.com";
pub(crate) const PUBLIC: &str = "https://app.example.com/client.json";
pub(crate) const CONFIDENTIAL: &str = "https://web.example.com/client.json";
pub(crate) const CALLBACK: &str = "https://app.example.com/callback";
const SCOPE: &str = "atproto repo:com.example.a";

/// A status, a media type, a body.
type Answer = (u16, &'static str, Vec<u8>);

/// What clients publish.
#[derive(Default)]
pub(crate) struct Published {
    documents: Mutex<HashMap<String, Answer>>,
    pub(crate) fetched: Mutex<Vec<String>>,
}

impl Published {
    pub(crate) fn put(&self, url: &str, status: u16, content_type: &'static str, body: Vec<u8>) {
        self.documents.lock().unwrap().insert(url.to_owned(), (status, content_type, body));
    }

    pub(crate) fn json(&self, url: &str, value: &Value) {
        self.put(url, 200, "application/json", value.to_string().into_bytes());
    }
}

impl FetchDocument for Published {
    fn fetch<'a>(
        &'a self,
        url: &'a Url,
        max_bytes: usize,
    ) -> BoxFuture<'a, Result<Document, FetchFailure>> {
        self.fetched.lock().unwrap().push(url.to_string());
        let found = self.documents.lock().unwrap().get(url.as_str()).cloned();
        Box::pin(async move {
            let (status, content_type, body) =
                found.ok_or_else(|| FetchFailure("no such host".to_owned()))?;
            if body.len() > max_bytes {
                return Err(FetchFailure("too large".to_owned()));
            }
            let status = StatusCode::from_u16(status).unwrap();
            Ok(Document::new(status, Some(content_type.to_owned()), body.into()))
        })
    }
}

/// Permission sets that are published.
#[derive(Default)]
pub(crate) struct Sets(pub(crate) Mutex<HashMap<Nsid, Arc<PermissionSet>>>);

impl Sets {
    pub(crate) fn put(&self, name: &str, permissions: &Value) {
        let document = json!({
            "lexicon": 1,
            "id": name,
            "defs": { "main": {
                "type": "permission-set",
                "title": "Everything",
                "permissions": permissions,
            } },
        });
        let lexicon = Lexicon::from_json(document.to_string().as_bytes()).unwrap();
        let set = match lexicon.definition("main") {
            Some(atproto_core::lexicon::Definition::PermissionSet(set)) => set.clone(),
            other => panic!("{other:?}"),
        };
        self.0.lock().unwrap().insert(Nsid::new(name).unwrap(), Arc::new(set));
    }
}

impl PermissionSets for Sets {
    fn find<'a>(&'a self, set: &'a Nsid) -> BoxFuture<'a, Option<Arc<PermissionSet>>> {
        let found = self.0.lock().unwrap().get(set).cloned();
        Box::pin(async move { found })
    }
}

pub(crate) struct World {
    pub(crate) server: Arc<AuthorizationServer>,
    pub(crate) published: Arc<Published>,
    pub(crate) sets: Arc<Sets>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|server| server)
    }

    pub(crate) fn with(change: impl FnOnce(AuthorizationServer) -> AuthorizationServer) -> Self {
        let (published, sets) = (Arc::new(Published::default()), Arc::new(Sets::default()));
        let server = AuthorizationServer::new(
            ISSUER,
            &Did::new("did:web:pds.example.com").unwrap(),
            Arc::new(SecretKey::generate(Curve::P256)),
            Arc::new(MemoryStore::default()),
            Arc::clone(&published) as _,
        );
        let server = server.unwrap().permission_sets(Arc::clone(&sets) as _);
        published.json(PUBLIC, &public_client());
        Self { server: Arc::new(change(server)), published, sets }
    }

    pub(crate) fn app(&self) -> App<'_> {
        App {
            world: self,
            client_id: PUBLIC.to_owned(),
            key: SecretKey::generate(Curve::P256),
            assertion_key: None,
            pkce: Pkce::generate(),
            scope: SCOPE.to_owned(),
            now: NOW,
        }
    }

    /// An app that authenticates itself; its key is published.
    pub(crate) fn confidential(&self) -> App<'_> {
        let key = SecretKey::generate(Curve::P256);
        self.published.json(CONFIDENTIAL, &confidential_client(&json!([named(&key, "one")])));
        let client_id = CONFIDENTIAL.to_owned();
        App { client_id, assertion_key: Some(("one".to_owned(), key)), ..self.app() }
    }
}

pub(crate) fn public_client() -> Value {
    json!({
        "client_id": PUBLIC,
        "client_name": "An app",
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": "atproto repo:com.example.a repo:com.example.b include:com.example.set",
        "response_types": ["code"],
        "redirect_uris": [CALLBACK],
        "dpop_bound_access_tokens": true,
        "token_endpoint_auth_method": "none",
    })
}

pub(crate) fn confidential_client(keys: &Value) -> Value {
    let mut document = public_client();
    document["client_id"] = json!(CONFIDENTIAL);
    document["token_endpoint_auth_method"] = json!("private_key_jwt");
    document["token_endpoint_auth_signing_alg"] = json!("ES256");
    document["jwks"] = json!({ "keys": keys });
    document
}

pub(crate) fn named(key: &SecretKey, kid: &str) -> Value {
    let mut key = serde_json::to_value(Jwk(key.public_key())).unwrap();
    key["kid"] = json!(kid);
    key
}

/// An app on one device.
pub(crate) struct App<'w> {
    pub(crate) world: &'w World,
    pub(crate) client_id: String,
    pub(crate) key: SecretKey,
    pub(crate) assertion_key: Option<(String, SecretKey)>,
    pub(crate) pkce: Pkce,
    pub(crate) scope: String,
    pub(crate) now: u64,
}

impl App<'_> {
    /// A form with some fields changed, or taken out where they are empty.
    fn form(&self, fields: &[(&str, &str)], changes: &[(&str, &str)]) -> String {
        let mut fields: Vec<_> =
            fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        fields.push(("client_id", self.client_id.clone()));
        if let Some((kid, key)) = &self.assertion_key {
            fields.push(("client_assertion_type", ASSERTION_TYPE.to_owned()));
            fields.push(("client_assertion", self.assertion(key, kid, &json!({}))));
        }
        for (name, value) in changes {
            fields.retain(|(known, _)| known != name);
            if !value.is_empty() {
                fields.push((name, (*value).to_owned()));
            }
        }
        form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
    }

    pub(crate) fn assertion(&self, key: &SecretKey, kid: &str, changes: &Value) -> String {
        let mut claims = json!({
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": ISSUER,
            "jti": Pkce::generate().verifier(),
            "iat": self.now,
            "exp": self.now + 60,
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        jwt::sign(key, "JWT", Some(kid), &claims).unwrap()
    }

    pub(crate) fn proof(&self, path: &str) -> String {
        let url = Url::parse(&format!("{ISSUER}{path}")).unwrap();
        let request = DpopRequest { method: "POST", url: &url, access_token: None };
        let nonce = self.world.server.nonce(self.now);
        request.prove(&self.key, Some(&nonce), self.now).unwrap()
    }

    /// Pushes a request; gives its `request_uri`.
    pub(crate) async fn push(&self, changes: &[(&str, &str)]) -> Result<String, OAuthError> {
        let challenge = self.pkce.challenge();
        let state = Pkce::generate().challenge();
        let fields = [
            ("response_type", "code"),
            ("redirect_uri", CALLBACK),
            ("scope", &self.scope),
            ("state", &state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let form = self.form(&fields, changes);
        let form = Form::parse(form.as_bytes())?;
        let proof = self.proof(paths::PAR);
        Ok(self.world.server.push(&form, Some(&proof), self.now).await?.request_uri)
    }

    /// The user agrees; gives the address that the app is called back at.
    pub(crate) async fn accepted(&self, request_uri: &str) -> Result<Url, OAuthError> {
        let server = &self.world.server;
        server.authorize(request_uri, &self.client_id, browser(), self.now).await?;
        let handle = Handle::new("alice.test").unwrap();
        let back = server.accept(request_uri, browser(), &alice(), Some(&handle), self.now).await?;
        Ok(back.0)
    }

    /// The whole way up to a code.
    pub(crate) async fn code(&self) -> String {
        let request_uri = self.push(&[]).await.unwrap();
        param(&self.accepted(&request_uri).await.unwrap(), "code")
    }

    pub(crate) async fn exchange(
        &self,
        code: &str,
        changes: &[(&str, &str)],
    ) -> Result<TokenAnswer, OAuthError> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", self.pkce.verifier()),
        ];
        self.token(&self.form(&fields, changes)).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Result<TokenAnswer, OAuthError> {
        self.token(&self.form(&[("grant_type", "refresh_token"), ("refresh_token", token)], &[]))
            .await
    }

    pub(crate) async fn token(&self, form: &str) -> Result<TokenAnswer, OAuthError> {
        let proof = self.proof(paths::TOKEN);
        let form = Form::parse(form.as_bytes())?;
        self.world.server.token(&form, Some(&proof), self.now).await
    }

    pub(crate) async fn revoke(&self, token: &str) -> Result<(), OAuthError> {
        let form = self.form(&[("token", token)], &[]);
        let form = Form::parse(form.as_bytes())?;
        self.world.server.revoke(&form, None, self.now).await
    }

    /// The whole way.
    pub(crate) async fn log_in(&self) -> TokenAnswer {
        let code = self.code().await;
        self.exchange(&code, &[]).await.unwrap()
    }

    /// Whether an access token is good, in the hand of this app.
    pub(crate) async fn is_good(&self, access_token: &str) -> bool {
        let jkt = Jwk(self.key.public_key()).thumbprint();
        self.world.server.introspect(access_token, &jkt, self.now).await.is_ok()
    }
}

pub(crate) fn alice() -> Did {
    Did::new("did:web:alice.example").unwrap()
}

pub(crate) fn browser() -> Fingerprint {
    Fingerprint::of("a cookie")
}

pub(crate) fn param(url: &Url, name: &str) -> String {
    let found = url.query_pairs().find(|(known, _)| known == name);
    found.unwrap_or_else(|| panic!("{url} has no {name}")).1.into_owned()
}

#[track_caller]
pub(crate) fn code_of<T: std::fmt::Debug>(answer: Result<T, OAuthError>) -> OAuthErrorCode {
    answer.unwrap_err().code
}

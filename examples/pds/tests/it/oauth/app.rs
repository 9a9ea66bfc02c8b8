//! An app on one device.

use std::time::{SystemTime, UNIX_EPOCH};

use atproto_core::{
    crypto::{Curve, SecretKey},
    syntax::{Did, Handle},
};
use atproto_xrpc::oauth::{
    DpopRequest, Pkce,
    authorization_server::{Fingerprint, Form, OAuthError, TokenAnswer, paths},
};
use serde_json::Value;
use url::{Url, form_urlencoded};

use crate::{
    harness::{Answer, Pds},
    network::{self, Directory, text},
};

const REDIRECT: &str = "http://127.0.0.1:4711/callback";

/// A server with an account, `alice.test`.
pub(crate) async fn start(options: &[&str]) -> (Pds, Value, tempfile::TempDir) {
    let (_directory, url) = Directory::start().await;
    let dir = tempfile::tempdir().unwrap();
    let pds = network::pds(dir.path(), &url, options).await;
    let alice = pds.sign_up("alice").await;
    (pds, alice, dir)
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) struct OAuthApp<'p> {
    pub(crate) pds: &'p Pds,
    pub(crate) key: SecretKey,
    pub(crate) client_id: String,
    pub(crate) scope: String,
}

impl<'p> OAuthApp<'p> {
    pub(crate) fn new(pds: &'p Pds, scope: &str) -> Self {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let query = query.append_pair("redirect_uri", REDIRECT).append_pair("scope", scope);
        Self {
            pds,
            key: SecretKey::generate(Curve::P256),
            client_id: format!("http://localhost?{}", query.finish()),
            scope: scope.to_owned(),
        }
    }

    /// Pushes a request; gives its `request_uri`.
    pub(crate) async fn push(&self, hint: Option<&str>) -> String {
        self.push_with(&Pkce::generate(), hint).await
    }

    async fn push_with(&self, pkce: &Pkce, hint: Option<&str>) -> String {
        let (challenge, state) = (pkce.challenge(), Pkce::generate().challenge());
        let mut fields = vec![
            ("client_id", self.client_id.as_str()),
            ("response_type", "code"),
            ("redirect_uri", REDIRECT),
            ("scope", &self.scope),
            ("state", &state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        fields.extend(hint.map(|hint| ("login_hint", hint)));
        let request = self.pds.http.post(self.at(paths::PAR)).form(&fields);
        let request = request.header("dpop", self.proof("POST", paths::PAR, None));
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        text(&answer.body, "request_uri").to_owned()
    }

    /// Gets tokens for an account whose owner agrees.
    pub(crate) async fn log_in(&self, account: &Value) -> TokenAnswer {
        let did = Did::new(text(account, "did")).unwrap();
        let handle = Handle::new(text(account, "handle")).unwrap();
        let pkce = Pkce::generate();
        let request = self.push_with(&pkce, None).await;
        let (browser, now) = (Fingerprint::of("a cookie"), now());
        let server = &self.pds.app.oauth;
        server.authorize(&request, &self.client_id, browser, now).await.unwrap();
        let back = server.accept(&request, browser, &did, Some(&handle), now).await.unwrap().0;
        let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", pkce.verifier()),
        ];
        self.token(&fields).await.unwrap()
    }

    pub(crate) async fn refresh(&self, token: &str) -> Result<TokenAnswer, OAuthError> {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    async fn token(&self, fields: &[(&str, &str)]) -> Result<TokenAnswer, OAuthError> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        let form = form.extend_pairs(fields).append_pair("client_id", &self.client_id).finish();
        let proof = self.proof("POST", paths::TOKEN, None);
        let form = Form::parse(form.as_bytes())?;
        self.pds.app.oauth.token(&form, Some(&proof), now()).await
    }

    pub(crate) fn proof(&self, method: &str, path: &str, token: Option<&str>) -> String {
        let nonce = self.pds.app.oauth.nonce(now());
        self.proof_with(method, path, token, Some(&nonce), now())
    }

    pub(crate) fn proof_with(
        &self,
        method: &str,
        path: &str,
        access_token: Option<&str>,
        nonce: Option<&str>,
        now: u64,
    ) -> String {
        let url = Url::parse(&format!("{}{path}", self.pds.app.config.public_url())).unwrap();
        DpopRequest { method, url: &url, access_token }.prove(&self.key, nonce, now).unwrap()
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.pds.url)
    }

    /// A request to a method, with token and proof.
    pub(crate) fn request(&self, verb: &str, method: &str, token: &str) -> reqwest::RequestBuilder {
        let path = format!("/xrpc/{}", method.split('?').next().unwrap());
        let request =
            self.pds.http.request(verb.parse().unwrap(), self.at(&format!("/xrpc/{method}")));
        request
            .header("authorization", format!("DPoP {token}"))
            .header("dpop", self.proof(verb, &path, Some(token)))
    }

    /// Calls a query.
    pub(crate) async fn get(&self, method: &str, token: &str) -> Answer {
        Answer::of(self.request("GET", method, token).send().await.unwrap()).await
    }

    /// Calls a procedure.
    pub(crate) async fn post(&self, method: &str, token: &str, body: &Value) -> Answer {
        Answer::of(self.request("POST", method, token).json(body).send().await.unwrap()).await
    }
}

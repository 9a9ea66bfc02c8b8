//! What a user does in a browser at the reference implementation's authorization server.

use std::collections::BTreeMap;

use atproto_core::identity::tls;
use reqwest::{Client, Method, RequestBuilder, Response, redirect};
use serde_json::{Value, json};
use url::Url;

use super::{Member, PASSWORD};

/// Signs in and agrees; gives the address that the browser is sent to then.
pub(super) async fn agree(at: &Url, member: &Member) -> Url {
    let mut browser = Browser::new(at);
    browser.visit(at, "none").await;
    let credentials = json!({
        "locale": "en", "username": member.handle, "password": PASSWORD, "remember": false,
    });
    let signed_in = browser.api("/sign-in", &credentials, None).await;
    let token = signed_in["ephemeralToken"].as_str().unwrap();
    let agreed = browser.api("/consent", &json!({ "did": member.did }), Some(token)).await;
    let next = agreed["url"].as_str().unwrap().parse().unwrap();
    let back = browser.visit(&next, "same-origin").await;
    back.headers()["location"].to_str().unwrap().parse().unwrap()
}

/// As much of a browser as that takes.
struct Browser {
    client: Client,
    page: Url,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    fn new(page: &Url) -> Self {
        let client = Client::builder()
            .tls_backend_preconfigured(tls::client_config())
            .redirect(redirect::Policy::none())
            .user_agent("test");
        Self { client: client.build().unwrap(), page: page.clone(), cookies: BTreeMap::new() }
    }

    async fn visit(&mut self, url: &Url, from: &str) -> Response {
        let request = self.client.request(Method::GET, url.clone());
        let request = request
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document")
            .header("sec-fetch-site", from)
            .header("referer", self.page.as_str());
        self.send(request).await
    }

    async fn api(&mut self, path: &str, input: &Value, token: Option<&str>) -> Value {
        let url = format!("{}/@atproto/oauth-provider/~api{path}", self.origin());
        let mut request = self
            .client
            .post(url)
            .header("x-csrf-token", &self.cookies["csrf-token"])
            .header("origin", self.origin())
            .header("referer", self.page.as_str())
            .header("sec-fetch-mode", "same-origin")
            .header("sec-fetch-dest", "empty")
            .header("sec-fetch-site", "same-origin")
            .json(input);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = self.send(request).await;
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn send(&mut self, request: RequestBuilder) -> Response {
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let answer = request.header("cookie", cookies).send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = cookie.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    fn origin(&self) -> String {
        self.page.origin().ascii_serialization()
    }
}

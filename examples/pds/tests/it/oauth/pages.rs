//! The pages on which users answer.

use serde_json::json;

use super::app::{OAuthApp, start};
use crate::{harness::Pds, network::text};

/// As much of a browser as plain forms need.
struct Browser<'p> {
    pds: &'p Pds,
    http: reqwest::Client,
    cookie: Option<String>,
}

/// A page that came.
struct Page {
    status: u16,
    headers: reqwest::header::HeaderMap,
    text: String,
}

impl<'p> Browser<'p> {
    fn new(pds: &'p Pds) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Self { pds, http: http.build().unwrap(), cookie: None }
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Page {
        let request = match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        };
        let response = request.send().await.unwrap();
        if let Some(cookie) = response.headers().get("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
            self.cookie = cookie.split(';').next().map(ToOwned::to_owned);
        }
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Page { status, headers, text: response.text().await.unwrap() }
    }

    async fn open(&mut self, app: &OAuthApp<'_>, request_uri: &str) -> Page {
        let query = [("client_id", app.client_id.as_str()), ("request_uri", request_uri)];
        let request = self.http.get(app.at("/oauth/authorize")).query(&query);
        self.send(request).await
    }

    /// Sends the first form of a page as the browser would that shows it.
    async fn submit(&mut self, page: &Page, fields: &[(&str, &str)]) -> Page {
        let origin = self.pds.app.config.public_url();
        let headers = [("origin", origin.as_str()), ("sec-fetch-site", "same-origin")];
        self.submit_as(page, fields, &headers).await
    }

    async fn submit_as(
        &mut self,
        page: &Page,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Page {
        let form = page.text.split("<form method=\"post\" action=\"").nth(1);
        let form = form.unwrap_or_else(|| panic!("no form in {}", page.text));
        let (action, form) = form.split_once('"').unwrap();
        let mut values = Vec::new();
        for field in form.split("<input type=\"hidden\" name=\"").skip(1) {
            let (name, rest) = field.split_once("\" value=\"").unwrap();
            let value = rest.split_once('"').unwrap().0.replace("&amp;", "&").replace("&#39;", "'");
            values.push((name.to_owned(), value));
        }
        for (name, value) in fields {
            values.retain(|(known, _)| known != name);
            values.push(((*name).to_owned(), (*value).to_owned()));
        }
        let request = self.http.post(format!("{}{action}", self.pds.url)).form(&values);
        let request = headers.iter().fold(request, |it, (name, value)| it.header(*name, *value));
        self.send(request).await
    }
}

const ALICE: [(&str, &str); 2] = [("identifier", "alice.test"), ("password", "password of alice")];

#[tokio::test]
async fn a_user_signs_in_and_allows() {
    let (pds, _alice, _dir) = start(&[]).await;
    let app = OAuthApp::new(&pds, "atproto repo:app.bsky.feed.post?action=create");
    let mut browser = Browser::new(&pds);
    let page = browser.open(&app, &app.push(None).await).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let consent = browser.submit(&page, &ALICE).await;
    assert!(consent.text.contains("Create records in app.bsky.feed.post"), "{}", consent.text);
    let policy = consent.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("form-action 'self' http://127.0.0.1:4711;"), "{policy}");
    let back = browser.submit(&consent, &[("answer", "allow")]).await;
    assert_eq!(back.status, 303);
    let location = back.headers["location"].to_str().unwrap();
    assert!(location.starts_with("http://127.0.0.1:4711/callback?code="), "{location}");
    // Once.
    let again = browser.submit(&consent, &[("answer", "allow")]).await;
    assert_eq!(again.status, 400);
}

#[tokio::test]
async fn t82_a_sign_in_is_over_when_the_password_changes() {
    let (pds, alice, _dir) = start(&[]).await;
    let app = OAuthApp::new(&pds, "atproto");
    let mut browser = Browser::new(&pds);
    let page = browser.open(&app, &app.push(None).await).await;
    let consent = browser.submit(&page, &ALICE).await;
    assert!(consent.text.contains("Allow access?"), "{}", consent.text);
    let password = json!({ "did": text(&alice, "did"), "password": "another password" });
    pds.post_as_admin("com.atproto.admin.updateAccountPassword", &password).await.ok();
    let refused = browser.submit(&consent, &[("answer", "allow")]).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("The sign-in is over."), "{}", refused.text);
}

#[tokio::test]
async fn oc_012_a_program_under_development_is_shown_as_one() {
    let (pds, _alice, _dir) = start(&[]).await;
    let app = OAuthApp::new(&pds, "atproto");
    let mut browser = Browser::new(&pds);
    let page = browser.open(&app, &app.push(None).await).await;
    let id =
        "http://localhost/?redirect_uri=http%3A%2F%2F127.0.0.1%3A4711%2Fcallback&amp;scope=atproto";
    assert!(page.text.contains(id), "{}", page.text);
    assert!(page.text.contains("A program on this computer"));
}

#[tokio::test]
async fn t83_pages_stand_alone() {
    let (pds, _alice, _dir) = start(&[]).await;
    let app = OAuthApp::new(&pds, "atproto");
    let mut browser = Browser::new(&pds);
    let request_uri = app.push(None).await;
    let page = browser.open(&app, &request_uri).await;
    for (name, part) in [
        ("content-security-policy", "frame-ancestors 'none'"),
        ("content-security-policy", "default-src 'none'"),
        ("content-security-policy", "base-uri 'none'"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    ] {
        assert!(page.headers[name].to_str().unwrap().contains(part), "{name}");
    }
    let query = [("client_id", app.client_id.as_str()), ("request_uri", &request_uri)];
    for (mode, dest, status) in [
        ("navigate", "document", 200),
        ("navigate", "iframe", 400),
        ("navigate", "embed", 400),
        ("no-cors", "image", 400),
        ("cors", "empty", 400),
    ] {
        let request = browser.http.get(app.at("/oauth/authorize")).query(&query);
        let request = request.header("sec-fetch-mode", mode).header("sec-fetch-dest", dest);
        assert_eq!(browser.send(request).await.status, status, "{mode} {dest}");
    }
    // Nothing of the query comes back as markup, or leads anywhere.
    for (client, request) in [
        ("<script>", "x"),
        ("http://localhost", "\"><script>"),
        ("https://evil.example/c.json", request_uri.as_str()),
    ] {
        let query = [("client_id", client), ("request_uri", request)];
        let page = browser.http.get(app.at("/oauth/authorize")).query(&query);
        let page = browser.send(page).await;
        assert_eq!(page.status, 400, "{client}");
        assert!(!page.text.contains("<script>") && !page.headers.contains_key("location"));
    }
}

#[tokio::test]
async fn t83_forms_come_from_the_pages_that_were_shown() {
    let (pds, _alice, _dir) = start(&[]).await;
    let app = OAuthApp::new(&pds, "atproto");
    let mut browser = Browser::new(&pds);
    let page = browser.open(&app, &app.push(None).await).await;
    let origin = pds.app.config.public_url();
    let own = [("origin", origin.as_str())];
    for headers in [
        &[][..],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", origin.as_str()), ("sec-fetch-site", "cross-site")],
        &[("origin", origin.as_str()), ("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "none")],
    ] {
        assert_eq!(browser.submit_as(&page, &ALICE, headers).await.status, 403, "{headers:?}");
    }
    let forged = [ALICE[0], ALICE[1], ("token", "forged")];
    assert_eq!(browser.submit_as(&page, &forged, &own).await.status, 403);
    let mut stranger = Browser::new(&pds);
    assert_eq!(stranger.submit_as(&page, &ALICE, &own).await.status, 400, "no cookie");
    let other = OAuthApp::new(&pds, "atproto");
    stranger.open(&other, &other.push(None).await).await;
    assert_eq!(stranger.submit_as(&page, &ALICE, &own).await.status, 403);
    let consent = browser.submit(&page, &ALICE).await;
    assert_eq!(consent.status, 200);
    for ticket in ["", "x.y.z"] {
        let answer = [("answer", "allow"), ("ticket", ticket)];
        assert_eq!(browser.submit(&consent, &answer).await.status, 400);
    }
    assert_eq!(stranger.submit(&consent, &[("answer", "allow")]).await.status, 403);
    assert_eq!(browser.submit(&consent, &[("answer", "deny")]).await.status, 303);
}

#[tokio::test]
async fn t74_and_t78_passwords_are_not_guessed_and_app_passwords_not_taken() {
    let (pds, alice, _dir) = start(&[]).await;
    let app = OAuthApp::new(&pds, "atproto");
    let mut browser = Browser::new(&pds);
    let page = browser.open(&app, &app.push(None).await).await;
    let made = pds.post_as(
        text(&alice, "accessJwt"),
        "com.atproto.server.createAppPassword",
        Some(json!({ "name": "phone" })),
    );
    let made = made.await.ok();
    let with = |password| [("identifier", "alice.test"), ("password", password)];
    let refused = browser.submit(&page, &with(text(&made, "password"))).await;
    assert!(refused.text.contains("App passwords cannot be used here"), "{}", refused.text);
    for _ in 0..5 {
        let refused = browser.submit(&page, &with("a guess")).await;
        assert!(refused.text.contains("not the right password"), "{}", refused.text);
    }
    let refused = browser.submit(&page, &with("password of alice")).await;
    assert!(refused.text.contains("tried too often"), "{}", refused.text);
}

#[tokio::test]
async fn oa_029_only_the_account_that_is_meant_can_answer() {
    let (pds, _alice, _dir) = start(&[]).await;
    pds.sign_up("bobby").await;
    let app = OAuthApp::new(&pds, "atproto");
    let mut browser = Browser::new(&pds);
    let page = browser.open(&app, &app.push(Some("bobby.test")).await).await;
    assert!(page.text.contains("value=\"bobby.test\" readonly"), "{}", page.text);
    let refused = browser.submit(&page, &ALICE).await;
    assert!(refused.text.contains("another account"), "{}", refused.text);
    let bobby = [("identifier", "bobby.test"), ("password", "password of bobby")];
    assert!(browser.submit(&page, &bobby).await.text.contains("Allow access?"));
}

#[tokio::test]
async fn oa_030_a_user_sees_sessions_and_ends_them() {
    let (pds, alice, _dir) = start(&[]).await;
    let app = OAuthApp::new(&pds, "atproto");
    let token = app.log_in(&alice).await.access_token;
    let other = OAuthApp::new(&pds, "atproto");
    let bobby = pds.sign_up("bobby").await;
    let of_bobby = other.log_in(&bobby).await.access_token;
    let mut browser = Browser::new(&pds);
    let request = browser.http.get(app.at("/account"));
    let page = browser.send(request).await;
    let list = browser.submit(&page, &ALICE).await;
    assert_eq!(list.text.matches("End access").count(), 1, "{}", list.text);
    let id = text(&bobby, "did");
    let sessions = pds.app.oauth.store().sessions_of(&id.parse().unwrap(), super::app::now());
    let foreign = sessions.await.unwrap()[0].id.clone();
    browser.submit(&list, &[("session", &foreign)]).await;
    assert_eq!(other.get("com.atproto.server.getSession", &of_bobby).await.status, 200);
    let rest = browser.submit(&list, &[]).await;
    assert!(rest.text.contains("There are none."), "{}", rest.text);
    assert_eq!(app.get("com.atproto.server.getSession", &token).await.status, 401);
}

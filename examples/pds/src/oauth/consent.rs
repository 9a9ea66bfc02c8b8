//! The page of a request: who asks, for what; and signing in for it.

use std::sync::Arc;

use atproto_core::syntax::{AtIdentifier, Handle};
use atproto_xrpc::oauth::{
    ClientId, ClientMetadata,
    authorization_server::{Consent, Form},
};
use axum::{
    extract::{Request, State},
    response::Response,
};

use super::{
    answer,
    browser::{Browser, Posted, check_navigation},
    html::Html,
    now,
    page::{Page, Problem},
    sign_in::{self, SignInError},
    ticket, words,
};
use crate::{accounts::Account, app::App};

/// A request that a page is about.
struct Asked<'f> {
    request_uri: &'f str,
    client_id: &'f str,
}

/// Shows the sign-in for a request.
pub(super) async fn begin(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Problem> {
    check_navigation(request.headers())?;
    let query = request.uri().query().unwrap_or_default();
    let form = Form::parse(query.as_bytes())?;
    let browser = Browser::of(&app, request.headers())?;
    let asked = Asked::of(&form)?;
    let consent = asked.find(&app, &browser).await?;
    let page = sign_in_page(&app, &browser, &asked, &consent, None);
    Ok(browser.show(&app, page))
}

/// Checks the sign-in and shows what the app asks for.
pub(super) async fn signed_in(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Problem> {
    let posted = Posted::read(&app, request).await?;
    let form = posted.form()?;
    let asked = Asked::of(&form)?;
    posted.check(&app, &form, asked.request_uri)?;
    let consent = asked.find(&app, &posted.browser).await?;
    let wrong = match sign_in::check(&app, &posted, &form).await {
        Ok(account) if is_meant(&consent, &account) => {
            let page = consent_page(&app, &posted.browser, &asked, consent, &account)?;
            return Ok(posted.browser.show(&app, page));
        }
        Ok(_) => "The app asks for another account than this one.",
        Err(SignInError::Wrong(wrong)) => wrong,
        Err(SignInError::Failed(problem)) => return Err(problem),
    };
    let page = sign_in_page(&app, &posted.browser, &asked, &consent, Some(wrong));
    Ok(posted.browser.show(&app, page))
}

impl<'f> Asked<'f> {
    fn of(form: &'f Form<'_>) -> Result<Self, Problem> {
        Ok(Self {
            request_uri: form.require("request_uri")?,
            client_id: form.require("client_id")?,
        })
    }

    async fn find(&self, app: &App, browser: &Browser) -> Result<Consent, Problem> {
        let fingerprint = browser.fingerprint();
        Ok(app.oauth.authorize(self.request_uri, self.client_id, fingerprint, now()).await?)
    }

    fn hidden(&self, app: &App, browser: &Browser) -> Html {
        Html::default()
            .hidden("request_uri", self.request_uri)
            .hidden("client_id", self.client_id)
            .hidden("token", browser.token(app, self.request_uri))
    }
}

fn is_meant(consent: &Consent, account: &Account) -> bool {
    let Some(hint) = &consent.login_hint else { return true };
    hint == account.did.as_str()
        || account.handle.as_ref().is_some_and(|handle| handle.as_str() == hint)
}

fn sign_in_page(
    app: &App,
    browser: &Browser,
    asked: &Asked<'_>,
    consent: &Consent,
    wrong: Option<&str>,
) -> Page {
    let hint = consent.login_hint.as_deref();
    let body = Html::new("<h1>Sign in</h1><p>An app asks for access to your account at <b>")
        .text(host(app))
        .raw("</b>.</p>")
        .push(&client(&consent.client, &app.config.oauth_trusted_clients))
        .raw("<form method=\"post\" action=\"/oauth/authorize/sign-in\">")
        .push(&asked.hidden(app, browser))
        .push(&sign_in::fields(hint, hint.is_some_and(is_known), wrong))
        .raw("</form>");
    Page::new("Sign in", body)
}

/// With a hint only that account may answer, so that there is nothing to type.
fn is_known(hint: &str) -> bool {
    AtIdentifier::new(hint).is_ok()
}

fn consent_page(
    app: &App,
    browser: &Browser,
    asked: &Asked<'_>,
    consent: Consent,
    account: &Account,
) -> Result<Page, Problem> {
    let ticket = ticket::issue(app, browser, account, asked.request_uri)?;
    let sentences = words::of_grant(&consent.grant).into_iter();
    let items = sentences.map(|text| Html::new("<li>").text(text).raw("</li>"));
    let body = Html::new("<h1>Allow access?</h1>")
        .push(&client(&consent.client, &app.config.oauth_trusted_clients))
        .raw("<p>It asks for access to the account <b>")
        .text(account.handle.as_ref().map_or(account.did.as_str(), Handle::as_str))
        .raw("</b>. It could:</p><ul>")
        .extend(items)
        .raw("</ul>")
        .push(&sets(&consent))
        .raw("<form method=\"post\" action=\"")
        .raw(answer::PATH)
        .raw("\">")
        .push(&asked.hidden(app, browser))
        .hidden("ticket", ticket)
        .raw(
            "<div class=\"buttons\">\
             <button class=\"main\" name=\"answer\" value=\"allow\">Allow</button>\
             <button name=\"answer\" value=\"deny\">Do not allow</button></div></form>\
             <p class=\"quiet\">Either way you go on to <code>",
        )
        .text(destination(&consent))
        .raw("</code>. You can end the access later at <code>")
        .text(app.config.public_url())
        .raw("/account</code>.</p>");
    Ok(Page::new("Allow access?", body).leads_to(consent.redirect_uri))
}

/// The permission sets, with what they say of themselves.
fn sets(consent: &Consent) -> Html {
    if consent.sets.is_empty() {
        return Html::default();
    }
    let items = consent.sets.iter().map(|(name, set)| {
        let title = set.title.as_deref().unwrap_or_default();
        let detail = set.detail.as_deref().unwrap_or_default();
        Html::new("<div class=\"box\"><p><b>")
            .text(title)
            .raw("</b> <code>")
            .text(name)
            .raw("</code></p><p>")
            .text(detail)
            .raw("</p></div>")
    });
    Html::new("<h2>These permissions are of sets that describe themselves as</h2>").extend(items)
}

/// Who asks. Of an app that the operator does not know there is nothing but its address: name
/// and pages are whatever it likes to say.
fn client(client: &ClientMetadata, trusted: &[String]) -> Html {
    let id = client.client_id.to_string();
    let mut html = Html::new("<div class=\"box\">");
    let known = trusted.contains(&id);
    match (&client.client_id, client.client_name.as_deref().filter(|_| known)) {
        (ClientId::Localhost(_), _) => {
            html = html.raw("<p><b>A program on this computer</b>, under development</p>");
        }
        (ClientId::Web(_), Some(name)) => html = html.raw("<p><b>").text(name).raw("</b></p>"),
        (ClientId::Web(url), None) => {
            let host = url.host_str().unwrap_or_default();
            html = html.raw("<p>The app at <b>").text(host).raw("</b></p>");
        }
    }
    html = html.raw("<p class=\"quiet\"><code>").text(&id).raw("</code></p>");
    if let Some(home) = client.client_uri.as_ref().filter(|_| known) {
        html = html.raw("<p class=\"quiet\">").text(home).raw("</p>");
    }
    html.raw("</div>")
}

fn destination(consent: &Consent) -> String {
    let url = &consent.redirect_uri;
    match url.scheme() {
        "http" | "https" => url.origin().ascii_serialization(),
        scheme => format!("the app {scheme}"),
    }
}

fn host(app: &App) -> String {
    let url = app.config.public_url();
    url.split_once("://").map_or(url.clone(), |(_, host)| host.to_owned())
}

#[cfg(test)]
mod tests {
    use atproto_xrpc::oauth::{ClientId, ClientMetadata};

    use super::client;

    const ID: &str = "https://app.example.com/client.json";

    #[test]
    fn oc_012_the_name_of_an_unknown_app_is_not_shown() {
        let document = serde_json::json!({
            "client_id": ID,
            "client_name": "Your <b>bank</b>",
            "client_uri": "https://app.example.com/home",
            "grant_types": ["authorization_code"],
            "scope": "atproto",
            "response_types": ["code"],
            "redirect_uris": ["https://app.example.com/callback"],
            "dpop_bound_access_tokens": true,
        });
        let id = ClientId::parse(ID).unwrap();
        let metadata = ClientMetadata::read(id, document.to_string().as_bytes()).unwrap();
        let unknown = client(&metadata, &[]).into_string();
        assert!(unknown.contains(ID) && unknown.contains("<b>app.example.com</b>"), "{unknown}");
        assert!(!unknown.contains("bank") && !unknown.contains("home"), "{unknown}");
        let known = client(&metadata, &[ID.to_owned()]).into_string();
        assert!(known.contains(ID) && known.contains("Your &lt;b&gt;bank&lt;/b&gt;"), "{known}");
        assert!(known.contains("https://app.example.com/home"), "{known}");
    }
}

//! As much of a browser, and of its user, as the pages of our PDS need.

use reqwest::{Client, RequestBuilder, Response, redirect};

use crate::host::PASSWORD;

/// Opens the address, signs in, allows what is asked for, and goes where that leads.
pub(crate) async fn allow(address: &str, host: &str, account: &str) {
    let http = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
    let page = http.get(address).send().await.unwrap();
    let cookie = page.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap();
    let cookie = cookie.to_owned();
    let post = |text: String, answers: &[(&str, &str)]| {
        let (action, fields) = form(&text, answers);
        let post = http.post(format!("{host}{action}")).header("cookie", &cookie);
        send(post.header("origin", host).header("sec-fetch-site", "same-origin").form(&fields))
    };
    let sign_in = page.text().await.unwrap();
    let consent = post(sign_in, &[("identifier", account), ("password", PASSWORD)]).await;
    let back = post(consent.text().await.unwrap(), &[("answer", "allow")]).await;
    let location = back.headers()["location"].to_str().unwrap();
    send(http.get(location)).await.error_for_status().unwrap();
}

async fn send(request: RequestBuilder) -> Response {
    request.send().await.unwrap()
}

/// The first form of a page: where it goes, its hidden fields, and the user's answers.
fn form(page: &str, answers: &[(&str, &str)]) -> (String, Vec<(String, String)>) {
    let form = page.split("<form method=\"post\" action=\"").nth(1);
    let (action, form) = form.unwrap_or_else(|| panic!("{page}")).split_once('"').unwrap();
    let hidden = form.split("<input type=\"hidden\" name=\"").skip(1).map(|field| {
        let (name, rest) = field.split_once("\" value=\"").unwrap();
        let value = rest.split_once('"').unwrap().0;
        (name.to_owned(), value.replace("&#39;", "'").replace("&amp;", "&"))
    });
    let answers = answers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    (action.to_owned(), hidden.chain(answers).collect())
}

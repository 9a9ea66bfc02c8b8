use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, atomic::Ordering},
};

use atproto_core::syntax::Datetime;
use atproto_lexicons::{
    app::bsky::{feed::Post, graph::Follow},
    com::atproto::repo::ListRecords,
};
use atproto_xrpc::{
    Session,
    client::{
        oauth::{LoopbackListener, OAuthApp, OAuthClient, OAuthError, OAuthState},
        store::{MemoryStore, SavedSession},
    },
};
use futures::{TryStreamExt, future};
use serde_json::{Value, json};
use url::Url;

use super::{Reference, consent, counting, post};
use crate::support::{Run, arg, atp};

const SCOPE: &str = "atproto repo:app.bsky.feed.post blob:*/*";

#[tokio::test(flavor = "multi_thread")]
async fn a_login_by_oauth_writes_renews_and_ends() {
    let Some(reference) = Reference::find() else { return };
    let member = reference.sign_up("olga").await;
    let listener = LoopbackListener::bind().await.unwrap();
    let app = OAuthApp::localhost(listener.redirect_uri().clone(), SCOPE.parse().unwrap());
    let store = Arc::new(MemoryStore::default());
    let (transport, refreshes) = counting("/oauth/token");
    let oauth = OAuthClient::builder(app.unwrap(), reference.resolver(), store.clone());
    let oauth = oauth.allow_loopback(true).transport(transport).build().unwrap();

    let flow = oauth.authorize(member.handle.as_str()).await.unwrap();
    let back = consent::agree(&flow.url, &member).await;
    let session = oauth.callback(back.as_str()).await.unwrap().session;
    assert_eq!(session.did(), member.did);
    assert_eq!(session.granted().to_string(), SCOPE);

    let written = session.create(&post("by OAuth")).await.unwrap();
    let key = written.uri.rkey().unwrap();
    assert_eq!(session.get::<Post>(&key).await.unwrap().text, "by OAuth");
    session.put(&key, &post("changed")).await.unwrap();
    session.upload_blob("image/png", vec![7; 300_000]).await.unwrap();
    let follow = Follow::new(member.did.clone(), Datetime::now());
    let error = session.create(&follow).await.unwrap_err();
    assert_eq!(error.status().map(|status| status.as_u16()), Some(403), "{error}");

    // Sixty-four find the token expired, of two that have the session.
    let asked = refreshes.load(Ordering::Relaxed);
    expire(&store, &session.state()).await;
    let session = oauth.restore(&member.did).await.unwrap().unwrap();
    let twin = oauth.restore(&member.did).await.unwrap().unwrap();
    let list = || ListRecords::new(member.did.clone(), "app.bsky.feed.post".parse().unwrap());
    let calls = (0..64).map(|turn| if turn % 2 == 0 { &session } else { &twin }.call(list()));
    for listed in future::join_all(calls).await {
        assert_eq!(listed.unwrap().records.len(), 1);
    }
    // The first of them may have to ask for a nonce.
    let asked = refreshes.load(Ordering::Relaxed) - asked;
    assert!((1..=2).contains(&asked), "{asked} refreshes");
    assert!(session.state() == twin.state());
    let pages: Vec<_> = session.pages(list()).try_collect().await.unwrap();
    assert_eq!(pages.iter().map(|page| page.records.len()).sum::<usize>(), 1);

    session.delete::<Post>(&key).await.unwrap();
    let kept = SavedSession::OAuth(session.state());
    session.logout().await.unwrap();
    kept.save(&*store).await.unwrap();
    let revoked = oauth.restore(&member.did).await.unwrap().unwrap();
    let error = revoked.refresh().await.unwrap_err();
    assert!(
        matches!(&error, atproto_xrpc::client::CallError::Session(it) if it.is_over()),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_and_a_request_pass_once() {
    let Some(reference) = Reference::find() else { return };
    let member = reference.sign_up("otto").await;
    let redirect = "http://127.0.0.1:9/callback".parse().unwrap();
    let app = OAuthApp::localhost(redirect, SCOPE.parse().unwrap()).unwrap();
    let oauth = OAuthClient::builder(app, reference.resolver(), Arc::<MemoryStore>::default());
    let oauth = oauth.allow_loopback(true).build().unwrap();

    // From the server: who it is turns out at the end.
    let flow = oauth.authorize(&reference.pds).await.unwrap();
    let back = consent::agree(&flow.url, &member).await;
    let session = oauth.callback(back.as_str()).await.unwrap().session;
    assert_eq!(session.did(), member.did);
    assert!(matches!(oauth.callback(back.as_str()).await, Err(OAuthError::State)));

    let other = oauth.authorize(member.did.as_str()).await.unwrap();
    let stolen = back.as_str().replace(&flow.state, &other.state);
    let error = oauth.callback(&stolen).await.unwrap_err();
    assert_eq!(error.name(), Some("invalid_grant"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn atp_logs_in_by_oauth_and_its_commands_go_on() {
    let Some(reference) = Reference::find() else { return };
    let member = reference.sign_up("olaf").await;
    let folder = tempfile::tempdir().unwrap();
    let terminal = Terminal { session: arg(folder.path(), "session.json"), reference };

    let mut login =
        terminal.spawn(&["account", "login", "--oauth", member.handle.as_str(), "--scope", SCOPE]);
    let mut lines = BufReader::new(login.stdout.take().unwrap()).lines();
    let told: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    let url: Url = told["url"].as_str().unwrap().parse().unwrap();
    let back = consent::agree(&url, &member).await;
    let page = reqwest::Client::builder()
        .tls_backend_preconfigured(atproto_core::identity::tls::client_config());
    page.build().unwrap().get(back).send().await.unwrap().error_for_status().unwrap();
    let facts: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!((&facts["did"], &facts["scope"]), (&json!(member.did), &json!(SCOPE)));
    assert!(login.wait().unwrap().success());
    assert_private(&terminal.session);

    let note = arg(folder.path(), "post.json");
    fs::write(
        &note,
        json!({ "$type": "app.bsky.feed.post", "text": "by atp", "createdAt": Datetime::now() })
            .to_string(),
    )
    .unwrap();
    let written = terminal.run(&["record", "create", &note]).await.fine().json().remove(0);
    assert!(written["uri"].as_str().unwrap().starts_with(&format!("at://{}/", member.did)));
    terminal.run(&["blob", "upload", &note]).await.fine();
    let follow = arg(folder.path(), "follow.json");
    fs::write(&follow, json!({ "$type": "app.bsky.graph.follow", "subject": member.did, "createdAt": Datetime::now() }).to_string()).unwrap();
    let refused = terminal.run(&["record", "create", &follow]).await.refused();
    assert!(refused.stderr.contains("403"), "{}", refused.stderr);

    // As after a night: the token has expired, the next command renews it and keeps that.
    let before = fs::read_to_string(&terminal.session).unwrap();
    let mut file: Value = serde_json::from_str(&before).unwrap();
    let key = format!("session:{}", member.did);
    let mut kept: Value = serde_json::from_str(file[&key].as_str().unwrap()).unwrap();
    kept["expiresAt"] = json!(1);
    file[&key] = json!(kept.to_string());
    fs::write(&terminal.session, file.to_string()).unwrap();
    terminal.run(&["record", "create", &note]).await.fine();
    let after = fs::read_to_string(&terminal.session).unwrap();
    assert!(!after.contains(kept["refreshToken"].as_str().unwrap()), "the used token is kept");
    assert_private(&terminal.session);

    terminal.run(&["account", "logout"]).await.fine();
    terminal.run(&["record", "create", &note]).await.refused();
    fs::write(&terminal.session, after).unwrap();
    let refused = terminal.run(&["record", "create", &note]).await.refused();
    assert!(!refused.stderr.contains("not logged in"), "{}", refused.stderr);
}

/// Lets the access token of a kept session appear to have expired.
async fn expire(store: &MemoryStore, state: &OAuthState) {
    let mut state = state.clone();
    state.expires_at = Some(1);
    SavedSession::OAuth(state).save(store).await.unwrap();
}

/// A terminal in which one login is kept.
struct Terminal {
    session: String,
    reference: Reference,
}

impl Terminal {
    fn args(&self, command: &[&str]) -> Vec<String> {
        let mut args = vec!["--json".to_owned()];
        args.extend(command.iter().map(|word| (*word).to_owned()));
        args.extend(["--session".to_owned(), self.session.clone()]);
        args.extend(self.reference.network());
        args
    }

    async fn run(&self, command: &[&str]) -> Run {
        let args = self.args(command);
        tokio::task::spawn_blocking(move || atp(&args)).await.unwrap()
    }

    fn spawn(&self, command: &[&str]) -> Child {
        let atp = Command::new(env!("CARGO_BIN_EXE_atp"))
            .args(self.args(command))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn();
        atp.unwrap()
    }
}

#[cfg(unix)]
fn assert_private(file: &str) {
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[cfg(not(unix))]
fn assert_private(_file: &str) {}

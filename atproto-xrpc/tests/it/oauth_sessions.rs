//! What becomes of an OAuth session after its login.

use atproto_xrpc::{
    Session,
    client::{
        CallError,
        store::{SavedSession, SessionStore},
    },
};
use serde_json::{Value, json};

use crate::{
    directory::alice,
    oauth_network::{Answer, Network, RESOURCE, login, thing},
};

#[tokio::test]
async fn oa_014_sixty_four_calls_make_one_refresh_whose_tokens_are_stored() {
    let network = Network::new();
    let (oauth, session) = login(&network).await;
    // Another that was taken up from the same store takes part.
    let twin = oauth.restore(&alice()).await.unwrap().unwrap();
    network.state().tokens.as_mut().unwrap().0 = "another".into();
    let calls =
        (0..64).map(|turn| if turn % 2 == 0 { session.call(thing()) } else { twin.call(thing()) });
    for result in futures::future::join_all(calls).await {
        assert_eq!(result.unwrap().text, "yours");
    }
    assert_eq!(network.state().refreshes, 1);
    assert!(session.state() == twin.state());
    let saved = SavedSession::load(&*network.store, &alice()).await.unwrap();
    let Some(SavedSession::OAuth(saved)) = saved else { panic!() };
    let current = network.state().tokens.clone().unwrap();
    assert_eq!((saved.access_token, saved.refresh_token), (current.0, Some(current.1)));
}

#[tokio::test]
async fn tokens_are_renewed_before_they_expire() {
    let network = Network::new();
    network.change("/token", |it| it["expires_in"] = json!(5));
    let (_, session) = login(&network).await;
    network.change("/token", |_| {});
    session.call(thing()).await.unwrap();
    session.call(thing()).await.unwrap();
    let state = network.state();
    assert_eq!(state.refreshes, 1);
    let calls = state.seen.iter().filter(|(_, url, _)| url.path().starts_with("/xrpc/"));
    assert_eq!(calls.count(), 3, "one for the nonce, and none that the host refused");
}

#[tokio::test]
async fn a_session_that_was_revoked_is_over() {
    let network = Network::new();
    let (_, session) = login(&network).await;
    network.state().tokens = None;
    let error = session.call(thing()).await.unwrap_err();
    let CallError::Session(error) = error else { panic!("{error}") };
    assert!(error.is_over() && !error.is_transient(), "{error}");
}

#[tokio::test]
async fn a_refresh_that_cannot_be_made_now_is_no_end() {
    let network = Network::new();
    let (_, session) = login(&network).await;
    network.state().tokens.as_mut().unwrap().0 = "another".into();
    network.instead("/token", Answer::json(&json!({})).status(503));
    let error = session.call(thing()).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    let CallError::Session(error) = error else { panic!("{error}") };
    assert!(!error.is_over());
    network.state().instead.clear();
    session.call(thing()).await.unwrap();
}

#[tokio::test]
async fn an_account_that_has_moved_renews_nothing_at_its_former_server() {
    let network = Network::new();
    let (_, session) = login(&network).await;
    network.change(RESOURCE, |it| it["authorization_servers"] = json!(["https://new.example"]));
    let CallError::Session(error) = session.refresh().await.unwrap_err() else { panic!() };
    assert!(error.is_over());
    assert_eq!(network.state().refreshes, 0);
}

#[tokio::test]
async fn logging_out_revokes_and_forgets() {
    let network = Network::new();
    let (oauth, session) = login(&network).await;
    let refresh = session.state().refresh_token.unwrap();
    session.logout().await.unwrap();
    assert_eq!(network.state().revoked, [refresh]);
    assert!(oauth.restore(&alice()).await.unwrap().is_none());
    let CallError::Session(error) = session.refresh().await.unwrap_err() else { panic!() };
    assert!(error.is_over(), "{error}");
}

#[tokio::test]
async fn a_session_is_kept_without_showing_its_secrets() {
    let network = Network::new();
    let (_, session) = login(&network).await;
    let state = session.state();
    let shown = format!("{session:?} {state:?} {:?}", SavedSession::OAuth(state.clone()));
    assert!(!shown.contains(&state.access_token), "{shown}");
    assert!(!shown.contains(&state.refresh_token.unwrap()), "{shown}");
    let kept = network.store.load(&format!("session:{}", alice())).await.unwrap().unwrap();
    assert!(kept.contains("dpopKey"), "{kept}");
    assert!(
        !shown.contains(serde_json::from_str::<Value>(&kept).unwrap()["dpopKey"].as_str().unwrap())
    );
}

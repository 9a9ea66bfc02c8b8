//! What every [`AuthorizationStore`] keeps, as functions that panic where one does not.
//!
//! [`hold`] runs them all; each gets a store of its own from `make`.

use std::sync::Arc;

use atproto_core::syntax::Did;

use super::{
    Approval, AuthorizationStore, ClientKey, CodeUse, Memory, Presented, Renewal, ResponseMode,
    Rotation, Session, StoreError, StoredRequest,
};
use crate::oauth::authorization_server::Fingerprint;

/// Runs all of them.
pub async fn hold(mut make: impl FnMut() -> Arc<dyn AuthorizationStore>) {
    requests_belong_to_one_browser_and_expire(make().as_ref()).await;
    requests_are_consumed_once(make().as_ref()).await;
    requests_keep_what_they_say(make().as_ref()).await;
    codes_are_consumed_once_and_expire(make().as_ref()).await;
    a_code_that_comes_twice_ends_its_session(make().as_ref()).await;
    a_code_that_comes_twice_keeps_a_session_from_beginning(make().as_ref()).await;
    sessions_keep_what_they_say(make().as_ref()).await;
    refresh_tokens_rotate(make().as_ref()).await;
    a_refresh_token_that_comes_twice_ends_its_session(make().as_ref()).await;
    sessions_are_listed_and_ended_by_account(make().as_ref()).await;
    codes_end_with_the_sessions_of_an_account(make().as_ref()).await;
    memories_last_until_they_expire(make().as_ref()).await;
    what_has_expired_is_removed(make().as_ref()).await;
    of_many_tasks_one_wins(make()).await;
}

/// The first browser that opens a request owns it, until the request expires.
pub async fn requests_belong_to_one_browser_and_expire(store: &dyn AuthorizationStore) {
    let (id, other) = (print("request"), print("other browser"));
    store.add_request(id, request(), NOW).await.unwrap();
    assert_eq!(store.take_request(id, browser(), NOW).await.unwrap(), None, "not opened yet");
    assert_eq!(store.open_request(id, browser(), NOW).await.unwrap(), Some(request()));
    assert_eq!(store.open_request(id, other, NOW).await.unwrap(), None);
    assert_eq!(store.take_request(id, other, NOW).await.unwrap(), None);
    assert_eq!(store.approve_request(id, other, approval("code"), NOW).await.unwrap(), None);
    let last = request().expires - 1;
    assert_eq!(store.open_request(id, browser(), last).await.unwrap(), Some(request()));
    assert_eq!(store.open_request(id, browser(), last + 1).await.unwrap(), None);
    assert_eq!(store.take_request(id, browser(), last + 1).await.unwrap(), None);
    let late = store.approve_request(id, browser(), approval("code"), last + 1).await.unwrap();
    assert_eq!(late, None);
    assert_eq!(store.consume_code(print("code"), NOW).await.unwrap(), CodeUse::Unknown);
    assert_eq!(store.open_request(print("no"), browser(), NOW).await.unwrap(), None);
}

/// A request is accepted or denied once.
pub async fn requests_are_consumed_once(store: &dyn AuthorizationStore) {
    for name in ["denied", "accepted"] {
        let id = print(name);
        store.add_request(id, request(), NOW).await.unwrap();
        store.open_request(id, browser(), NOW).await.unwrap();
        let answered = match name {
            "denied" => store.take_request(id, browser(), NOW).await.unwrap(),
            _ => store.approve_request(id, browser(), approval(name), NOW).await.unwrap(),
        };
        assert_eq!(answered, Some(request()), "{name}");
        assert_eq!(store.open_request(id, browser(), NOW).await.unwrap(), None, "{name}");
        assert_eq!(store.take_request(id, browser(), NOW).await.unwrap(), None, "{name}");
        let again = store.approve_request(id, browser(), approval("again"), NOW).await.unwrap();
        assert_eq!(again, None, "{name}");
    }
    assert_eq!(store.consume_code(print("again"), NOW).await.unwrap(), CodeUse::Unknown);
}

/// Every field comes back, the optional ones too.
pub async fn requests_keep_what_they_say(store: &dyn AuthorizationStore) {
    let mut full = request();
    full.client_key = Some(ClientKey::new("kid", "ES256", "thumbprint"));
    full.login_hint = Some("alice.test".to_owned());
    full.response_mode = ResponseMode::Fragment;
    full.state = "state \u{e9} \u{1f642} '\"".to_owned();
    full.scopes = "atproto repo:com.example.a?action=create include:com.example.set unknown:x"
        .parse()
        .unwrap();
    let id = print("full");
    store.add_request(id, full.clone(), NOW).await.unwrap();
    assert_eq!(store.open_request(id, browser(), NOW).await.unwrap(), Some(full.clone()));
    store.approve_request(id, browser(), approval("code"), NOW).await.unwrap();
    match store.consume_code(print("code"), NOW).await.unwrap() {
        CodeUse::First(authorization) => {
            assert_eq!((authorization.request, authorization.account), (full, alice()));
        }
        other => panic!("{other:?}"),
    }
}

/// A code is good once, and not for ever.
pub async fn codes_are_consumed_once_and_expire(store: &dyn AuthorizationStore) {
    approved(store, "late").await;
    assert_eq!(store.consume_code(print("late"), CODE_END).await.unwrap(), CodeUse::Unknown);
    approved(store, "good").await;
    let first = store.consume_code(print("good"), CODE_END - 1).await.unwrap();
    assert!(matches!(first, CodeUse::First(_)), "{first:?}");
    assert_eq!(store.consume_code(print("good"), CODE_END - 1).await.unwrap(), CodeUse::Reused);
    assert_eq!(store.consume_code(print("never"), NOW).await.unwrap(), CodeUse::Unknown);
}

/// The code has leaked, so what it gave is not safe: even long after it would have expired.
pub async fn a_code_that_comes_twice_ends_its_session(store: &dyn AuthorizationStore) {
    begun(store, "a", "refresh").await;
    begun(store, "b", "other refresh").await;
    let later = CODE_END + 1_000;
    store.expire(later).await.unwrap();
    assert_eq!(store.consume_code(print("a"), later).await.unwrap(), CodeUse::Reused);
    assert_eq!(store.session("a", later).await.unwrap(), None);
    let presented = store.present_refresh_token(print("refresh"), later).await.unwrap();
    assert_eq!(presented, Presented::Unknown);
    assert!(store.session("b", later).await.unwrap().is_some());
}

/// The same where the second use comes between the first and its session; and no session
/// begins without a code.
pub async fn a_code_that_comes_twice_keeps_a_session_from_beginning(
    store: &dyn AuthorizationStore,
) {
    approved(store, "code").await;
    let begin = |code: &'static str| {
        store.begin_session(print(code), session("id"), Some(print("refresh")), NOW)
    };
    assert!(!begin("never").await.unwrap());
    assert!(!begin("code").await.unwrap(), "the code was not consumed");
    store.consume_code(print("code"), NOW).await.unwrap();
    store.consume_code(print("code"), NOW).await.unwrap();
    assert!(!begin("code").await.unwrap());
    assert_eq!(store.session("id", NOW).await.unwrap(), None);
    let presented = store.present_refresh_token(print("refresh"), NOW).await.unwrap();
    assert_eq!(presented, Presented::Unknown);
}

/// Every field comes back; a session is there until it expires.
pub async fn sessions_keep_what_they_say(store: &dyn AuthorizationStore) {
    approved(store, "code").await;
    store.consume_code(print("code"), NOW).await.unwrap();
    let mut full = session("id");
    full.client_key = Some(ClientKey::new("kid", "ES256", "thumbprint"));
    full.granted = "atproto repo:com.example.b".parse().unwrap();
    assert!(store.begin_session(print("code"), full.clone(), None, NOW).await.unwrap());
    let last = full.expires - 1;
    assert_eq!(store.session("id", last).await.unwrap(), Some(full));
    assert_eq!(store.session("id", last + 1).await.unwrap(), None);
    assert_eq!(store.session("other", NOW).await.unwrap(), None);
}

/// A refresh token gives way to the next, and the session changes with it.
pub async fn refresh_tokens_rotate(store: &dyn AuthorizationStore) {
    let begun = begun(store, "id", "first").await;
    let current = store.present_refresh_token(print("first"), NOW).await.unwrap();
    assert_eq!(current, Presented::Current(Box::new(begun.clone())));
    let mut expected = begun;
    (expected.token_id, expected.granted) = ("next".to_owned(), scopes("atproto"));
    (expected.expires, expected.renewed) = (SESSION_END + 10, NOW + 5);
    let rotated = store.rotate_session(print("first"), renewal("second"), NOW + 5).await.unwrap();
    assert_eq!(rotated, Rotation::Renewed(Box::new(expected.clone())));
    assert_eq!(store.session("id", SESSION_END + 9).await.unwrap(), Some(expected.clone()));
    let current = store.present_refresh_token(print("second"), SESSION_END + 9).await.unwrap();
    assert_eq!(current, Presented::Current(Box::new(expected)));
    let over = store.rotate_session(print("second"), renewal("third"), SESSION_END + 10);
    assert_eq!(over.await.unwrap(), Rotation::Unknown);
    let never = store.rotate_session(print("never"), renewal("third"), NOW).await.unwrap();
    assert_eq!(never, Rotation::Unknown);
}

/// A used token has leaked, whoever presents it, and however many came after it.
pub async fn a_refresh_token_that_comes_twice_ends_its_session(store: &dyn AuthorizationStore) {
    for (id, by_rotation) in [("presented", false), ("rotated", true)] {
        let name = |number: u32| print(&format!("{id} {number}"));
        begun(store, id, &format!("{id} 0")).await;
        for number in 0..3 {
            let renewal = Renewal::new(name(number + 1), "next", scopes("atproto"), SESSION_END);
            let rotated = store.rotate_session(name(number), renewal, NOW).await.unwrap();
            assert!(matches!(rotated, Rotation::Renewed(_)), "{rotated:?}");
        }
        if by_rotation {
            let again = store.rotate_session(name(0), renewal("x"), NOW).await.unwrap();
            assert_eq!(again, Rotation::Reused);
        } else {
            let again = store.present_refresh_token(name(1), NOW).await.unwrap();
            assert_eq!(again, Presented::Reused);
        }
        assert_eq!(store.session(id, NOW).await.unwrap(), None);
        let last = store.present_refresh_token(name(3), NOW).await.unwrap();
        assert_eq!(last, Presented::Unknown);
    }
}

/// An account's sessions are its own.
pub async fn sessions_are_listed_and_ended_by_account(store: &dyn AuthorizationStore) {
    let first = begun(store, "a", "refresh a").await;
    let second = begun(store, "b", "refresh b").await;
    approved(store, "bob's").await;
    store.consume_code(print("bob's"), NOW).await.unwrap();
    let mut of_bob = session("c");
    of_bob.account = bob();
    assert!(store.begin_session(print("bob's"), of_bob.clone(), None, NOW).await.unwrap());
    assert_eq!(store.sessions_of(&alice(), NOW).await.unwrap(), [first, second.clone()]);
    assert_eq!(store.sessions_of(&alice(), SESSION_END).await.unwrap(), []);
    assert!(store.end_session("a").await.unwrap());
    assert!(!store.end_session("a").await.unwrap(), "it has ended");
    assert_eq!(store.sessions_of(&alice(), NOW).await.unwrap(), [second]);
    let ended = store.present_refresh_token(print("refresh a"), NOW).await.unwrap();
    assert_eq!(ended, Presented::Unknown);
    assert_eq!(store.end_sessions_of(&alice()).await.unwrap(), 1);
    assert_eq!(store.sessions_of(&alice(), NOW).await.unwrap(), []);
    assert_eq!(store.sessions_of(&bob(), NOW).await.unwrap(), [of_bob]);
}

/// For a store that holds so many of each, which is not part of [`hold`]: what strangers can add
/// is refused once there are as many, and has room again when others have expired.
pub async fn what_strangers_add_is_bounded(store: &dyn AuthorizationStore, capacity: usize) {
    let add = async |name: usize, now| {
        let (id, memory) = (print(&format!("request {name}")), print(&format!("{name}")));
        let added = store.add_request(id, StoredRequest { expires: NOW + 10, ..request() }, now);
        let remembered = store.remember(Memory::State, memory, NOW + 10, now);
        (added.await, remembered.await)
    };
    for name in 0..capacity {
        assert!(matches!(add(name, NOW).await, (Ok(()), Ok(true))), "{name}");
    }
    let refused = add(capacity, NOW).await;
    assert!(matches!(refused, (Err(StoreError::Full), Err(StoreError::Full))), "{refused:?}");
    let again = store.remember(Memory::State, print("0"), NOW + 10, NOW).await;
    assert!(matches!(again, Ok(false)), "what is known is known: {again:?}");
    assert!(matches!(add(capacity, NOW + 10).await, (Ok(()), Ok(true))));
}

/// What an account has agreed to is over with its sessions, when no session came of it yet.
pub async fn codes_end_with_the_sessions_of_an_account(store: &dyn AuthorizationStore) {
    for code in ["given", "used", "kept"] {
        approved(store, code).await;
    }
    assert!(matches!(store.consume_code(print("used"), NOW).await.unwrap(), CodeUse::First(_)));
    assert_eq!(store.end_sessions_of(&bob()).await.unwrap(), 0);
    let untouched = store.consume_code(print("kept"), NOW).await.unwrap();
    assert!(matches!(untouched, CodeUse::First(_)), "{untouched:?}");
    assert_eq!(store.end_sessions_of(&alice()).await.unwrap(), 0);
    assert_eq!(store.consume_code(print("given"), NOW).await.unwrap(), CodeUse::Unknown);
    assert!(!store.begin_session(print("used"), session("s"), None, NOW).await.unwrap());
    assert_eq!(store.sessions_of(&alice(), NOW).await.unwrap(), []);
}

/// Kinds do not get in each other's way.
pub async fn memories_last_until_they_expire(store: &dyn AuthorizationStore) {
    let remember = |kind, now| store.remember(kind, print("x"), NOW + 10, now);
    assert!(remember(Memory::State, NOW).await.unwrap());
    assert!(!remember(Memory::State, NOW + 9).await.unwrap());
    assert!(remember(Memory::ClientAssertion, NOW + 9).await.unwrap());
    assert!(store.remember(Memory::State, print("y"), NOW + 10, NOW).await.unwrap());
    assert!(store.remember(Memory::State, print("x"), NOW + 20, NOW + 10).await.unwrap());
    assert!(!store.remember(Memory::State, print("x"), NOW + 20, NOW + 10).await.unwrap());
}

/// Expired things go, others stay.
pub async fn what_has_expired_is_removed(store: &dyn AuthorizationStore) {
    store.add_request(print("request"), request(), NOW).await.unwrap();
    let begun = begun(store, "id", "refresh").await;
    assert!(store.remember(Memory::State, print("x"), NOW + 10, NOW).await.unwrap());
    assert_eq!(store.expire(NOW).await.unwrap(), 0);
    assert!(store.expire(NOW + 10).await.unwrap() >= 1);
    assert_eq!(store.session("id", NOW).await.unwrap(), Some(begun));
    assert!(store.expire(SESSION_END).await.unwrap() >= 2, "a request and a session");
    assert_eq!(store.session("id", NOW).await.unwrap(), None);
    assert_eq!(store.open_request(print("request"), browser(), NOW).await.unwrap(), None);
    assert_eq!(store.expire(SESSION_END).await.unwrap(), 0);
}

/// Concurrency is part of the contract: of tasks that do the same at once, one has done it.
pub async fn of_many_tasks_one_wins(store: Arc<dyn AuthorizationStore>) {
    let id = print("request");
    store.add_request(id, request(), NOW).await.unwrap();
    store.open_request(id, browser(), NOW).await.unwrap();
    let approve = |store: Arc<dyn AuthorizationStore>| async move {
        store.approve_request(id, browser(), approval("raced"), NOW).await.unwrap().is_some()
    };
    assert_eq!(winners(&store, approve).await, 1);
    let consume = |store: Arc<dyn AuthorizationStore>| async move {
        matches!(store.consume_code(print("raced"), NOW).await.unwrap(), CodeUse::First(_))
    };
    assert_eq!(winners(&store, consume).await, 1);
    let remember = |store: Arc<dyn AuthorizationStore>| async move {
        store.remember(Memory::State, print("x"), NOW + 10, NOW).await.unwrap()
    };
    assert_eq!(winners(&store, remember).await, 1);
    begun(store.as_ref(), "id", "refresh").await;
    let rotate = |store: Arc<dyn AuthorizationStore>| async move {
        let rotated = store.rotate_session(print("refresh"), renewal("next"), NOW).await.unwrap();
        matches!(rotated, Rotation::Renewed(_))
    };
    assert_eq!(winners(&store, rotate).await, 1);
    assert_eq!(store.session("id", NOW).await.unwrap(), None, "the others have ended it");
}

async fn winners<F: Future<Output = bool> + Send + 'static>(
    store: &Arc<dyn AuthorizationStore>,
    attempt: impl Fn(Arc<dyn AuthorizationStore>) -> F,
) -> usize {
    let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(attempt(Arc::clone(store)))).collect();
    let mut won = 0;
    for task in tasks {
        won += usize::from(task.await.unwrap());
    }
    won
}

async fn approved(store: &dyn AuthorizationStore, code: &str) {
    let id = print(&format!("request of {code}"));
    store.add_request(id, request(), NOW).await.unwrap();
    store.open_request(id, browser(), NOW).await.unwrap();
    let approved = store.approve_request(id, browser(), approval(code), NOW).await.unwrap();
    assert!(approved.is_some());
}

/// A session with this id, from the code of the same name.
async fn begun(store: &dyn AuthorizationStore, id: &str, refresh: &str) -> Session {
    approved(store, id).await;
    store.consume_code(print(id), NOW).await.unwrap();
    let begun = store.begin_session(print(id), session(id), Some(print(refresh)), NOW).await;
    assert!(begun.unwrap());
    session(id)
}

fn session(id: &str) -> Session {
    Session::new(id, alice(), &request(), scopes("atproto"), "token", NOW, SESSION_END)
}

fn renewal(refresh: &str) -> Renewal {
    Renewal::new(print(refresh), "next", scopes("atproto"), SESSION_END + 10)
}

fn approval(code: &str) -> Approval {
    Approval::new(alice(), print(code), CODE_END)
}

fn request() -> StoredRequest {
    StoredRequest {
        client_id: "https://app.example.com/client.json".to_owned(),
        client_key: None,
        redirect_uri: "https://app.example.com/callback".to_owned(),
        response_mode: ResponseMode::Query,
        scopes: scopes("atproto repo:com.example.a"),
        state: "state".to_owned(),
        code_challenge: "challenge".to_owned(),
        login_hint: None,
        jkt: "jkt".to_owned(),
        expires: NOW + 300,
    }
}

fn scopes(text: &str) -> crate::oauth::Scopes {
    text.parse().expect("they are written soundly here")
}

fn browser() -> Fingerprint {
    print("browser")
}

fn print(name: &str) -> Fingerprint {
    Fingerprint::of(name)
}

fn alice() -> Did {
    Did::new("did:web:alice.example").expect("it is one")
}

fn bob() -> Did {
    Did::new("did:web:bob.example").expect("it is one")
}

const NOW: u64 = 1_790_000_000;
const CODE_END: u64 = NOW + 300;
const SESSION_END: u64 = NOW + 100_000;
const TASKS: usize = 16;

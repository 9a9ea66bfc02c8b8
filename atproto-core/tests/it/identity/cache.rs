//! The caching resolver, in virtual time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use atproto_core::identity::{CacheConfig, CachingResolver, DidDocument, ResolveError, Resolver};
use atproto_core::syntax::{Did, Handle};
use futures::future::{BoxFuture, join_all};
use tokio::time::{advance, sleep};

/// A network that takes a second for each answer and can be down.
#[derive(Default)]
struct Network {
    down: AtomicBool,
    asked: AtomicUsize,
    most_at_once: AtomicUsize,
    now: AtomicUsize,
    handles: Mutex<HashMap<Did, Handle>>,
}

impl Network {
    async fn answer<T>(&self, name: &str, answer: Option<T>) -> Result<T, ResolveError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        sleep(Duration::from_secs(1)).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        if self.down.load(Ordering::SeqCst) {
            return Err(ResolveError::Unavailable(Arc::new(std::fmt::Error)));
        }
        answer.ok_or_else(|| ResolveError::NotFound(name.to_owned()))
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }
}

impl Resolver for Network {
    fn did<'a>(&'a self, did: &'a Did) -> BoxFuture<'a, Result<Arc<DidDocument>, ResolveError>> {
        let known = self.handles.lock().unwrap().get(did).cloned();
        let document =
            known.map(|handle| Arc::new(DidDocument::new(did.clone()).with_handle(&handle)));
        Box::pin(self.answer(did.as_str(), document))
    }

    fn handle<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<Did, ResolveError>> {
        let handles = self.handles.lock().unwrap();
        let did = handles.iter().find(|(_, known)| *known == handle).map(|(did, _)| did.clone());
        Box::pin(self.answer(handle.as_str(), did))
    }

    fn purge(&self, _did: &Did) {}
}

fn did(number: usize) -> Did {
    Did::new(format!("did:web:u{number}.example.com")).unwrap()
}

fn handle(text: &str) -> Handle {
    Handle::new(text).unwrap()
}

fn world(config: CacheConfig) -> (Arc<Network>, Arc<CachingResolver>) {
    let network = Arc::new(Network::default());
    for number in 0..100 {
        let name = handle(&format!("u{number}.example.com"));
        network.handles.lock().unwrap().insert(did(number), name);
    }
    let cache = CachingResolver::new(Arc::clone(&network) as Arc<dyn Resolver>, config);
    (network, Arc::new(cache))
}

#[tokio::test(start_paused = true)]
async fn many_ask_and_one_request_is_made() {
    let (network, cache) = world(CacheConfig::default());
    let answers = join_all((0..50).map(|_| {
        let cache = Arc::clone(&cache);
        tokio::spawn(async move { cache.did(&did(1)).await.map(|document| document.id.clone()) })
    }))
    .await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().unwrap() == did(1)));
    assert_eq!(network.asked(), 1);
    cache.did(&did(1)).await.unwrap();
    assert_eq!(network.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_who_leaves_does_not_take_the_answer_along() {
    let (network, cache) = world(CacheConfig::default());
    let first = tokio::spawn({
        let cache = Arc::clone(&cache);
        async move { cache.did(&did(1)).await.map(drop) }
    });
    sleep(Duration::from_millis(100)).await;
    let second = tokio::spawn({
        let cache = Arc::clone(&cache);
        async move { cache.did(&did(1)).await.map(drop) }
    });
    sleep(Duration::from_millis(100)).await;
    first.abort();
    second.await.unwrap().unwrap();
    assert_eq!(network.asked(), 1);

    let alone = tokio::time::timeout(Duration::from_millis(100), cache.did(&did(2))).await;
    assert!(alone.is_err());
    cache.did(&did(2)).await.unwrap();
    assert_eq!(network.asked(), 2, "a request without waiters ends, the next one starts anew");
}

#[tokio::test(start_paused = true)]
async fn t13_a_directory_that_is_down() {
    let (network, cache) = world(CacheConfig::default());
    cache.did(&did(1)).await.unwrap();
    network.down.store(true, Ordering::SeqCst);
    network.asked();
    for _ in 0..6 * 60 {
        advance(Duration::from_secs(60)).await;
        cache.did(&did(1)).await.expect("known identities continue");
        assert!(cache.did(&did(2)).await.unwrap_err().is_transient(), "unknown ones do not pass");
        cache.did(&did(2)).await.unwrap_err();
    }
    assert!(network.asked() <= 2 * 6 * 60, "at most one question a minute for each");

    advance(Duration::from_secs(24 * 60 * 60)).await;
    assert!(cache.did(&did(1)).await.unwrap_err().is_transient(), "too old to serve on");
    network.down.store(false, Ordering::SeqCst);
    advance(Duration::from_secs(31)).await;
    cache.did(&did(1)).await.unwrap();
    cache.did(&did(2)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn refusals_are_remembered_briefly() {
    let (network, cache) = world(CacheConfig::default());
    for _ in 0..10 {
        assert!(matches!(cache.did(&did(900)).await, Err(ResolveError::NotFound(_))));
    }
    assert_eq!(network.asked(), 1);
    network.handles.lock().unwrap().insert(did(900), handle("u900.example.com"));
    advance(Duration::from_secs(31)).await;
    cache.did(&did(900)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_final_answer_replaces_a_stale_one() {
    let (network, cache) = world(CacheConfig::default());
    cache.did(&did(1)).await.unwrap();
    network.handles.lock().unwrap().remove(&did(1));
    advance(Duration::from_secs(3601)).await;
    assert!(matches!(cache.did(&did(1)).await, Err(ResolveError::NotFound(_))));
}

#[tokio::test(start_paused = true)]
async fn id_013_purge_forgets_the_did_its_handle_and_what_is_under_way() {
    let (network, cache) = world(CacheConfig::default());
    let (old, new) = (handle("u1.example.com"), handle("new.example.com"));
    cache.did(&did(1)).await.unwrap();
    assert_eq!(cache.handle(&old).await.unwrap(), did(1));
    network.handles.lock().unwrap().insert(did(1), new.clone());
    cache.purge(&did(1));
    assert_eq!(cache.did(&did(1)).await.unwrap().handle(), Some(new));
    assert!(cache.handle(&old).await.is_err());

    let under_way = tokio::spawn({
        let cache = Arc::clone(&cache);
        async move { cache.did(&did(2)).await.unwrap().handle() }
    });
    sleep(Duration::from_millis(500)).await;
    network.handles.lock().unwrap().insert(did(2), handle("newer.example.com"));
    cache.purge(&did(2));
    assert_eq!(cache.did(&did(2)).await.unwrap().handle(), Some(handle("newer.example.com")));
    assert_eq!(under_way.await.unwrap(), Some(handle("u2.example.com")), "asked before");
    assert_eq!(cache.did(&did(2)).await.unwrap().handle(), Some(handle("newer.example.com")));
}

#[tokio::test(start_paused = true)]
async fn entries_and_requests_are_bounded() {
    let (network, cache) = world(CacheConfig::default().capacity(20).concurrency(7));
    join_all((0..100).map(|number| {
        let cache = Arc::clone(&cache);
        tokio::spawn(async move { cache.did(&did(number)).await.map(drop) })
    }))
    .await;
    assert_eq!(network.most_at_once.load(Ordering::SeqCst), 7);
    let stats = cache.stats();
    assert!((1..=20).contains(&stats.dids), "{stats:?}");
    assert_eq!((stats.hits, stats.misses, stats.requests), (0, 100, 100));
}

#[tokio::test(start_paused = true)]
async fn t11_a_flood_of_names_is_asked_slowly() {
    let (network, cache) = world(CacheConfig::default().per_second(10).concurrency(1000));
    let start = tokio::time::Instant::now();
    join_all((0..100).map(|number| {
        let cache = Arc::clone(&cache);
        tokio::spawn(async move { cache.did(&did(number)).await.map(drop) })
    }))
    .await;
    assert_eq!(network.asked(), 100);
    // The burst of ten at once, then nine seconds of ten, then the last answer's second.
    assert_eq!(start.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn id_010_logins_get_answers_below_ten_minutes() {
    let (network, cache) = world(CacheConfig::default());
    let login = cache.no_older_than(Duration::from_secs(9 * 60));
    cache.did(&did(1)).await.unwrap();
    login.did(&did(1)).await.unwrap();
    assert_eq!(network.asked(), 1, "one memory");
    advance(Duration::from_secs(10 * 60)).await;
    cache.did(&did(1)).await.unwrap();
    assert_eq!(network.asked(), 0, "fresh for others");
    login.did(&did(1)).await.unwrap();
    assert_eq!(network.asked(), 1);

    advance(Duration::from_secs(10 * 60)).await;
    network.down.store(true, Ordering::SeqCst);
    assert!(login.did(&did(1)).await.unwrap_err().is_transient(), "no old answer for a login");
    assert!(login.did(&did(1)).await.unwrap_err().is_transient());
    assert_eq!(network.asked(), 1, "nor a request for each attempt");
    cache.did(&did(1)).await.expect("fresh for others");
}

#[tokio::test(start_paused = true)]
async fn more_than_can_wait_fail_at_once() {
    let (network, cache) = world(CacheConfig::default().concurrency(1).pending(3));
    let answers = join_all((0..10).map(|number| {
        let cache = Arc::clone(&cache);
        tokio::spawn(async move { cache.did(&did(number)).await.map(drop) })
    }))
    .await;
    let failed = answers.into_iter().filter_map(|answer| answer.unwrap().err());
    let failed: Vec<_> = failed.inspect(|error| assert!(error.is_transient())).collect();
    assert_eq!((failed.len(), network.asked()), (7, 3));
    assert_eq!((cache.stats().refused, cache.stats().pending), (7, 0));
    cache.did(&did(9)).await.expect("a failure for lack of room is not remembered");
}

/// One pace for all that goes out, DIDs and handles together.
#[tokio::test(start_paused = true)]
async fn id_012_requests_keep_the_pace() {
    let (network, cache) = world(CacheConfig::default().per_second(10).concurrency(1000));
    let start = tokio::time::Instant::now();
    join_all((0..30).map(|number| {
        let (cache, name) = (Arc::clone(&cache), handle(&format!("u{number}.example.com")));
        tokio::spawn(async move {
            let (document, owner) =
                futures::join!(async { cache.did(&did(number)).await }, cache.handle(&name));
            assert_eq!(document.unwrap().id, owner.unwrap());
        })
    }))
    .await;
    assert_eq!(network.asked(), 60);
    assert_eq!(start.elapsed().as_secs(), 6, "a burst of ten, then five seconds of ten, then one");
}

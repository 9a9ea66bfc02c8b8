use std::{sync::atomic::Ordering, time::Duration};

use atproto_xrpc::{
    Client,
    client::{CallError, RateLimit, RetryPolicy},
};

use super::{Reference, counting};

/// Logins for one name in five minutes, as the reference PDS has it.
const LOGINS: usize = 30;

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_has_enough_is_believed() {
    let Some(reference) = Reference::find() else { return };
    let (transport, asked) = counting("/xrpc/com.atproto.server.createSession");
    let retry = RetryPolicy::default().waits(Duration::ZERO, Duration::from_secs(1));
    let client = Client::builder().transport(transport).retry(retry);
    let client = client.build(&reference.limited).unwrap();
    let mut refused = None;
    for _ in 0..=LOGINS {
        refused = Some(client.login("nobody.test", "wrong").await.unwrap_err());
    }
    let Some(CallError::Other(error)) = refused else { panic!("{refused:?}") };
    assert_eq!((error.status.as_u16(), &*error.error), (429, "RateLimitExceeded"));
    // The wait is longer than this client's patience: it is the caller's to decide on, and
    // nothing was sent again.
    let wait = error.retry_after().unwrap();
    assert!(wait > Duration::from_secs(1) && wait <= Duration::from_secs(300), "{wait:?}");
    assert_eq!(asked.load(Ordering::Relaxed), LOGINS + 1);
    let headers = error.headers().unwrap();
    let limit = RateLimit::read(headers).unwrap();
    assert_eq!(limit.remaining, 0);
    assert!(limit.reset <= Duration::from_secs(300), "{:?}", limit.reset);
}

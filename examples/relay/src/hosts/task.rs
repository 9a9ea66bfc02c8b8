//! One host's task: connects, reads, and comes back after every end. It never gives up: a
//! host that is away for days is asked less often, and found when it is back.

use std::sync::Arc;
use std::time::Duration;

use atproto_core::endpoint::Subscription;
use atproto_lexicons::com::atproto::sync::SubscribeRepos;
use atproto_xrpc::client::subscribe::{self, FrameStream, SubscribeError, SubscribeOptions};
use metrics::counter;
use tokio::time::{Instant, sleep};

use super::session::{End, Session};
use super::{Connection, Host, Hosts};
use crate::clock;
use crate::hostname::HostPolicy;
use crate::metrics::RECONNECTS;
use crate::store::HostStatus;

/// The pause after the first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause while a host counts as active, and as offline.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const OFFLINE_PAUSE: Duration = Duration::from_secs(15 * 60);

/// How long nothing may succeed before a host counts as offline.
const OFFLINE_AFTER: Duration = Duration::from_secs(10 * 60);

/// A connection that lasted this long was a good one.
const GOOD: Duration = Duration::from_secs(10);

/// Subscribes until the host is stopped.
pub(super) async fn run(hosts: Arc<Hosts>, host: Arc<Host>) {
    let mut failing = Failing::default();
    while !host.stop.is_cancelled() {
        host.set_connection(Connection::Connecting);
        let end = tokio::select! {
            () = host.stop.cancelled() => End::Stopped,
            end = subscribe_once(&hosts, &host, &mut failing) => end,
        };
        if matches!(end, End::Stopped) {
            break;
        }
        counter!(RECONNECTS, "reason" => end.reason()).increment(1);
        tracing::info!(host = %host.sender.host, reason = end.reason(), error = %end, "disconnected");
        rest(&hosts, &host, &end, &mut failing).await;
    }
    host.set_connection(Connection::Stopped);
    host.ended.cancel();
}

/// One connection, from its beginning to its end.
async fn subscribe_once(hosts: &Hosts, host: &Host, failing: &mut Failing) -> End {
    let frames = match connect(hosts, host).await {
        Ok(frames) => frames,
        Err(error) => return End::Connect(error),
    };
    let Some(ingest) = hosts.ingest.get() else { return End::Stopped };
    host.set_connection(Connection::Connected);
    hosts.set_status(host, HostStatus::Active, None).await;
    tracing::info!(host = %host.sender.host, cursor = host.cursor(), "connected");
    let start = Instant::now();
    let mut session = Session::new(hosts, host, Arc::clone(ingest));
    let end = session.run(frames).await;
    if session.has_received() || start.elapsed() >= GOOD {
        *failing = Failing::default();
    }
    end
}

async fn connect(hosts: &Hosts, host: &Host) -> Result<FrameStream, SubscribeError> {
    // The semaphore is never closed.
    let _permit = hosts.dials.acquire().await;
    let cursor = host.cursor();
    let url = format!("{}/xrpc/{}?cursor={cursor}", host.sender.host.url(), SubscribeRepos::NSID);
    let options = SubscribeOptions::default()
        .dial(Arc::clone(&hosts.dial))
        .allow_clear_text(hosts.policy == HostPolicy::Insecure);
    subscribe::connect(&url, &options).await
}

/// The pause after a connection has ended. Somebody who asks for the host ends it.
async fn rest(hosts: &Hosts, host: &Host, end: &End, failing: &mut Failing) {
    host.set_connection(Connection::Backoff);
    let pause = match end {
        // Only an operator can say whether the host's numbers may be believed again.
        End::FutureCursor => {
            hosts.set_status(host, HostStatus::Idle, Some(end.to_string())).await;
            None
        }
        _ => {
            let pause = failing.next_pause();
            let offline = failing.is_offline();
            let status = if offline { HostStatus::Offline } else { HostStatus::Active };
            hosts.set_status(host, status, Some(end.to_string())).await;
            Some(pause)
        }
    };
    let over = async {
        match pause {
            Some(pause) => sleep(pause).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = host.stop.cancelled() => {}
        () = host.wake.notified() => {}
        () = over => {}
    }
}

/// Since when and how often connecting has failed.
#[derive(Debug, Default)]
struct Failing {
    since: Option<Instant>,
    times: u32,
}

impl Failing {
    fn next_pause(&mut self) -> Duration {
        self.since.get_or_insert_with(Instant::now);
        self.times = self.times.saturating_add(1);
        let longest = if self.is_offline() { OFFLINE_PAUSE } else { LONGEST_PAUSE };
        let doubled = FIRST_PAUSE.saturating_mul(1 << (self.times - 1).min(16));
        clock::jittered(doubled.min(longest))
    }

    fn is_offline(&self) -> bool {
        self.since.is_some_and(|since| since.elapsed() >= OFFLINE_AFTER)
    }
}

impl Hosts {
    /// Notes how a host is doing, if that is news.
    pub(super) async fn set_status(&self, host: &Host, status: HostStatus, fault: Option<String>) {
        {
            let mut state = host.state();
            if (state.status, &state.fault) == (status, &fault) {
                return;
            }
            state.status = status;
            state.fault.clone_from(&fault);
        }
        if let Err(error) = self.store.set_host_status(&host.sender.host, status, fault).await {
            tracing::warn!(host = %host.sender.host, %error, "a host's status cannot be stored");
        }
    }
}

impl Host {
    fn set_connection(&self, connection: Connection) {
        self.state().connection = connection;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_to_a_bound_and_never_end() {
        let mut failing = Failing::default();
        assert!(failing.next_pause() <= FIRST_PAUSE);
        for _ in 0..40 {
            assert!(failing.next_pause() <= LONGEST_PAUSE);
        }
        assert!(!failing.is_offline());
        tokio::time::advance(OFFLINE_AFTER).await;
        assert!(failing.is_offline());
        assert!(failing.next_pause() > LONGEST_PAUSE);
        for _ in 0..1_000 {
            assert!(failing.next_pause() <= OFFLINE_PAUSE);
        }
    }
}

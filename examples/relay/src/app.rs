//! What is shared, and the order of start and end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use atproto_core::identity::{
    CacheConfig, CachingResolver, HttpResolver, HttpResolverConfig, Resolver,
};
use atproto_core::syntax::Did;
use atproto_firehose::log::LogConfig;
use atproto_firehose::producer::{Producer, ProducerOptions};
use service_kit::{Health, Numbers};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Args;
use crate::hostname::{HostPolicy, Hostname};
use crate::hosts::Hosts;
use crate::ingest::Ingest;
use crate::metrics::{self, Figures};
use crate::sequencer::{self, Sequencer};
use crate::store::{HostStatus, Store};
use crate::takedowns::Takedowns;

/// How often figures are read.
const OBSERVE: Duration = Duration::from_secs(1);

/// A relay that runs.
pub struct App {
    /// The options that it was started with.
    pub args: Args,
    /// Hosts and accounts.
    pub store: Store,
    /// The stream.
    pub producer: Producer,
    /// The subscriptions.
    pub hosts: Arc<Hosts>,
    /// The way of events into the stream.
    pub ingest: Arc<Ingest>,
    takedowns: Arc<Takedowns>,
    stop: CancellationToken,
    /// Why the sequencer has ended, once it has.
    ended: watch::Receiver<Option<String>>,
    tasks: std::sync::Mutex<Vec<JoinHandle<()>>>,
}

impl App {
    /// Opens everything that is stored, makes good what the last run left undone, and
    /// subscribes to all hosts.
    pub async fn open(args: Args) -> anyhow::Result<Arc<Self>> {
        let resolver = HttpResolver::new(
            HttpResolverConfig::default()
                .plc_url(&args.plc_url)
                .allow_loopback(args.allow_insecure_hosts),
        )
        .context("the identity resolver")?;
        // Failures are remembered for no longer than events pause before they ask again.
        let cache = CacheConfig::default().negative(Duration::from_secs(1));
        let cache = CachingResolver::new(Arc::new(resolver), cache);
        let app = Self::open_with(args, Arc::new(cache.clone())).await?;
        Numbers::new("atproto_identity_cache", "the cache of identities")
            .publish(move || (cache.stats().counters(), cache.stats().gauges()));
        Ok(app)
    }

    /// The same with another source of identities.
    pub async fn open_with(args: Args, resolver: Arc<dyn Resolver>) -> anyhow::Result<Arc<Self>> {
        std::fs::create_dir_all(&args.data)
            .with_context(|| format!("cannot make {}", args.data.display()))?;
        let store = Store::open(&args.data)
            .with_context(|| format!("cannot open the store in {}", args.data.display()))?;
        let producer = open_log(&args)?;
        sequencer::catch_up(&producer, &store).await.context("repairing the store")?;
        let takedowns = Arc::new(Takedowns::new(store.taken_down().await?));
        producer.set_mask(Some(Arc::clone(&takedowns) as Arc<_>));

        let policy =
            if args.allow_insecure_hosts { HostPolicy::Insecure } else { HostPolicy::Public };
        let hosts = Arc::new(Hosts::new(store.clone(), args.limits.clone(), policy));
        let (submit, queue) = sequencer::queue();
        let ingest = Arc::new(Ingest::new(store.clone(), submit, resolver, &args.limits.ingest()));
        let sequencer = Sequencer::new(producer.clone(), store.clone(), Arc::clone(&hosts), queue);
        let stop = CancellationToken::new();
        let (end, ended) = watch::channel(None);
        let run = sequencer.run(stop.clone());
        let sequencing = tokio::spawn(async move {
            let result = run.await;
            let why = result.map_or_else(|error| error.to_string(), |()| String::new());
            end.send_replace(Some(why));
        });
        let tasks = std::sync::Mutex::new(vec![sequencing]);
        let app =
            Arc::new(Self { args, store, producer, hosts, ingest, takedowns, stop, ended, tasks });
        app.hosts.start(Arc::clone(&app.ingest)).await?;
        for name in &app.args.hosts {
            let host = Hostname::parse(name, policy).with_context(|| name.clone())?;
            app.hosts.add(&host).await?;
        }
        Ok(app)
    }

    /// Registers what `/readyz` asks, and begins to observe.
    pub fn watch(self: &Arc<Self>, health: &Health) {
        let ended = self.ended.clone();
        health.probe("log", move || match &*ended.borrow() {
            None => Ok(()),
            Some(why) => Err(format!("events are not taken any more: {why}")),
        });
        let store = self.store.clone();
        health.probe("store", move || store.check().map_err(|error| error.to_string()));
        let app = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(OBSERVE);
            loop {
                ticks.tick().await;
                let Some(app) = app.upgrade() else { return };
                app.observe().await;
            }
        });
    }

    /// Withholds or shows what is in the stream of an account, and says so. `false` if the
    /// account is not known.
    pub async fn take_down(&self, did: &Did, on: bool) -> Result<bool, sequencer::Ended> {
        let known = self.ingest.take_down(did, on).await?.is_some();
        if known {
            self.takedowns.set(did, on);
        }
        Ok(known)
    }

    /// Completes when the log has failed for good: the process has to be started again.
    pub async fn failed(&self) {
        let mut ended = self.ended.clone();
        // An error means that the sequencer is gone, which is an end as well.
        let _ = ended.wait_for(Option::is_some).await;
    }

    /// Ends the subscriptions, finishes what is under way and closes the log.
    pub async fn close(&self) -> anyhow::Result<()> {
        let failure = self.ended.borrow().clone();
        self.hosts.close().await;
        self.stop.cancel();
        let tasks = std::mem::take(
            &mut *self.tasks.lock().unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        for task in tasks {
            // A panic there has been logged and counted.
            let _ = task.await;
        }
        self.producer.close().await;
        match failure {
            None => Ok(()),
            Some(why) => anyhow::bail!("the log has failed: {why}"),
        }
    }

    async fn observe(&self) {
        let stats = self.producer.stats();
        let mut figures = Figures {
            connections: self.hosts.connections(),
            subscribers: stats.subscribers,
            sent: stats.sent,
            too_slow: stats.too_slow,
            log_bytes: stats.log_bytes,
            last_seq: stats.last_seq,
            ..Figures::default()
        };
        let read = async {
            figures.pairs = self.store.collection_pairs().await?;
            for (status, count) in self.store.host_counts().await? {
                if let Some(place) = HostStatus::ALL.iter().position(|known| *known == status) {
                    figures.hosts[place] = count.unsigned_abs();
                }
            }
            Ok::<_, crate::store::StoreError>(())
        };
        match read.await {
            Ok(()) => metrics::observe(&figures),
            Err(error) => tracing::warn!(%error, "the store cannot be read"),
        }
    }
}

fn open_log(args: &Args) -> anyhow::Result<Producer> {
    let mut config = LogConfig::default().retention_age(args.window());
    if let Some(bytes) = args.replay_bytes {
        config = config.retention_bytes(bytes);
    }
    let options = ProducerOptions::default().max_lag_bytes(args.limits.subscriber_lag);
    let (producer, report) =
        Producer::open(args.data.join("log"), config, options).context("the event log")?;
    if !report.is_clean() {
        tracing::warn!(?report, "the event log was repaired");
    }
    Ok(producer)
}

//! What all requests share: the account database, the stores, the stream.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context as _;
use atproto_core::{
    crypto::{PublicKey, SecretKey},
    identity::{PlcClient, Resolver, SafeClient},
    lexicon::Catalog,
    syntax::{Did, Tid},
};
use atproto_firehose::{
    log::LogConfig,
    producer::{Producer, ProducerOptions},
};
use atproto_repo::repo::Head;
use atproto_xrpc::{
    Client, XrpcError, auth::session::SessionTokens,
    oauth::authorization_server::AuthorizationServer,
};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Span;

use crate::{
    accounts::{Account, Accounts, Status},
    auth::Auth,
    blobs::BlobStore,
    config::Config,
    counters,
    database::{DatabaseError, Pool},
    identity, limits, oauth,
    proxy::Services,
    secrets::Secrets,
    sequencer::{self, Pending, Running, Sequencer},
    store::{
        ActorStore, ActorStores,
        commit::{Batch, Committed},
    },
};

/// The server's state, shared by all requests.
pub struct App {
    /// The options that it was started with.
    pub config: Config,
    /// The server's own DID, the audience of tokens for it.
    pub service_did: Did,
    /// The secrets that are no account's.
    pub secrets: Secrets,
    /// Makes and verifies the tokens of sessions.
    pub sessions: SessionTokens,
    /// Proves who is who.
    pub auth: Auth,
    /// Gives apps access to accounts whose owners agree.
    pub oauth: Arc<AuthorizationServer>,
    /// The directory of did:plc identities.
    pub directory: PlcClient,
    /// For requests to other services: it connects to public addresses and to the services
    /// that the operator configured.
    pub client: SafeClient,
    /// The services to which methods are passed on.
    pub services: Services,
    /// A key that new identities get above the server's own, for recovery.
    pub recovery_key: Option<PublicKey>,
    /// The accounts and their signing keys.
    pub accounts: Accounts,
    /// The accounts' repositories.
    pub stores: Arc<ActorStores>,
    /// The bytes of blobs.
    pub blobs: BlobStore,
    /// The schemas of records and endpoints.
    pub catalog: Arc<Catalog>,
    /// Finds identities.
    pub resolver: Arc<dyn Resolver>,
    /// The AppView, where one is configured.
    pub appview: Option<Client>,
    /// The stream of events.
    pub producer: Producer,
    /// Bounds the repositories that are being sent.
    pub exports: Arc<Semaphore>,
    running: Running,
    pending: Arc<Pending>,
    stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl App {
    /// Opens everything that is stored and starts numbering events. Events that a crash
    /// left waiting are on their way when this returns.
    pub async fn open(config: Config) -> anyhow::Result<Arc<Self>> {
        let resolver = identity::resolver(&config)?;
        Self::open_with(config, resolver).await
    }

    /// The same with another source of identities.
    pub async fn open_with(
        config: Config,
        resolver: Arc<dyn Resolver>,
    ) -> anyhow::Result<Arc<Self>> {
        let service_did = config.service_did().context("the server's DID")?;
        private_directory(&config.data_directory)?;
        private_directory(&config.actors())?;
        let secrets = Secrets::open(&config).context("the server's secrets")?;
        let sessions = SessionTokens::new(secrets.jwt.clone(), &service_did)?;
        let pool = Pool::new(config.database_jobs());
        let accounts = Accounts::open(&config.data_directory.join("accounts.sqlite"), pool.clone())
            .context("the account database")?;
        let blobs = BlobStore::open(&config.blobs()).context("the blob store")?;
        let pending = Arc::new(Pending::default());
        let stores = Arc::new(ActorStores::new(
            config.actors(),
            config.actor_store_cache_size,
            pool,
            blobs.clone(),
            Arc::clone(&pending),
        ));
        let producer = open_producer(&config).context("the event log")?;
        let exports = Arc::new(Semaphore::new(config.exports));
        let auth = Auth::new(&config, &service_did, Arc::clone(&resolver))?;
        let client = identity::client(&config)?;
        let directory = PlcClient::new(&config.plc_url, client.clone());
        let catalog = Arc::new(Catalog::new().with_generated(atproto_lexicons::SCHEMAS));
        let oauth = oauth::server(&config, &service_did, &secrets, &accounts, &client, &catalog);
        let oauth = oauth.context("the authorization server")?;
        let recovery_key = config.recovery_key.as_deref().map(PublicKey::from_did_key).transpose();
        let recovery_key = recovery_key.context("the recovery key")?;
        let services = Services::new(&config)?;
        counters::describe();
        let appview = config.appview_url.as_deref().map(Client::new).transpose();
        let appview = appview.context("the AppView's URL")?;
        let app = Arc::new(Self {
            config,
            service_did,
            secrets,
            sessions,
            auth,
            oauth,
            directory,
            client,
            services,
            recovery_key,
            accounts,
            stores,
            blobs,
            catalog,
            resolver,
            appview,
            producer,
            exports,
            running: Running::default(),
            pending,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        app.recover().await?;
        Ok(app)
    }

    /// An account's store. An account has one from its creation to its end.
    pub async fn store(&self, did: &Did) -> Result<Arc<ActorStore>, XrpcError> {
        let store = self.stores.open(did).await?;
        store.ok_or_else(|| {
            XrpcError::bad_request("RepoNotFound", format!("Could not find repo: {did}"))
        })
    }

    /// The head of an account's repository.
    pub async fn head(&self, did: &Did) -> Result<Head, XrpcError> {
        let head = self.store(did).await?.read(|view| view.head()).await?;
        head.ok_or_else(|| {
            XrpcError::bad_request("RepoNotFound", format!("Could not find root for DID: {did}"))
        })
    }

    /// The key that signs for an account.
    pub async fn signing_key(&self, did: &Did) -> Result<Arc<SecretKey>, XrpcError> {
        let key = self.accounts.signing_key(did).await?;
        key.ok_or_else(|| XrpcError::internal(format!("{did} has no signing key")))
    }

    /// Applies writes to an account's repository. What it returns is durable, and its
    /// event is on its way.
    pub async fn commit(&self, did: &Did, batch: Batch) -> Result<Option<Committed>, XrpcError> {
        if !self.running.is_ok() {
            return Err(XrpcError::unavailable("writes are not possible at the moment"));
        }
        let points = batch.writes.iter().map(|write| limits::points(&write.action)).sum();
        self.auth.limits.writes(did, points)?;
        let key = self.signing_key(did).await?;
        let store = self.store(did).await?;
        let committed =
            store.write(move |edit| edit.commit(&batch, key.as_ref(), now_micros())).await?;
        if let Some(Committed { rev, .. }) = committed {
            metrics::counter!("atproto_pds_commits_total").increment(1);
            commit_span("commit", did, rev).in_scope(|| tracing::info!("committed"));
        }
        Ok(committed)
    }

    /// Makes the repository of an account that is in the account database. May be
    /// repeated.
    pub async fn create_repo(&self, account: &Account) -> Result<Committed, XrpcError> {
        let key = self.signing_key(&account.did).await?;
        let store = self.stores.create(&account.did).await?;
        let (handle, status) = (account.handle.clone(), account.status);
        let created = store
            .write(move |edit| edit.create_repo(handle, status, key.as_ref(), now_micros()))
            .await?;
        Ok(created)
    }

    /// Tells the outside of an account's handle and status, as far as they differ from
    /// what it was told last. Call it after each change of them in the account database; a
    /// crash in between is made good at the next start.
    pub async fn announce(&self, account: &Account) -> Result<(), DatabaseError> {
        let Some(store) = self.stores.open(&account.did).await? else { return Ok(()) };
        let (handle, status) = (account.handle.clone(), account.status);
        store.write(move |edit| edit.announce_change(handle, status)).await
    }

    /// Whether events still get their numbers.
    pub fn sequencing(&self) -> Result<(), String> {
        if self.running.is_ok() { Ok(()) } else { Err("sequencing has stopped".to_owned()) }
    }

    /// Sets the gauges that are read rather than counted.
    pub fn observe(&self) {
        metrics::gauge!("atproto_pds_open_actor_stores").set(self.stores.count_open() as f64);
        metrics::gauge!("atproto_pds_outboxes_waiting").set(self.pending.count() as f64);
    }

    /// Numbers what still waits and closes the log. Requests must have ended.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
        self.producer.close().await;
    }

    /// Makes good what a crash interrupted, then starts the sequencer.
    async fn recover(self: &Arc<Self>) -> anyhow::Result<()> {
        let sequencer = Sequencer::new(
            self.producer.clone(),
            Arc::clone(&self.stores),
            Arc::clone(&self.pending),
            self.running.clone(),
        )?;
        let mut after = 0;
        let mut waiting = 0;
        loop {
            let page = self.accounts.page(after, SCAN_PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            for (_, account) in &page {
                self.repair(account).await?;
            }
            let dids = page.into_iter().map(|(_, account)| account.did);
            waiting += sequencer::scan(&self.stores, dids, &self.pending).await?;
        }
        if waiting > 0 {
            tracing::info!(accounts = waiting, "events of the last run are waiting");
        }
        self.settle_reservations().await?;
        self.tasks.spawn(sequencer.run(self.stop.clone()));
        self.tasks.close();
        Ok(())
    }

    /// Goes on where the server stopped: with an account's creation, its end, or telling
    /// the outside of a change.
    async fn repair(self: &Arc<Self>, account: &Account) -> anyhow::Result<()> {
        if account.status == Status::Deleted {
            self.continue_deletion(&account.did);
            return Ok(());
        }
        let head = match self.stores.open(&account.did).await? {
            Some(store) => store.read(|view| view.head()).await?,
            None => None,
        };
        if head.is_none() {
            tracing::info!(did = %account.did, "an interrupted account creation is finished");
            self.create_repo(account).await?;
        }
        Ok(self.announce_missed(account).await?)
    }

    /// Announces what the account database says and the outside has not been told: the
    /// server stopped between the two.
    async fn announce_missed(&self, account: &Account) -> Result<(), DatabaseError> {
        let Some(store) = self.stores.open(&account.did).await? else { return Ok(()) };
        let last = store.read(|view| view.announced()).await?;
        let missed =
            last.is_some_and(|last| last.status != account.status || last.handle != account.handle);
        if missed { self.announce(account).await } else { Ok(()) }
    }
}

/// A span for one step of a commit, in the trace that all servers put that commit into.
pub(crate) fn commit_span(step: &'static str, did: &Did, rev: Tid) -> Span {
    let span = tracing::info_span!("commit step", otel.name = step, %did, %rev);
    service_kit::join_trace(&span, &["atproto-commit", did.as_str(), &rev.to_string()]);
    span
}

/// Accounts looked at together at the start.
const SCAN_PAGE: usize = 500;

/// The time in microseconds since 1970.
pub fn now_micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

fn open_producer(config: &Config) -> anyhow::Result<Producer> {
    let directory = config.data_directory.join("events");
    let log_config = LogConfig::default().retention_age(config.backfill());
    let (producer, report) = Producer::open(&directory, log_config, ProducerOptions::default())?;
    if !report.is_clean() {
        tracing::warn!(?report, "the event log was repaired");
    }
    Ok(producer)
}

/// Makes a directory that nobody but the server's user can look into.
fn private_directory(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

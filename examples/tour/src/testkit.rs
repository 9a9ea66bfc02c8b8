//! Tests a service: one event without a network, then hours of a network in which everything
//! goes wrong, and in which the service is crashed and started again.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::ensure;
use atproto_core::syntax::{Cid, Did, Tid};
use atproto_firehose::{
    consumer::{Consumer, ConsumerOptions, Delivery, Policy, Start, Transport},
    event::{Commit, Event, Gap},
    verify::Verifier,
};
use atproto_testkit::{
    Author, Fault, Faults, Net, delivery, hours,
    net::{SimState, Truth},
};

pub(crate) async fn run() -> anyhow::Result<()> {
    tokio::time::pause(); // time is virtual
    // Where an account comes back among events that the relay has dropped, the consumer takes it for
    // inactive, and ignores its commits, until the relay tells of the account again.
    let faults = Faults::all().without(Fault::OutdatedCursor);
    let net = Net::seeded(42).accounts(20).faults(faults);

    let (one, probe) = delivery(Author::new("alice.test", 1).account(None));
    Index::new(net.truth()).handle(one).await;
    ensure!(probe.acked());

    let mine = Index::new(net.truth());
    let (transport, clock, state) = (net.relay().transport(), net.clock(), net.state());
    let verifier = Verifier::new(net.directory()).clock(move || clock.now_micros());
    let index = mine.clone();
    net.service(move || {
        index.clone().serve(Arc::clone(&transport), verifier.clone(), state.clone())
    });
    net.run_for(hours(2)).await; // panics unless every planned fault has fired
    print!("{}", net.report());
    ensure!(mine.records() == net.truth().records(), "the copy is not true");
    println!("a copy of {} records is true", mine.records().len());
    Ok(())
}

/// The service: which records there are. What it keeps survives its crashes, as a database does.
#[derive(Clone)]
struct Index {
    records: Arc<Mutex<BTreeMap<String, Cid>>>,
    /// How far each repository was fetched: older commits are in it already.
    fetched: Arc<Mutex<BTreeMap<Did, Tid>>>,
    /// Where repositories are fetched; `com.atproto.sync.getRepo` in real life.
    repositories: Truth,
}

impl Index {
    fn new(repositories: Truth) -> Self {
        Self { records: Arc::default(), fetched: Arc::default(), repositories }
    }

    async fn serve(self, transport: Arc<dyn Transport>, verifier: Verifier, state: SimState) {
        let policy = Policy::verifier(verifier);
        let options = ConsumerOptions::default().start(Start::Oldest).policy(policy).seed(42);
        let Ok(mut consumer) = Consumer::open_on(transport, state, options).await else { return };
        while let Some(delivery) = consumer.next().await {
            self.handle(delivery).await;
        }
    }

    async fn handle(&self, delivery: Delivery) {
        match delivery.event() {
            Event::Commit(commit) if self.has(commit) => {}
            Event::Commit(commit) => {
                let mut records = self.lock();
                for change in commit.changes() {
                    let uri = format!("at://{}/{}", commit.did(), change.path);
                    match change.cid {
                        Some(cid) => drop(records.insert(uri, cid)),
                        None => drop(records.remove(&uri)),
                    }
                }
            }
            Event::Sync(sync) => self.fetch(&sync.did),
            Event::Gap(Gap::Repo { did, .. }) => self.fetch(did),
            Event::Gap(_) => self.repositories.accounts().iter().for_each(|did| self.fetch(did)),
            Event::Account(account) if !account.active => self.fetch(&account.did),
            Event::Account(_) | Event::Identity(_) | Event::Labels(_) => {}
        }
        delivery.ack().await;
    }

    fn has(&self, commit: &Commit) -> bool {
        let fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        fetched.get(commit.did()).is_some_and(|rev| commit.rev() <= *rev)
    }

    /// Takes over a repository as it is now.
    fn fetch(&self, did: &Did) {
        let mut records = self.lock();
        let prefix = format!("at://{did}/");
        records.retain(|uri, _| !uri.starts_with(&prefix));
        if let Some(repository) = self.repositories.repository(did) {
            let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
            fetched.insert(did.clone(), repository.rev);
            let found = repository.records.into_iter();
            records.extend(found.map(|(path, cid)| (format!("{prefix}{path}"), cid)));
        }
    }

    fn records(&self) -> BTreeMap<String, Cid> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Cid>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

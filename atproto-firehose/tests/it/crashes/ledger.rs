//! Where a child keeps its sums, with the checkpoint that says of which events they are.

use std::collections::BTreeMap;

use atproto_firehose::{
    consumer::Batch,
    event::Event,
    state::{Store, StoreError},
};
use futures::future::BoxFuture;

use super::{child::Points, sqlite};

/// Of each account: how many events, and a sum in which each and their order counts.
pub(super) type Sums = BTreeMap<String, (i64, i64)>;

pub(super) trait Ledger {
    /// The consumer's state.
    fn state(&self) -> BoxFuture<'_, Box<dyn Store>>;

    /// Stores a batch in a transaction.
    fn store<'a>(
        &'a mut self,
        batch: &'a Batch,
        points: &'a Points,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    fn sums(&mut self) -> BoxFuture<'_, Sums>;
}

/// The ledger at a place, created if it is not there.
pub(super) async fn open(place: &str) -> Box<dyn Ledger> {
    match place.split_once(':').unwrap() {
        ("sqlite", path) => Box::new(sqlite::Sqlite::open(path)),
        #[cfg(feature = "postgres")]
        ("postgres", place) => Box::new(super::postgres::Postgres::open(place).await),
        _ => panic!("{place}"),
    }
}

/// Sequence numbers to add, with their accounts.
pub(super) fn items(batch: &Batch) -> impl Iterator<Item = (&str, i64)> {
    batch.events().map(|event| {
        assert!(!matches!(event, Event::Gap(_)), "{event:?}");
        (event.did().unwrap().as_str(), event.seq().unwrap())
    })
}

/// As `ADD` does it.
pub(super) fn fold(sums: &mut Sums, did: String, seq: i64) {
    let (count, sum) = sums.entry(did).or_default();
    *count += 1;
    *sum = (*sum * 31 + seq) % 1_000_000_007;
}

/// One number into the sum of its account, in either SQL.
pub(super) const ADD: &str = "INSERT INTO sums (did, count, sum) VALUES ($1, 1, $2)
    ON CONFLICT (did) DO UPDATE
    SET count = sums.count + 1, sum = (sums.sum * 31 + excluded.sum) % 1000000007";

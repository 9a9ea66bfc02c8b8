//! Flows that nobody comes back from are forgotten when their time is over.
//!
//! A store cannot list what it holds, so the flows that have begun are written down under a
//! key of their own, in the order in which they began. Those that ended stay on the list for
//! their time: to take them from the store once more does nothing.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::authorize::flow_key;
use crate::client::store::{SessionStore, StoreError};

/// A flow that has begun: its state, and when its time is over, in Unix seconds.
#[derive(Serialize, Deserialize)]
struct Begun {
    state: String,
    expires_at: u64,
}

/// Writes down a flow that begins now, and removes the oldest of those that are over: at most
/// [`REMOVED_AT_A_TIME`], so that a login never waits for all that were abandoned. Beyond
/// [`MAX_FLOWS`] the oldest goes although its time is not over: its callback finds nothing.
pub(super) async fn remember(
    store: &dyn SessionStore,
    state: &str,
    now: u64,
    lifetime: u64,
) -> Result<(), StoreError> {
    let _guard = store.lock(FLOWS).await?;
    let kept = store.load(FLOWS).await?;
    let kept = kept.map(|list| serde_json::from_str(&list)).transpose();
    let mut begun: VecDeque<Begun> = kept.map_err(StoreError::new)?.unwrap_or_default();
    for _ in 0..REMOVED_AT_A_TIME {
        let full = begun.len() >= MAX_FLOWS;
        let Some(over) = begun.front().filter(|flow| full || flow.expires_at < now) else { break };
        store.take(&flow_key(&over.state)).await?;
        begun.pop_front();
    }
    begun.push_back(Begun { state: state.to_owned(), expires_at: now.saturating_add(lifetime) });
    let list = serde_json::to_string(&begun).map_err(StoreError::new)?;
    store.save(FLOWS, &list).await
}

/// The key of the list.
const FLOWS: &str = "flows";

/// Ours: about 600 kB, which each login writes anew.
const MAX_FLOWS: usize = 10_000;

/// Ours: more than one, so that the list gets shorter.
const REMOVED_AT_A_TIME: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::store::MemoryStore;

    async fn begin(store: &MemoryStore, state: &str, now: u64) {
        remember(store, state, now, 100).await.unwrap();
        store.save(&flow_key(state), "{}").await.unwrap();
    }

    #[tokio::test]
    async fn abandoned_flows_leave_the_store_a_few_at_a_time() {
        let store = MemoryStore::default();
        for number in 0..10 {
            begin(&store, &number.to_string(), number).await;
        }
        let is_there = async |state: &str| store.load(&flow_key(state)).await.unwrap().is_some();
        // The last second of the first.
        begin(&store, "a", 100).await;
        assert!(is_there("0").await);
        begin(&store, "b", 101).await;
        assert!(!is_there("0").await && is_there("1").await);
        begin(&store, "c", 150).await;
        assert!(!is_there("8").await && is_there("9").await && is_there("a").await);
        begin(&store, "d", 150).await;
        assert!(!is_there("9").await && is_there("a").await);
        begin(&store, "e", 1_000).await;
        let list = store.load(FLOWS).await.unwrap().unwrap();
        assert_eq!(serde_json::from_str::<Vec<Begun>>(&list).unwrap().len(), 1, "{list}");
    }

    #[tokio::test]
    async fn the_list_has_a_limit() {
        let store = MemoryStore::default();
        let full: Vec<_> = (0..MAX_FLOWS)
            .map(|number| Begun { state: number.to_string(), expires_at: 100 })
            .collect();
        store.save(FLOWS, &serde_json::to_string(&full).unwrap()).await.unwrap();
        store.save(&flow_key("0"), "{}").await.unwrap();
        store.save(&flow_key("1"), "{}").await.unwrap();
        begin(&store, "new", 1).await;
        assert!(store.load(&flow_key("0")).await.unwrap().is_none());
        assert!(store.load(&flow_key("1")).await.unwrap().is_some());
        let list = store.load(FLOWS).await.unwrap().unwrap();
        assert_eq!(serde_json::from_str::<Vec<Begun>>(&list).unwrap().len(), MAX_FLOWS);
    }
}

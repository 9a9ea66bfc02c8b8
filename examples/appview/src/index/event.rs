//! One event into the store.

use atproto_core::{
    lexicon::Catalog,
    syntax::{Datetime, Did},
};
use atproto_firehose::event::{Change, Commit, Event, Gap};
use atproto_repo::event::{AccountEvent, Action};
use rusqlite::Transaction;

use super::{
    record::{self, Outcome, Put},
    report::Report,
};
use crate::query::{actor, repo};

/// Applies an event within the transaction that also stores the checkpoint. Applied again, it
/// changes nothing.
pub(crate) fn apply(
    tx: &Transaction<'_>,
    catalog: &Catalog,
    event: &Event,
    now: &Datetime,
    report: &mut Report,
) -> anyhow::Result<()> {
    match event {
        Event::Commit(commit) => apply_commit(tx, catalog, commit, now, report)?,
        Event::Account(account) => apply_account(tx, account, now)?,
        Event::Identity(identity) => {
            actor::discover(tx, identity.did.as_str(), now.as_str())?;
            actor::mark_stale(tx, identity.did.as_str())?;
        }
        Event::Sync(sync) => {
            let known = repo::rev(tx, sync.did.as_str())?;
            if known.is_none_or(|known| known < sync.rev.to_string()) {
                repo::request(tx, sync.did.as_str(), "sync")?;
            }
        }
        Event::Gap(gap) => {
            report.gaps.push(gap.label());
            if let Gap::Repo { did, .. } = gap {
                repo::request(tx, did.as_str(), "gap")?;
            }
        }
    }
    Ok(())
}

fn apply_commit(
    tx: &Transaction<'_>,
    catalog: &Catalog,
    commit: &Commit,
    now: &Datetime,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (did, message) = (commit.did(), commit.message());
    actor::discover(tx, did.as_str(), now.as_str())?;
    let known = repo::rev(tx, did.as_str())?;
    if known.is_none() && message.since.is_some() {
        // The account is older than our first sight of it.
        repo::request(tx, did.as_str(), "unseen")?;
    }
    let rev = message.rev.to_string();
    let span = tracing::info_span!("index commit", %did, rev, seq = message.seq);
    service_kit::join_trace(&span, &["atproto-commit", did.as_str(), &rev]);
    let _entered = span.enter();
    for change in commit.changes() {
        let outcome = apply_change(tx, catalog, did, commit, &change, now)?;
        report.count(change.path.collection.as_str(), change.action, outcome);
    }
    if known.is_none_or(|known| known < rev) {
        repo::set_rev(tx, did.as_str(), &rev)?;
    }
    tracing::debug!(ops = message.ops.len(), "indexed");
    Ok(())
}

fn apply_change(
    tx: &Transaction<'_>,
    catalog: &Catalog,
    did: &Did,
    commit: &Commit,
    change: &Change,
    now: &Datetime,
) -> anyhow::Result<Outcome> {
    let (collection, rkey) = (&change.path.collection, &change.path.rkey);
    let message = commit.message();
    let (Some(cid), Some(body)) = (change.cid, change.record.as_ref()) else {
        anyhow::ensure!(change.action == Action::Delete, "a verified commit has its records");
        return record::delete(tx, did, collection, rkey);
    };
    let put = Put {
        did,
        collection,
        rkey,
        cid,
        rev: message.rev,
        seq: message.seq,
        body,
        indexed_at: now,
    };
    record::put(tx, catalog, &put)
}

fn apply_account(
    tx: &Transaction<'_>,
    account: &AccountEvent,
    now: &Datetime,
) -> anyhow::Result<()> {
    let did = account.did.as_str();
    actor::discover(tx, did, now.as_str())?;
    let status = match (account.active, account.status.as_deref()) {
        (true, _) => None,
        (false, status) => Some(status.unwrap_or("inactive")),
    };
    actor::set_status(tx, did, status)?;
    if status == Some("deleted") {
        record::purge(tx, &account.did)?;
        repo::settle(tx, did)?;
    }
    Ok(())
}

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
use crate::query::{
    actor, repo,
    task::{self, Kind},
};

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
            task::request(tx, Kind::Identity, identity.did.as_str(), "identity")?;
        }
        Event::Sync(sync) => {
            let known = repo::rev(tx, sync.did.as_str())?;
            if known.is_none_or(|known| known < sync.rev.to_string()) {
                task::request(tx, Kind::Resync, sync.did.as_str(), "sync")?;
            }
        }
        // No relay tells labels.
        Event::Labels(_) => {}
        Event::Gap(gap) => {
            report.gaps.push(gap.label());
            apply_gap(tx, gap)?;
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
    let seq = commit.seq().unwrap_or(0);
    actor::discover(tx, did.as_str(), now.as_str())?;
    let known = repo::rev(tx, did.as_str())?;
    if known.is_none() && message.is_some_and(|message| message.since.is_some()) {
        // The account is older than our first sight of it.
        task::request(tx, Kind::Resync, did.as_str(), "unseen")?;
    }
    let rev = commit.rev().to_string();
    let span = tracing::info_span!("index commit", %did, rev, seq);
    service_kit::join_trace(&span, &["atproto-commit", did.as_str(), &rev]);
    let _entered = span.enter();
    // A repo that was fetched whole says all that its earlier commits say, and more.
    let stale = known.is_some_and(|known| known >= rev);
    let changes = commit.changes();
    for change in changes {
        let outcome = if stale {
            Outcome::Stale
        } else {
            apply_change(tx, catalog, did, commit, change, now)?
        };
        report.count(change.path.collection.as_str(), change.action, outcome);
    }
    if !stale {
        repo::set_rev(tx, did.as_str(), &rev)?;
    }
    if let Some(message) = message {
        report.visible(&message.time);
    }
    tracing::debug!(ops = changes.len(), "indexed");
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
    let (Some(cid), Some(body)) = (change.cid, change.record.as_ref()) else {
        if change.action == Action::Delete {
            return record::delete(tx, did, collection, rkey);
        }
        // No verified commit lacks a record; if one does, its host has it.
        task::request(tx, Kind::Resync, did.as_str(), "record_missing")?;
        return Ok(Outcome::Dropped);
    };
    let put = Put {
        did,
        collection,
        rkey,
        cid,
        rev: commit.rev(),
        seq: commit.seq().unwrap_or(0),
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
        repo::forget(tx, did)?;
        actor::note_purged(tx, did, true)?;
        task::cancel(tx, Kind::Resync, did)?;
    } else if status.is_none() && actor::is_purged(tx, did)? {
        actor::note_purged(tx, did, false)?;
        task::request(tx, Kind::Resync, did, "returned")?;
    }
    Ok(())
}

fn apply_gap(tx: &Transaction<'_>, gap: &Gap) -> rusqlite::Result<()> {
    match gap {
        Gap::Repo { did, .. } => task::request(tx, Kind::Resync, did.as_str(), "gap"),
        // Whatever is indexed may have changed, or have been deleted, in what is missing.
        Gap::OutdatedCursor { .. } => repo::all(tx)?
            .iter()
            .try_for_each(|did| task::request(tx, Kind::Resync, did, "outdated_cursor")),
        _ => Ok(()),
    }
}

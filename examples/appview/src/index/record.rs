//! One record into the views, or out of them.

use atproto_core::{
    data::cbor,
    lexicon::{Catalog, Decoded, TypedRecord},
    syntax::{AtUri, Cid, Datetime, Did, Nsid, RecordKey, Tid},
};
use atproto_lexicons::app::bsky::{
    actor::Profile,
    feed::{Like, Post, Repost},
    graph::{Block, Follow},
};
use rusqlite::{ErrorCode, OptionalExtension, Transaction, params};

use super::{
    edge::{self, Edge, EdgeKind},
    notification, post,
};

/// A record as its commit gives it.
pub(crate) struct Put<'a> {
    pub(crate) did: &'a Did,
    pub(crate) collection: &'a Nsid,
    pub(crate) rkey: &'a RecordKey,
    pub(crate) cid: Cid,
    pub(crate) rev: Tid,
    pub(crate) seq: i64,
    pub(crate) body: &'a [u8],
    /// When this AppView received it; no view sorts a record later than that.
    pub(crate) indexed_at: &'a Datetime,
}

/// What became of a change; each is a label of `atproto_indexer_records_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is in the store and, where a view knows its lexicon, in the views.
    Indexed,
    /// It was known already, or something newer is.
    Stale,
    /// Its own lexicon refuses it: it is in the dead letters.
    Invalid,
    /// The views do not take it, though its lexicon does: it is in the dead letters.
    DeadLetter,
    /// It was announced without its content; its repo is fetched whole.
    Dropped,
}

impl Outcome {
    pub(crate) const ALL: [Self; 5] =
        [Self::Indexed, Self::Stale, Self::Invalid, Self::DeadLetter, Self::Dropped];

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Indexed => "indexed",
            Self::Stale => "stale",
            Self::Invalid => "invalid",
            Self::DeadLetter => "dead_letter",
            Self::Dropped => "dropped",
        }
    }
}

/// Stores a created or updated record and derives its views. One that the views do not take
/// is buried: it never holds up its neighbours.
pub(crate) fn put(
    tx: &Transaction<'_>,
    catalog: &Catalog,
    put: &Put<'_>,
) -> anyhow::Result<Outcome> {
    let uri = AtUri::from_parts(put.did, put.collection, put.rkey);
    tx.execute_batch("SAVEPOINT record")?;
    let result = try_put(tx, catalog, put, uri.as_str());
    if result.is_err() {
        tx.execute_batch("ROLLBACK TO record")?;
    }
    tx.execute_batch("RELEASE record")?;
    match result {
        Err(error) if !is_of_the_store(&error) => {
            tracing::error!(uri = uri.as_str(), error.class = "bug", error.message = %format_args!("{error:#}"), "record not indexed");
            unindex(tx, uri.as_str(), put.collection.as_str())?;
            bury(tx, uri.as_str(), put, &format!("{error:#}"))?;
            Ok(Outcome::DeadLetter)
        }
        result => result,
    }
}

/// Whether an error is of the database rather than of what was to be stored: then the whole
/// transaction is tried again.
fn is_of_the_store(error: &anyhow::Error) -> bool {
    let cause =
        error.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
    cause.is_some_and(|code| !matches!(code, ErrorCode::ConstraintViolation | ErrorCode::TooBig))
}

fn try_put(
    tx: &Transaction<'_>,
    catalog: &Catalog,
    put: &Put<'_>,
    uri: &str,
) -> anyhow::Result<Outcome> {
    if let Some((cid, rev)) = stored(tx, uri)? {
        if rev > put.rev.to_string() || cid == put.cid.to_string() {
            return Ok(Outcome::Stale);
        }
        unindex(tx, uri, put.collection.as_str())?;
    }
    match catalog.decode(put.collection, put.body) {
        Decoded::Invalid(_, reason) => {
            bury(tx, uri, put, &reason.to_string())?;
            Ok(Outcome::Invalid)
        }
        decoded => {
            exhume(tx, uri)?;
            store(tx, uri, put)?;
            if let Decoded::Typed(record) = decoded {
                let sort_at = sort_at(put.body, put.indexed_at);
                let place = Place { uri, did: put.did.as_str(), sort_at: &sort_at };
                derive(tx, &place, &record)?;
            }
            Ok(Outcome::Indexed)
        }
    }
}

/// Removes a record and everything derived from it.
pub(crate) fn delete(
    tx: &Transaction<'_>,
    did: &Did,
    collection: &Nsid,
    rkey: &RecordKey,
) -> anyhow::Result<Outcome> {
    let uri = AtUri::from_parts(did, collection, rkey);
    exhume(tx, uri.as_str())?;
    if stored(tx, uri.as_str())?.is_none() {
        return Ok(Outcome::Stale);
    }
    unindex(tx, uri.as_str(), collection.as_str())?;
    tx.prepare_cached("DELETE FROM record WHERE uri = ?1")?.execute([uri.as_str()])?;
    Ok(Outcome::Indexed)
}

/// Removes every record of an account, and its dead letters.
pub(crate) fn purge(tx: &Transaction<'_>, did: &Did) -> anyhow::Result<()> {
    let mut statement = tx.prepare_cached("SELECT uri, collection FROM record WHERE did = ?1")?;
    let records: Vec<(String, String)> = statement
        .query_map([did.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (uri, collection) in records {
        unindex(tx, &uri, &collection)?;
    }
    tx.execute("DELETE FROM record WHERE did = ?1", [did.as_str()])?;
    let prefix = format!("at://{did}/");
    tx.execute(
        "DELETE FROM dead_letter WHERE substr(uri, 1, ?1) = ?2",
        params![prefix.len(), prefix],
    )?;
    Ok(())
}

/// Where a record stands in the views.
pub(crate) struct Place<'a> {
    pub(crate) uri: &'a str,
    pub(crate) did: &'a str,
    pub(crate) sort_at: &'a str,
}

impl Place<'_> {
    fn edge<'a>(&'a self, kind: EdgeKind, subject: &'a str) -> Edge<'a> {
        Edge { uri: self.uri, kind, did: self.did, subject, sort_at: self.sort_at }
    }
}

/// Derives the views of the lexicons that this AppView knows; others are stored only.
fn derive(tx: &Transaction<'_>, place: &Place<'_>, record: &TypedRecord) -> anyhow::Result<()> {
    if let Some(record) = record.downcast_ref::<Post>() {
        post::insert(tx, place, record)?;
    } else if let Some(like) = record.downcast_ref::<Like>() {
        let subject = like.subject.uri.as_str();
        place.edge(EdgeKind::Like, subject).insert(tx)?;
        notification::about_post(tx, place, "like", subject)?;
    } else if let Some(repost) = record.downcast_ref::<Repost>() {
        let subject = repost.subject.uri.as_str();
        place.edge(EdgeKind::Repost, subject).insert(tx)?;
        post::insert_feed_item(tx, place, subject)?;
        notification::about_post(tx, place, "repost", subject)?;
    } else if let Some(follow) = record.downcast_ref::<Follow>() {
        place.edge(EdgeKind::Follow, follow.subject.as_str()).insert(tx)?;
        notification::insert(tx, place, "follow", follow.subject.as_str(), None)?;
    } else if let Some(block) = record.downcast_ref::<Block>() {
        place.edge(EdgeKind::Block, block.subject.as_str()).insert(tx)?;
    } else if let Some(profile) = record.downcast_ref::<Profile>()
        && place.uri.ends_with("/self")
    {
        let name = profile.display_name.as_deref().unwrap_or_default();
        tx.prepare_cached("INSERT OR REPLACE INTO profile (did, display_name) VALUES (?1, ?2)")?
            .execute([place.did, name])?;
    }
    Ok(())
}

fn unindex(tx: &Transaction<'_>, uri: &str, collection: &str) -> rusqlite::Result<()> {
    match collection {
        "app.bsky.feed.post" => post::remove(tx, uri)?,
        "app.bsky.feed.like" => edge::remove(tx, uri, EdgeKind::Like)?,
        "app.bsky.feed.repost" => {
            edge::remove(tx, uri, EdgeKind::Repost)?;
            post::remove_feed_item(tx, uri)?;
        }
        "app.bsky.graph.follow" => edge::remove(tx, uri, EdgeKind::Follow)?,
        "app.bsky.graph.block" => edge::remove(tx, uri, EdgeKind::Block)?,
        "app.bsky.actor.profile" if uri.ends_with("/self") => {
            let did = uri.trim_start_matches("at://").split('/').next().unwrap_or_default();
            tx.prepare_cached("DELETE FROM profile WHERE did = ?1")?.execute([did])?;
        }
        _ => {}
    }
    notification::remove(tx, uri)
}

fn stored(tx: &Transaction<'_>, uri: &str) -> rusqlite::Result<Option<(String, String)>> {
    tx.prepare_cached("SELECT cid, rev FROM record WHERE uri = ?1")?
        .query_row([uri], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

fn store(tx: &Transaction<'_>, uri: &str, put: &Put<'_>) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT OR REPLACE INTO record (uri, did, collection, cid, rev, body, indexed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        uri,
        put.did.as_str(),
        put.collection.as_str(),
        put.cid.to_string(),
        put.rev.to_string(),
        put.body,
        put.indexed_at.as_str(),
    ])?;
    Ok(())
}

/// An invalid version replaces a valid one: the old content is no longer what the repo holds.
fn bury(tx: &Transaction<'_>, uri: &str, put: &Put<'_>, reason: &str) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM record WHERE uri = ?1")?.execute([uri])?;
    tx.prepare_cached(
        "INSERT OR REPLACE INTO dead_letter (uri, cid, reason, body, seq) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![uri, put.cid.to_string(), reason, put.body, put.seq])?;
    Ok(())
}

fn exhume(tx: &Transaction<'_>, uri: &str) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM dead_letter WHERE uri = ?1")?.execute([uri])?;
    Ok(())
}

/// The time that the author states, but never later than the time of receipt: a post from the
/// future would stay on top for ever.
fn sort_at(body: &[u8], indexed_at: &Datetime) -> String {
    let stated = cbor::decode(body).ok().and_then(|record| {
        let text = record.get("createdAt")?.as_str()?.to_owned();
        Datetime::new(text).ok()?.unix_micros()
    });
    let received = indexed_at.unix_micros().unwrap_or_default();
    let micros = stated.filter(|stated| *stated >= 0).unwrap_or(received).min(received);
    // Whole milliseconds, so that all texts have one length and sort as times do.
    Datetime::from_unix_micros(micros - micros.rem_euclid(1_000)).as_str().to_owned()
}

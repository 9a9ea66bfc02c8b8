//! Who is told of what.

use rusqlite::{Transaction, params};

use super::record::Place;

/// Tells the author of a post that something happened to it.
pub(crate) fn about_post(
    tx: &Transaction<'_>,
    place: &Place<'_>,
    reason: &str,
    post: &str,
) -> rusqlite::Result<()> {
    let author = post.strip_prefix("at://").and_then(|rest| rest.split('/').next());
    match author {
        Some(author) => insert(tx, place, reason, author, Some(post)),
        None => Ok(()),
    }
}

/// Tells an actor; nobody is told of their own doings, nor twice of one record.
pub(crate) fn insert(
    tx: &Transaction<'_>,
    place: &Place<'_>,
    reason: &str,
    recipient: &str,
    subject: Option<&str>,
) -> rusqlite::Result<()> {
    if recipient == place.did {
        return Ok(());
    }
    tx.prepare_cached(
        "INSERT OR IGNORE INTO notification (uri, recipient, author, reason, subject, sort_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![place.uri, recipient, place.did, reason, subject, place.sort_at])?;
    Ok(())
}

pub(crate) fn remove(tx: &Transaction<'_>, uri: &str) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM notification WHERE uri = ?1")?.execute([uri])?;
    Ok(())
}

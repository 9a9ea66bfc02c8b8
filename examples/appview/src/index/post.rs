//! Posts and what followers see of them.

use atproto_lexicons::app::bsky::{
    feed::{Post, PostEmbed},
    richtext::facet::FacetFeature,
};
use rusqlite::{OptionalExtension, Transaction, params};

use super::{edge::tally, notification, record::Place};

pub(crate) fn insert(tx: &Transaction<'_>, place: &Place<'_>, post: &Post) -> rusqlite::Result<()> {
    let reply = post.reply.as_ref();
    let root = reply.map(|reply| reply.root.uri.as_str());
    let parent = reply.map(|reply| reply.parent.uri.as_str());
    let quote = quoted(post);
    tx.prepare_cached(
        "INSERT INTO post (uri, did, sort_at, reply_root, reply_parent, quote)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![place.uri, place.did, place.sort_at, root, parent, quote])?;
    insert_feed_item(tx, place, place.uri)?;
    tally(tx, "post", place.did, 1)?;
    if let Some(parent) = parent {
        tally(tx, "reply", parent, 1)?;
        notification::about_post(tx, place, "reply", parent)?;
    }
    if let Some(quote) = quote {
        tally(tx, "quote", quote, 1)?;
        notification::about_post(tx, place, "quote", quote)?;
    }
    for did in mentioned(post) {
        notification::insert(tx, place, "mention", did, Some(place.uri))?;
    }
    Ok(())
}

pub(crate) fn remove(tx: &Transaction<'_>, uri: &str) -> rusqlite::Result<()> {
    let row: Option<(String, Option<String>, Option<String>)> = tx
        .prepare_cached("DELETE FROM post WHERE uri = ?1 RETURNING did, reply_parent, quote")?
        .query_row([uri], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((did, parent, quote)) = row else { return Ok(()) };
    remove_feed_item(tx, uri)?;
    tally(tx, "post", &did, -1)?;
    if let Some(parent) = parent {
        tally(tx, "reply", &parent, -1)?;
    }
    if let Some(quote) = quote {
        tally(tx, "quote", &quote, -1)?;
    }
    Ok(())
}

pub(crate) fn insert_feed_item(
    tx: &Transaction<'_>,
    place: &Place<'_>,
    post: &str,
) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT INTO feed_item (uri, did, post, sort_at) VALUES (?1, ?2, ?3, ?4)")?
        .execute([place.uri, place.did, post, place.sort_at])?;
    Ok(())
}

pub(crate) fn remove_feed_item(tx: &Transaction<'_>, uri: &str) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM feed_item WHERE uri = ?1")?.execute([uri])?;
    Ok(())
}

/// The record that the post embeds, alone or beside media.
fn quoted(post: &Post) -> Option<&str> {
    match post.embed.as_ref()? {
        PostEmbed::Record(embed) => Some(embed.record.uri.as_str()),
        PostEmbed::RecordWithMedia(embed) => Some(embed.record.record.uri.as_str()),
        _ => None,
    }
}

fn mentioned(post: &Post) -> impl Iterator<Item = &str> {
    let features = post.facets.iter().flatten().flat_map(|facet| &facet.features);
    features.filter_map(|feature| match feature {
        FacetFeature::Mention(mention) => Some(mention.did.as_str()),
        _ => None,
    })
}

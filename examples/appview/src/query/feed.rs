//! Feeds: what an author posted and reposted, and what those whom somebody follows did.

use std::{cmp::Reverse, collections::BinaryHeap};

use rusqlite::{Row, Transaction, params};

use super::Page;

/// One item of a feed: a post, or a repost of one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FeedItem {
    pub(crate) sort_at: String,
    /// The record that put the post there: the post itself, or the repost.
    pub(crate) uri: String,
    /// Who posted or reposted.
    pub(crate) did: String,
    pub(crate) post: String,
}

impl FeedItem {
    pub(crate) fn is_repost(&self) -> bool {
        self.uri != self.post
    }

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { uri: row.get(0)?, did: row.get(1)?, post: row.get(2)?, sort_at: row.get(3)? })
    }
}

/// What one author did, newest first.
pub(crate) fn author(
    tx: &Transaction<'_>,
    did: &str,
    page: &Page,
) -> rusqlite::Result<Vec<FeedItem>> {
    let mut items = Vec::new();
    visit(tx, did, page, |item| {
        items.push(item);
        true
    })?;
    Ok(items)
}

/// Reads a page of one author, newest first, for as long as the visitor wants more.
fn visit(
    tx: &Transaction<'_>,
    did: &str,
    page: &Page,
    mut visitor: impl FnMut(FeedItem) -> bool,
) -> rusqlite::Result<()> {
    let (sort_at, uri, limit) = page.bounds();
    let mut statement = tx.prepare_cached(
        "SELECT uri, did, post, sort_at FROM feed_item
         WHERE did = ?4 AND (sort_at, uri) < (?1, ?2)
         ORDER BY sort_at DESC, uri DESC LIMIT ?3",
    )?;
    for item in statement.query_map(params![sort_at, uri, limit, did], FeedItem::from_row)? {
        if !visitor(item?) {
            break;
        }
    }
    Ok(())
}

/// What the viewer and everybody whom the viewer follows did, newest first.
///
/// Each author's feed is read no further than it reaches into the page, so the cost is about
/// one row a follow beside the page itself, however much the authors wrote.
pub(crate) fn timeline(
    tx: &Transaction<'_>,
    viewer: &str,
    page: &Page,
) -> rusqlite::Result<Vec<FeedItem>> {
    let mut authors: Vec<String> = tx
        .prepare_cached("SELECT DISTINCT subject FROM edge WHERE kind = 'follow' AND did = ?1")?
        .query_map([viewer], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    if !authors.iter().any(|did| did == viewer) {
        authors.push(viewer.to_owned());
    }
    // A heap of the best items so far, its worst on top.
    let mut best: BinaryHeap<Reverse<FeedItem>> = BinaryHeap::new();
    for did in authors {
        visit(tx, &did, page, |item| {
            if best.len() == page.limit {
                match best.peek() {
                    Some(Reverse(worst)) if *worst < item => best.pop(),
                    _ => return false, // the rest of this author's page is older still
                };
            }
            best.push(Reverse(item));
            true
        })?;
    }
    Ok(best.into_sorted_vec().into_iter().map(|Reverse(item)| item).collect())
}

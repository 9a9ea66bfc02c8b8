//! From rows to the lexicons' views, as one viewer sees them.

mod actor;
mod embed;
mod feed;
mod images;
mod post;
mod thread;

use std::{cell::RefCell, collections::HashMap, str::FromStr};

use anyhow::Context;
use atproto_lexicons::app::bsky::actor::defs::ProfileViewBasic;
use rusqlite::Transaction;

pub(crate) use images::ImageUrls;
pub(crate) use post::PostState;

/// Builds the views of one request, all from one snapshot.
pub(crate) struct Hydrator<'a> {
    tx: &'a Transaction<'a>,
    /// The DID of who asks; without one nothing is said of the viewer.
    viewer: Option<&'a str>,
    images: &'a ImageUrls,
    /// The same author stands under many posts of a page.
    authors: RefCell<HashMap<String, Option<ProfileViewBasic>>>,
    /// Whether the viewer and an actor are hidden from each other, as far as it was asked.
    hidden: RefCell<HashMap<String, bool>>,
}

impl<'a> Hydrator<'a> {
    pub(crate) fn new(
        tx: &'a Transaction<'a>,
        viewer: Option<&'a str>,
        images: &'a ImageUrls,
    ) -> Self {
        Self { tx, viewer, images, authors: RefCell::default(), hidden: RefCell::default() }
    }
}

/// Reads a stored identifier back. It was parsed before it was stored, so a failure is a
/// damaged database.
fn stored<T: FromStr>(text: &str) -> anyhow::Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().with_context(|| format!("the database holds {text:?}"))
}

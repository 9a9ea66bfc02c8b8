//! Posts.

use atproto_core::{
    data::cbor,
    syntax::{AtUri, Datetime, Did},
};
use atproto_lexicons::app::bsky::{
    actor::defs::ProfileViewBasic,
    feed::{
        Post,
        defs::{BlockedAuthor, BlockedPost, NotFoundPost, PostView, ViewerState},
    },
};

use super::{Hydrator, stored};
use crate::query::{edge, post};

/// How deep quotes are shown within quotes.
const QUOTE_DEPTH: usize = 1;

/// A post as the viewer may see it.
pub(crate) enum PostState {
    Visible(Box<PostView>),
    Blocked(Box<BlockedPost>),
    NotFound(Box<NotFoundPost>),
}

impl PostState {
    pub(crate) fn visible(self) -> Option<PostView> {
        match self {
            Self::Visible(view) => Some(*view),
            Self::Blocked(_) | Self::NotFound(_) => None,
        }
    }
}

impl Hydrator<'_> {
    /// A post by its URI.
    pub(crate) fn post(&self, uri: &str) -> anyhow::Result<PostState> {
        self.post_at(uri, QUOTE_DEPTH)
    }

    pub(super) fn post_at(&self, uri: &str, quotes: usize) -> anyhow::Result<PostState> {
        let parsed: AtUri = stored(uri)?;
        let missing = || PostState::NotFound(Box::new(NotFoundPost::new(parsed.clone(), true)));
        let Some(row) = post::by_uri(self.tx, uri)? else { return Ok(missing()) };
        let Some(author) = self.basic(&row.did)? else { return Ok(missing()) };
        if self.blocked(&row.did)? {
            let blocked = BlockedPost::new(parsed, true, blocked_author(author));
            return Ok(PostState::Blocked(Box::new(blocked)));
        }
        let decoded = cbor::decode(&row.body)
            .and_then(|value| cbor::from_slice::<Post>(&row.body).map(|record| (value, record)));
        let (value, record) = match decoded {
            Ok(decoded) => decoded,
            Err(error) => {
                tracing::warn!(uri, error.message = %error, "the stored post does not decode");
                return Ok(missing());
            }
        };
        let indexed_at: Datetime = stored(&row.indexed_at)?;
        let mut view = PostView::new(parsed, stored(&row.cid)?, author, value, indexed_at);
        if let Some(embed) = &record.embed {
            view.embed = self.embed(&row.did, embed, quotes)?;
        }
        view.like_count = Some(edge::tally(self.tx, "like", uri)?);
        view.repost_count = Some(edge::tally(self.tx, "repost", uri)?);
        view.reply_count = Some(edge::tally(self.tx, "reply", uri)?);
        view.quote_count = Some(edge::tally(self.tx, "quote", uri)?);
        view.viewer = self.post_relation(uri)?;
        Ok(PostState::Visible(Box::new(view)))
    }

    /// What the viewer has done to a post.
    fn post_relation(&self, uri: &str) -> anyhow::Result<Option<ViewerState>> {
        let Some(viewer) = self.viewer else { return Ok(None) };
        let by_viewer = |kind| -> anyhow::Result<Option<AtUri>> {
            let uri = edge::between(self.tx, kind, viewer, uri)?;
            uri.map(|uri| stored(&uri)).transpose()
        };
        Ok(Some(ViewerState {
            like: by_viewer("like")?,
            repost: by_viewer("repost")?,
            thread_muted: Some(false),
            embedding_disabled: Some(false),
            ..ViewerState::default()
        }))
    }
}

/// All that is said of an author whom the viewer does not get to see.
pub(super) fn blocked_author(author: ProfileViewBasic) -> BlockedAuthor {
    let did: Did = author.did;
    let mut blocked = BlockedAuthor::new(did);
    blocked.viewer = author.viewer;
    blocked
}

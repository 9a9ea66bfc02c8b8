//! Items of feeds.

use atproto_lexicons::app::bsky::feed::defs::{
    FeedViewPost, FeedViewPostReason, ReasonRepost, ReplyRef, ReplyRefParent, ReplyRefRoot,
};

use super::{Hydrator, PostState, stored};
use crate::query::{feed::FeedItem, post};

impl Hydrator<'_> {
    /// An item as the viewer sees it; nothing if the post or who reposted it is hidden.
    pub(crate) fn feed_item(&self, item: &FeedItem) -> anyhow::Result<Option<FeedViewPost>> {
        let Some(post) = self.post(&item.post)?.visible() else { return Ok(None) };
        let mut view = FeedViewPost::new(post);
        if item.is_repost() {
            let Some(by) = self.basic(&item.did)? else { return Ok(None) };
            if self.blocked(&item.did)? {
                return Ok(None);
            }
            let mut reason = ReasonRepost::new(by, stored(&item.sort_at)?);
            reason.uri = Some(stored(&item.uri)?);
            view.reason = Some(FeedViewPostReason::ReasonRepost(Box::new(reason)));
        }
        view.reply = self.reply_context(&item.post)?;
        Ok(Some(view))
    }

    /// The post that is replied to, and the one that began the thread.
    fn reply_context(&self, uri: &str) -> anyhow::Result<Option<ReplyRef>> {
        let Some(row) = post::by_uri(self.tx, uri)? else { return Ok(None) };
        let (Some(parent), Some(root)) = (row.reply_parent, row.reply_root) else {
            return Ok(None);
        };
        let root = match self.post(&root)? {
            PostState::Visible(view) => ReplyRefRoot::PostView(view),
            PostState::Blocked(view) => ReplyRefRoot::BlockedPost(view),
            PostState::NotFound(view) => ReplyRefRoot::NotFoundPost(view),
        };
        let parent = match self.post(&parent)? {
            PostState::Visible(view) => ReplyRefParent::PostView(view),
            PostState::Blocked(view) => ReplyRefParent::BlockedPost(view),
            PostState::NotFound(view) => ReplyRefParent::NotFoundPost(view),
        };
        Ok(Some(ReplyRef::new(root, parent)))
    }
}

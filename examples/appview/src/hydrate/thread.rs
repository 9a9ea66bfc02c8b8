//! Threads: what is above a post and what is below it.

use atproto_lexicons::app::bsky::feed::{
    GetPostThreadOutputThread,
    defs::{BlockedPost, PostView, ThreadViewPost, ThreadViewPostParent, ThreadViewPostReply},
};

use super::{Hydrator, PostState, post::blocked_author};
use crate::query::post;

/// Replies shown below one post; ours: threads in the wild rarely have more direct replies.
const MAX_REPLIES: usize = 100;
/// Levels of replies shown, however deep it is asked for; ours: each nests the answer by two, and
/// with the deepest record in it the answer stays within the data model's depth of 100.
const MAX_DEPTH: usize = 30;
/// Posts shown above, however high it is asked for; ours: each nests the answer by one.
const MAX_HEIGHT: usize = 60;
/// Posts shown in one thread, however deep and wide it is asked for; ours.
const MAX_POSTS: usize = 1_000;

impl Hydrator<'_> {
    /// The thread around a post: `height` posts up, `depth` levels down.
    pub(crate) fn thread(
        &self,
        uri: &str,
        height: usize,
        depth: usize,
    ) -> anyhow::Result<GetPostThreadOutputThread> {
        let post = match self.post(uri)? {
            PostState::Visible(post) => *post,
            PostState::Blocked(post) => {
                return Ok(GetPostThreadOutputThread::BlockedPost(post));
            }
            PostState::NotFound(post) => {
                return Ok(GetPostThreadOutputThread::NotFoundPost(post));
            }
        };
        let author = post.author.did.clone();
        let mut view = ThreadViewPost::new(post);
        view.parent = self.parent(uri, author.as_str(), height.min(MAX_HEIGHT))?;
        let mut budget = MAX_POSTS;
        let depth = depth.min(MAX_DEPTH);
        view.replies = Some(self.replies(uri, author.as_str(), depth, &mut budget)?);
        Ok(GetPostThreadOutputThread::ThreadViewPost(Box::new(view)))
    }

    /// What the post of `author` replies to.
    fn parent(
        &self,
        uri: &str,
        author: &str,
        height: usize,
    ) -> anyhow::Result<Option<ThreadViewPostParent>> {
        if height == 0 {
            return Ok(None);
        }
        let Some(parent) = post::by_uri(self.tx, uri)?.and_then(|row| row.reply_parent) else {
            return Ok(None);
        };
        Ok(Some(match self.post(&parent)? {
            PostState::Visible(post) if self.apart(author, post.author.did.as_str())? => {
                let blocked = BlockedPost::new(post.uri, true, blocked_author(post.author));
                ThreadViewPostParent::BlockedPost(Box::new(blocked))
            }
            PostState::Visible(post) => {
                let author = post.author.did.clone();
                let mut view = ThreadViewPost::new(*post);
                view.parent = self.parent(&parent, author.as_str(), height - 1)?;
                ThreadViewPostParent::ThreadViewPost(Box::new(view))
            }
            PostState::Blocked(post) => ThreadViewPostParent::BlockedPost(post),
            PostState::NotFound(post) => ThreadViewPostParent::NotFoundPost(post),
        }))
    }

    /// Replies to the post of `author`. Those that the viewer may not see are left out, and
    /// those across a block.
    fn replies(
        &self,
        uri: &str,
        author: &str,
        depth: usize,
        budget: &mut usize,
    ) -> anyhow::Result<Vec<ThreadViewPostReply>> {
        let mut views = Vec::new();
        if depth == 0 {
            return Ok(views);
        }
        for reply in post::replies(self.tx, uri, MAX_REPLIES)? {
            if *budget == 0 {
                break;
            }
            if let Some(post) = self.post(&reply)?.visible()
                && !self.apart(author, post.author.did.as_str())?
            {
                *budget -= 1;
                let view = self.below(post, depth, budget)?;
                views.push(ThreadViewPostReply::ThreadViewPost(Box::new(view)));
            }
        }
        Ok(views)
    }

    fn below(
        &self,
        post: PostView,
        depth: usize,
        budget: &mut usize,
    ) -> anyhow::Result<ThreadViewPost> {
        let (uri, author) = (post.uri.clone(), post.author.did.clone());
        let mut view = ThreadViewPost::new(post);
        view.replies = Some(self.replies(uri.as_str(), author.as_str(), depth - 1, budget)?);
        Ok(view)
    }
}

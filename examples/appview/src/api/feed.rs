//! `app.bsky.feed`

use std::sync::Arc;

use atproto_core::syntax::Datetime;
use atproto_lexicons::app::bsky::feed::{
    GetAuthorFeed, GetAuthorFeedError, GetAuthorFeedFilter, GetAuthorFeedOutput, GetLikes,
    GetLikesOutput, GetPostThread, GetPostThreadError, GetPostThreadOutput,
    GetPostThreadOutputThread, GetPosts, GetPostsOutput, GetTimeline, GetTimelineOutput,
    defs::{FeedViewPost, ReplyRefParent, ReplyRefRoot},
    get_likes::Like,
};
use atproto_xrpc::XrpcError;

use super::{Account, Anyone, page, viewer};
use crate::{
    app::{App, did_of, uri_of},
    hydrate::Hydrator,
    query::{
        Page, edge,
        feed::{self, FeedItem},
    },
};

pub(super) async fn get_timeline(
    app: Arc<App>,
    context: Account,
    params: GetTimeline,
) -> Result<GetTimelineOutput, XrpcError> {
    let page = page(params.limit, params.cursor.as_deref())?;
    let viewer = context.proof.iss;
    app.view("get_timeline", Some(viewer.clone()), move |tx, hydrator| {
        let items = feed::timeline(tx, viewer.as_str(), &page)?;
        let (views, cursor) = hydrate(hydrator, &items, &page, |view| !answers_hidden(view))?;
        let mut output = GetTimelineOutput::new(views);
        output.cursor = cursor;
        Ok(output)
    })
    .await
}

pub(super) async fn get_author_feed(
    app: Arc<App>,
    context: Anyone,
    params: GetAuthorFeed,
) -> Result<GetAuthorFeedOutput, XrpcError> {
    let page = page(params.limit, params.cursor.as_deref())?;
    app.view("get_author_feed", viewer(&context), move |tx, hydrator| {
        let Some(did) = did_of(tx, &params.actor)? else { return Ok(Err(None)) };
        let Some(author) = hydrator.basic(&did)? else { return Ok(Err(None)) };
        let relation = author.viewer.unwrap_or_default();
        if relation.blocking.is_some() {
            return Ok(Err(Some(GetAuthorFeedError::BlockedActor(None))));
        }
        if relation.blocked_by == Some(true) {
            return Ok(Err(Some(GetAuthorFeedError::BlockedByActor(None))));
        }
        let items = feed::author(tx, &did, &page)?;
        let (views, cursor) =
            hydrate(hydrator, &items, &page, |view| admits(&params.filter, view))?;
        let mut output = GetAuthorFeedOutput::new(views);
        output.cursor = cursor;
        Ok(Ok(output))
    })
    .await?
    .map_err(|refusal| match refusal {
        Some(error) => error.into(),
        None => XrpcError::invalid_request("Profile not found"),
    })
}

pub(super) async fn get_post_thread(
    app: Arc<App>,
    context: Anyone,
    params: GetPostThread,
) -> Result<GetPostThreadOutput, XrpcError> {
    let depth = usize::try_from(params.depth).unwrap_or_default();
    let height = usize::try_from(params.parent_height).unwrap_or_default();
    let thread = app
        .view("get_post_thread", viewer(&context), move |tx, hydrator| {
            hydrator.thread(&uri_of(tx, &params.uri)?, height, depth)
        })
        .await?;
    match thread {
        GetPostThreadOutputThread::NotFoundPost(post) => {
            let message = format!("Post not found: {}", post.uri);
            Err(GetPostThreadError::NotFound(Some(message)).into())
        }
        thread => Ok(GetPostThreadOutput::new(thread)),
    }
}

/// Posts in the order in which they were asked for; hidden ones are left out.
pub(super) async fn get_posts(
    app: Arc<App>,
    context: Anyone,
    params: GetPosts,
) -> Result<GetPostsOutput, XrpcError> {
    app.view("get_posts", viewer(&context), move |tx, hydrator| {
        let mut posts = Vec::with_capacity(params.uris.len());
        for uri in &params.uris {
            posts.extend(hydrator.post(&uri_of(tx, uri)?)?.visible());
        }
        Ok(GetPostsOutput::new(posts))
    })
    .await
}

pub(super) async fn get_likes(
    app: Arc<App>,
    context: Anyone,
    params: GetLikes,
) -> Result<GetLikesOutput, XrpcError> {
    let page = page(params.limit, params.cursor.as_deref())?;
    app.view("get_likes", viewer(&context), move |tx, hydrator| {
        let subject = uri_of(tx, &params.uri)?;
        let author = params.uri.authority();
        let author = did_of(tx, &author)?.unwrap_or_default();
        let rows = edge::incoming(tx, "like", &subject, &page)?;
        let mut likes = Vec::with_capacity(rows.len());
        for row in &rows {
            if hydrator.blocked(&row.did)? || hydrator.apart(&author, &row.did)? {
                continue;
            }
            if let Some(actor) = hydrator.profile(&row.did)? {
                let at = Datetime::new(&row.sort_at)?;
                likes.push(Like::new(at.clone(), at, actor));
            }
        }
        let last = rows.last().map(|row| (row.sort_at.as_str(), row.uri.as_str()));
        let mut output = GetLikesOutput::new(params.uri, likes);
        output.cid = params.cid;
        output.cursor = page.next(rows.len(), last);
        Ok(output)
    })
    .await
}

/// Whether a post answers somebody whom the viewer does not get to see: there is no point in
/// half a conversation.
fn answers_hidden(view: &FeedViewPost) -> bool {
    view.reply.as_ref().is_some_and(|reply| {
        matches!(reply.parent, ReplyRefParent::BlockedPost(_))
            || matches!(reply.root, ReplyRefRoot::BlockedPost(_))
    })
}

/// The views of a page's items, and the cursor of the next page. Hidden items make a page
/// shorter, never its cursor wrong.
fn hydrate(
    hydrator: &Hydrator<'_>,
    items: &[FeedItem],
    page: &Page,
    keep: impl Fn(&FeedViewPost) -> bool,
) -> anyhow::Result<(Vec<FeedViewPost>, Option<String>)> {
    let mut views = Vec::with_capacity(items.len());
    for item in items {
        views.extend(hydrator.feed_item(item)?.filter(&keep));
    }
    let last = items.last().map(|item| (item.sort_at.as_str(), item.uri.as_str()));
    Ok((views, page.next(items.len(), last)))
}

/// Whether an author feed of that filter shows a post. The set of filters is open, and an
/// unknown one lets everything pass.
fn admits(filter: &GetAuthorFeedFilter, view: &FeedViewPost) -> bool {
    let embed = view.post.record.get("embed").and_then(|embed| embed.type_name());
    let root = view
        .post
        .record
        .get("reply")
        .and_then(|reply| reply.get("root")?.get("uri")?.as_str().map(str::to_owned));
    let repost = view.reason.is_some();
    match filter {
        GetAuthorFeedFilter::PostsWithReplies | GetAuthorFeedFilter::Other(_) => true,
        GetAuthorFeedFilter::PostsNoReplies => repost || root.is_none(),
        GetAuthorFeedFilter::PostsAndAuthorThreads => {
            let own = format!("at://{}/", view.post.author.did);
            repost || root.is_none_or(|root| root.starts_with(&own))
        }
        GetAuthorFeedFilter::PostsWithMedia => {
            !repost
                && matches!(
                    embed,
                    Some(
                        "app.bsky.embed.images"
                            | "app.bsky.embed.video"
                            | "app.bsky.embed.recordWithMedia"
                    )
                )
        }
        GetAuthorFeedFilter::PostsWithVideo => !repost && embed == Some("app.bsky.embed.video"),
    }
}

//! The demonstration: two people, a few posts, and the way of one of them through the network.

use std::{future::Future, time::Duration};

use anyhow::Context;
use atproto_core::{
    data::BlobRef,
    syntax::{AtIdentifier, AtUri, Datetime, Did, Handle},
};
use atproto_lexicons::{
    app::bsky::{
        embed::{Images, defs::AspectRatio, images::Image},
        feed::{GetPostThread, GetPostThreadOutputThread, Like, Post, PostEmbed, post::ReplyRef},
        graph::{Follow, GetFollows},
    },
    com::atproto::{repo::StrongRef, server::CreateAccount},
};
use atproto_xrpc::{
    Client, PasswordSession, Session,
    client::{RetryPolicy, Written},
};
use bytes::Bytes;
use tokio::time::{Instant, sleep};

use crate::{
    hops::{self, Hop},
    layout::Layout,
};

/// The picture that is posted, and its size in pixels.
const PICTURE: &[u8] = include_bytes!("../assets/sunrise.png");
const PICTURE_SIZE: (i64, i64) = (320, 200);
/// How long any single step may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the demonstration tells while it goes on.
pub(crate) enum News {
    /// Something happened.
    Step(String),
    /// The post arrived at a hop.
    Hop(Hop),
}

/// Runs the demonstration. The first thing that does not work is the error.
pub(crate) async fn run(layout: &Layout, tell: &mut impl FnMut(News)) -> anyhow::Result<()> {
    let mut step = |text: String| tell(News::Step(text));
    let pds = Client::builder().retry(RetryPolicy::never()).build(&layout.pds_url())?;
    let (alice, known) = enter(&pds, "alice.test", layout).await?;
    let (bob, _) = enter(&pds, "bob.test", layout).await?;
    step(match known {
        false => format!("signed up alice.test ({}) and bob.test ({})", alice.did(), bob.did()),
        true => "logged in as alice.test and bob.test, who signed up before".to_owned(),
    });
    if follow(&bob, &alice.did()).await? {
        step("bob follows alice".to_owned());
    }

    let picture = upload(&alice).await?;
    step(format!("alice uploaded a picture of {} bytes", PICTURE.len()));
    let watch = hops::Watch::start(layout, alice.did()).await?;
    let start = Instant::now();
    let post = alice.create(&post_with(picture)?).await.context("the post")?;
    let rev = post.commit.as_ref().map(|commit| commit.rev).context("the answer has no rev")?;
    step(format!("alice posted {}", post.uri));
    tell(News::Hop(Hop::stored(start.elapsed(), rev)));
    for hop in watch.arrivals(start, rev, &bob, &post.uri).await? {
        tell(News::Hop(hop));
    }

    converse(&alice, &bob, &post).await?;
    tell(News::Step("bob liked it and replied; alice sees both in the thread".to_owned()));
    Ok(())
}

/// Logs in, or signs up at the first start. Says whether the account existed.
async fn enter(
    pds: &Client,
    name: &str,
    layout: &Layout,
) -> anyhow::Result<(PasswordSession, bool)> {
    let password = &layout.secrets.demo_password;
    match pds.login(name, password).await {
        Ok(session) => return Ok((session, true)),
        Err(error) if error.name() == Some("AuthenticationRequired") => {}
        Err(error) => return Err(error).with_context(|| format!("logging in as {name}")),
    }
    let mut account = CreateAccount::new(Handle::new(name)?);
    account.email = Some(format!("{}@example.com", name.trim_end_matches(".test")));
    account.password = Some(password.clone());
    pds.call(account).await.with_context(|| format!("signing up {name}"))?;
    Ok((pds.login(name, password).await?, false))
}

/// Follows unless that is the case already.
async fn follow(who: &impl Session, whom: &Did) -> anyhow::Result<bool> {
    let known = who.call(GetFollows::new(AtIdentifier::Did(who.did()))).await;
    // A fresh account is not indexed yet, and so has no follows.
    let follows = known.map(|output| output.follows).unwrap_or_default();
    if follows.iter().any(|profile| profile.did == *whom) {
        return Ok(false);
    }
    who.create(&Follow::new(whom.clone(), Datetime::now())).await.context("the follow")?;
    Ok(true)
}

async fn upload(who: &impl Session) -> anyhow::Result<BlobRef> {
    let bytes = Bytes::from_static(PICTURE);
    who.upload_blob("image/png", bytes).await.context("uploading the picture")
}

fn post_with(picture: BlobRef) -> anyhow::Result<Post> {
    let mut image = Image::new(picture, "the sun rising over the sea");
    let (width, height) = PICTURE_SIZE;
    image.aspect_ratio = Some(AspectRatio::new(width, height));
    let mut post = Post::new("Good morning, network!", Datetime::now());
    post.embed = Some(PostEmbed::Images(Box::new(Images::new(vec![image]))));
    post.langs = Some(vec!["en".parse()?]);
    Ok(post)
}

/// Bob likes and answers the post; both must come back to alice.
async fn converse(alice: &impl Session, bob: &impl Session, post: &Written) -> anyhow::Result<()> {
    let subject = StrongRef::new(post.uri.clone(), post.cid);
    bob.create(&Like::new(subject.clone(), Datetime::now())).await.context("the like")?;
    let mut reply = Post::new("Good morning, alice!", Datetime::now());
    reply.reply = Some(ReplyRef::new(subject.clone(), subject));
    let reply = bob.create(&reply).await.context("the reply")?;
    eventually("the like and the reply in the thread", || async {
        let output = alice.call(GetPostThread::new(post.uri.clone())).await.ok()?;
        let GetPostThreadOutputThread::ThreadViewPost(thread) = output.thread else { return None };
        let replies = serde_json::to_string(&thread.replies).ok()?;
        (thread.post.like_count >= Some(1) && replies.contains(reply.uri.as_str())).then_some(())
    })
    .await
}

/// Asks again until there is an answer, for at most [`PATIENCE`].
pub(crate) async fn eventually<T, Fut>(what: &str, probe: impl Fn() -> Fut) -> anyhow::Result<T>
where
    Fut: Future<Output = Option<T>>,
{
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = probe().await {
            return Ok(value);
        }
        anyhow::ensure!(Instant::now() < end, "{what} did not arrive in {} s", PATIENCE.as_secs());
        sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a timeline holds a post.
pub(crate) async fn in_timeline(who: &impl Session, uri: &AtUri) -> Option<()> {
    let output = who.call(atproto_lexicons::app::bsky::feed::GetTimeline::default()).await.ok()?;
    output.feed.iter().any(|item| item.post.uri == *uri).then_some(())
}

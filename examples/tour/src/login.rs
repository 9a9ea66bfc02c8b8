//! Logs in by OAuth and writes a post: the user agrees in a browser.

use std::sync::Arc;

use atproto_core::{
    identity::{HttpResolver, HttpResolverConfig},
    syntax::Datetime,
};
use atproto_lexicons::app::bsky::feed::Post;
use atproto_xrpc::{
    Session,
    client::{
        oauth::{LoopbackListener, OAuthApp, OAuthClient},
        store::MemoryStore,
    },
};

pub(crate) async fn run(account: &str, plc: &str, on_this_machine: bool) -> anyhow::Result<()> {
    let identities = HttpResolverConfig::default().plc_url(plc).allow_loopback(on_this_machine);
    let identities = Arc::new(HttpResolver::new(identities)?);
    let store = Arc::new(MemoryStore::default());

    let listener = LoopbackListener::bind().await?;
    let scopes = "atproto repo:app.bsky.feed.post".parse()?;
    let app = OAuthApp::localhost(listener.redirect_uri().clone(), scopes)?;
    let oauth = OAuthClient::builder(app, identities, store);
    let oauth = oauth.allow_loopback(on_this_machine).build()?;

    let flow = oauth.authorize(account).await?;
    println!("open {}", flow.url);
    let session = oauth.callback(&listener.callback().await?).await?.session;
    let written = session.create(&Post::new("hello", Datetime::now())).await?;
    println!("{} {}", written.uri, written.cid);
    Ok(session.logout().await?)
}

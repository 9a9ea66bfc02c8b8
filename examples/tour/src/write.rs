//! Logs in and writes a post.

use atproto_core::syntax::Datetime;
use atproto_lexicons::app::bsky::feed::Post;
use atproto_xrpc::{Client, Session};

pub(crate) async fn run(service: &str, account: &str, password: &str) -> anyhow::Result<()> {
    let client = Client::new(service)?;
    let session = client.login(account, password).await?;
    let written = session.create(&Post::new("hello", Datetime::now())).await?;
    println!("{} {}", written.uri, written.cid);
    Ok(session.logout().await?)
}

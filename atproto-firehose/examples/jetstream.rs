//! Serves a relay's events as Jetstream does, verified.
//!
//! ```text
//! cargo run -p atproto-firehose --example jetstream --features jetstream-server \
//!     wss://relay.example 127.0.0.1:6008
//! websocat 'ws://127.0.0.1:6008/subscribe?wantedCollections=app.bsky.feed.post'
//! ```

use std::{sync::Arc, time::Duration};

use atproto_core::identity::{CachingResolver, HttpResolver};
use atproto_firehose::{
    consumer::{Consumer, ConsumerOptions, Failure, Policy, Start, Workers},
    jetstream::server::{JetstreamOptions, JetstreamServer},
    log::LogConfig,
    state::SqliteState,
};
use atproto_xrpc::server::{ServeConfig, serve};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(relay), Some(address)) = (arguments.next(), arguments.next()) else {
        return Err("which relay, and where to listen?".into());
    };
    let log = LogConfig::default().retention_age(Duration::from_secs(24 * 60 * 60));
    let (server, _) = JetstreamServer::open("jetstream.log", log, JetstreamOptions::default())?;
    let listener = TcpListener::bind(address).await?;
    let web = serve(listener, server.router(), ServeConfig::default(), std::future::pending());
    tokio::spawn(web);

    let http = Arc::new(HttpResolver::new(Default::default())?);
    let resolver = Arc::new(CachingResolver::new(http, Default::default()));
    let options = ConsumerOptions::default().policy(Policy::strict(resolver)).start(Start::Live);
    let mut consumer = Consumer::open(&relay, SqliteState::open("jetstream.db")?, options).await?;
    let publish = move |event: Arc<_>| {
        let server = server.clone();
        async move {
            let published = server.publish(&event).await;
            published.map(drop).map_err(|error| Failure::Unavailable(error.into()))
        }
    };
    Ok(consumer.run(Workers(16), publish).await?)
}

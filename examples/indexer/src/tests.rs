//! The indexer against a server of the testkit, with a database that goes away.

use std::{sync::Arc, time::Duration};

use atproto_core::syntax::Datetime;
use atproto_lexicons::app::bsky::feed::Post;
use atproto_testkit::{Author, Directory, MicroPds, Postgres};
use service_kit::Context;
use tokio_postgres::NoTls;

use crate::index;

#[tokio::test(flavor = "multi_thread")]
async fn posts_are_stored_once_though_the_database_goes_away() {
    if Postgres::shared().is_none() {
        return;
    }
    let server = Postgres::start(&Postgres::programs().unwrap()).unwrap();
    let (mut alice, mut bob) = (Author::new("alice.test", 1), Author::new("bob.test", 2));
    let (host, directory) = (MicroPds::start().await.unwrap(), Directory::default());
    for author in [&alice, &bob] {
        directory.insert(author.document(host.url()));
        host.announce(author);
    }
    let start = |context: Context| {
        let (url, directory) = (host.url().replace("http", "ws"), directory.clone());
        let database = server.parameters().parse().unwrap();
        tokio::spawn(async move { index(&url, &database, Arc::new(directory), context).await })
    };
    let context = Context { shutdown: Default::default(), health: Default::default() };
    let running = start(context.clone());
    let write = |author: &mut Author, text: &str| {
        host.publish(author.create(&Post::new(text, Datetime::now())));
    };
    write(&mut alice, "one");
    write(&mut bob, "two\0");
    expect(&server, &["one", "two\u{FFFD}"]).await;

    server.stop().unwrap();
    write(&mut alice, "three");
    // Long enough for several attempts; whatever comes of them, nothing may be lost.
    tokio::time::sleep(Duration::from_millis(700)).await;
    server.start_again().unwrap();
    expect(&server, &["one", "three", "two\u{FFFD}"]).await;
    context.shutdown.request();
    running.await.unwrap().unwrap();

    // The next process continues where that one drained; accounts that are deleted take along
    // what was theirs.
    write(&mut alice, "four");
    host.publish(bob.account(Some("deleted")));
    let context = Context { shutdown: Default::default(), health: Default::default() };
    let running = start(context.clone());
    expect(&server, &["four", "one", "three"]).await;
    context.shutdown.request();
    running.await.unwrap().unwrap();
}

/// Waits until the posts are these.
async fn expect(server: &Postgres, texts: &[&str]) {
    let (client, connection) = tokio_postgres::connect(&server.parameters(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let query = "SELECT text FROM indexer.post ORDER BY text COLLATE \"C\"";
    let mut found: Vec<String> = Vec::new();
    for _ in 0..1_500 {
        let rows = client.query(query, &[]).await.unwrap_or_default();
        found = rows.iter().map(|row| row.get(0)).collect();
        if found == texts {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{found:?}");
}

//! A guestbook with lexicons of its own: types are generated from `lexicons/`, served by
//! type, and called by type.

use std::{future::pending, sync::Arc};

use anyhow::bail;
use atproto_core::{object::Message, syntax::Datetime};
use atproto_xrpc::{
    Client, XrpcError,
    client::CallError,
    server::{Context, Public, Router, RouterConfig, ServeConfig, StreamError, serve},
};
use com::example::guestbook::{
    Entry, EntryMood, EntrySouvenir, ListEntries, ListEntriesOutput, Sign, SignError, SignOutput,
    Watch, WatchMessage, entry::Drawing, watch,
};
use futures::{StreamExt, stream};
use tokio::{
    net::TcpListener,
    sync::watch::{Receiver, Sender},
};

include!(concat!(env!("OUT_DIR"), "/lexicons.rs"));

const PAGES: usize = 2;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = Client::new(&format!("http://{}", listener.local_addr()?))?;
    tokio::spawn(serve(listener, guestbook().into_router(), ServeConfig::default(), pending()));

    let entry = |text: &str| Entry::new(text, Datetime::now());
    let drawing = Drawing::new(vec!["M 0 0 L 9 9".to_owned()]).into();
    let merry = Entry { mood: Some(EntryMood::Merry), ..entry("what a place") };
    client.call(Sign::new(Entry { souvenir: Some(drawing), ..merry })).await?;
    client.call(Sign::new(entry("I was here too"))).await?;
    match client.call(Sign::new(entry("so was I"))).await {
        Err(CallError::Declared(SignError::BookFull(_))) => println!("no page was left"),
        other => bail!("{other:?}"),
    }

    let newest = client.call(ListEntries { limit: 1 }).await?;
    println!("last came {:?}", newest.entries[0].text);
    let mut messages = client.subscribe(&Watch {}).await?.into_messages();
    while let Some(message) = messages.next().await {
        match message? {
            WatchMessage::Signed(signed) => tell(&signed),
            WatchMessage::Full(_) => break,
            WatchMessage::Other { .. } => {}
        }
    }
    Ok(())
}

fn tell(signed: &watch::Signed) {
    let left = match &signed.entry.souvenir {
        Some(EntrySouvenir::Drawing(drawing)) => format!("{} strokes", drawing.strokes.len()),
        Some(EntrySouvenir::Photo(photo)) => photo.alt.clone(),
        Some(EntrySouvenir::Other(_)) => "something".to_owned(),
        None => "nothing".to_owned(),
    };
    println!("page {}: {:?}, left {left}", signed.page, signed.entry.text);
}

/// What comes in is held against the lexicons before a handler sees it.
fn guestbook() -> Router {
    let book = Arc::new(Sender::new(Vec::<Entry>::new()));
    let (sign, list, watch) = (Arc::clone(&book), Arc::clone(&book), book);
    Router::new(RouterConfig::default().catalog(Arc::new(catalog())))
        .procedure::<Sign, _>(Public, move |_: Context<()>, call: Sign| {
            let is_written = sign.send_if_modified(|pages| {
                let has_room = pages.len() < PAGES;
                pages.extend(has_room.then_some(call.entry));
                has_room
            });
            let page = i64::try_from(sign.borrow().len()).unwrap_or(i64::MAX);
            async move {
                if is_written { Ok(SignOutput::new(page)) } else { Err(SignError::BookFull(None)) }
            }
        })
        .query::<ListEntries, _>(Public, move |_: Context<()>, call: ListEntries| {
            let limit = usize::try_from(call.limit).unwrap_or_default();
            let newest = list.borrow().iter().rev().take(limit).cloned().collect();
            async move { Ok::<_, XrpcError>(ListEntriesOutput::new(newest)) }
        })
        .subscription::<Watch, _>(Public, move |_: Context<()>, _: Watch| {
            let messages = stream::unfold((watch.subscribe(), 0), |(mut book, seen)| async move {
                let message = next_message(&mut book, seen).await?;
                let frame = message.to_frame().map_err(|_| StreamError::new("InternalError"));
                Some((frame.map(Into::into), (book, seen + 1)))
            });
            async move { Ok::<_, XrpcError>(messages) }
        })
}

/// Page after page, each when it is written, and a last word.
async fn next_message(book: &mut Receiver<Vec<Entry>>, seen: usize) -> Option<WatchMessage> {
    if seen > PAGES {
        return None;
    }
    let pages = book.wait_for(|pages| seen < pages.len() || seen == PAGES).await.ok()?;
    Some(match pages.get(seen) {
        Some(entry) => watch::Signed::new(i64::try_from(seen + 1).ok()?, entry.clone()).into(),
        None => watch::Full::default().into(),
    })
}

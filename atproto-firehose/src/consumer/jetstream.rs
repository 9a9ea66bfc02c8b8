use std::time::Duration;

use atproto_xrpc::{
    client::subscribe::{self, SubscribeOptions},
    framing::{Payload, Plain},
    query_string,
};
use bytes::Bytes;
use futures::FutureExt;
use serde::Serialize;

use super::transport::{Connecting, FrameSource, NextFrame, Transport, TransportError, Wire};
use super::websocket::{Frames, MAX_REDIRECTS, failed};
use crate::filter::Filter;
#[cfg(feature = "zstd")]
use crate::jetstream::Dictionary;
use crate::jetstream::{MAX_COLLECTIONS, MAX_DIDS};

/// The stream of a Jetstream server, over WebSocket.
///
/// The server is asked for what the filter wants alone, as far as it can: by parameters, and
/// where these were too long by a message at the beginning. More collections than
/// [`MAX_COLLECTIONS`], or accounts than [`MAX_DIDS`], it cannot; then it sends all, and the
/// consumer chooses.
#[derive(Clone, Debug)]
pub struct JetstreamSocket {
    url: String,
    options: SubscribeOptions,
    #[cfg(feature = "zstd")]
    dictionary: Option<Dictionary>,
}

impl JetstreamSocket {
    /// The stream of a server such as `wss://jetstream.example`. A URL that names a path is
    /// taken as it is.
    pub fn new(url: &str) -> Self {
        let url = url.trim_end_matches('/');
        let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
        let url = if authority.contains('/') { url.to_owned() } else { format!("{url}/subscribe") };
        Self {
            url,
            options: SubscribeOptions::default().max_redirects(MAX_REDIRECTS).framing(Plain),
            #[cfg(feature = "zstd")]
            dictionary: None,
        }
    }

    /// Sets deadlines, limits, redirects and headers of the connection. Its framing is
    /// [`Plain`] in any case.
    #[must_use]
    pub fn options(mut self, options: SubscribeOptions) -> Self {
        self.options = options.framing(Plain);
        self
    }

    /// Asks for compressed events, by the dictionary that the server publishes.
    #[cfg(feature = "zstd")]
    #[must_use]
    pub fn dictionary(mut self, dictionary: Dictionary) -> Self {
        self.dictionary = Some(dictionary);
        self
    }

    async fn open(
        &self,
        cursor: Option<i64>,
        filter: Filter,
    ) -> Result<Box<dyn FrameSource>, TransportError> {
        #[cfg(feature = "zstd")]
        let compress = self.dictionary.is_some();
        #[cfg(not(feature = "zstd"))]
        let compress = false;
        let request = Request::new(&filter, cursor, compress);
        let mut frames =
            subscribe::connect(&request.url(&self.url), &self.options).await.map_err(failed)?;
        if let Some(hello) = request.hello {
            let sent = frames.send(Payload::text(hello));
            let late = |_| late(self.options.connect_timeout);
            let sent = tokio::time::timeout(self.options.connect_timeout, sent).await;
            sent.map_err(late)?.map_err(failed)?;
        }
        Ok(Box::new(Events {
            frames: Frames(frames),
            #[cfg(feature = "zstd")]
            dictionary: self.dictionary.clone(),
            #[cfg(feature = "zstd")]
            max_message: self.options.max_message,
        }))
    }
}

impl Transport for JetstreamSocket {
    fn connect(&self, cursor: Option<i64>) -> Connecting<'_> {
        self.connect_filtered(cursor, Filter::all())
    }

    fn connect_filtered(&self, cursor: Option<i64>, filter: Filter) -> Connecting<'_> {
        self.open(cursor, filter).boxed()
    }

    fn wire(&self) -> Wire {
        Wire::Jetstream
    }
}

/// What a server is asked for.
#[derive(Debug)]
struct Request {
    query: String,
    /// What it is told first, if that does not fit into a URL.
    hello: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    wanted_collections: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    wanted_dids: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Query<'o> {
    #[serde(flatten)]
    options: Option<&'o Options>,
    cursor: Option<i64>,
    compress: Option<bool>,
    require_hello: Option<bool>,
}

#[derive(Serialize)]
struct Hello<'o> {
    r#type: &'static str,
    payload: &'o Options,
}

impl Request {
    fn new(filter: &Filter, cursor: Option<i64>, compress: bool) -> Self {
        let (collections, accounts) = filter.lists();
        let fits = |list: Option<Vec<String>>, max| {
            list.filter(|list| list.len() <= max).unwrap_or_default()
        };
        let all = |list: &Vec<String>| list.iter().any(|pattern| pattern == "*");
        let options = Options {
            wanted_collections: fits(collections.filter(|list| !all(list)), MAX_COLLECTIONS),
            wanted_dids: fits(accounts, MAX_DIDS),
        };
        let compress = compress.then_some(true);
        let query = |options, require_hello| {
            let query = Query { options, cursor, compress, require_hello };
            query_string::to_string(&query).unwrap_or_default()
        };
        let short = query(Some(&options), None);
        if short.len() <= MAX_QUERY {
            return Self { query: short, hello: None };
        }
        let hello = serde_json::to_string(&Hello { r#type: "options_update", payload: &options });
        Self { query: query(None, Some(true)), hello: hello.ok() }
    }

    fn url(&self, url: &str) -> String {
        let separator = if url.contains('?') { '&' } else { '?' };
        if self.query.is_empty() {
            url.to_owned()
        } else {
            format!("{url}{separator}{}", self.query)
        }
    }
}

/// The events of one connection, as JSON.
struct Events {
    frames: Frames,
    #[cfg(feature = "zstd")]
    dictionary: Option<Dictionary>,
    #[cfg(feature = "zstd")]
    max_message: usize,
}

impl Events {
    #[cfg(feature = "zstd")]
    fn plain(&self, frame: Bytes) -> Result<Bytes, TransportError> {
        match &self.dictionary {
            Some(dictionary) if !frame.starts_with(b"{") => {
                let plain = dictionary.decompress(&frame, self.max_message);
                plain.map(Bytes::from).map_err(|error| TransportError {
                    label: "decompress",
                    permanent: false,
                    source: error.into(),
                })
            }
            _ => Ok(frame),
        }
    }

    #[cfg(not(feature = "zstd"))]
    fn plain(&self, frame: Bytes) -> Result<Bytes, TransportError> {
        Ok(frame)
    }
}

impl FrameSource for Events {
    fn next_frame(&mut self) -> NextFrame<'_> {
        async move {
            let frame = self.frames.next_frame().await?;
            Some(frame.and_then(|frame| self.plain(frame)))
        }
        .boxed()
    }
}

fn late(deadline: Duration) -> TransportError {
    failed(subscribe::SubscribeError::ConnectTimeout(deadline))
}

/// Bytes of a query string beyond which options are sent as a message. Ours: half of what
/// common servers take as the head of a request.
const MAX_QUERY: usize = 4_096;

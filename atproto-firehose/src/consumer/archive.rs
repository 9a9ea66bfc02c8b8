//! An upstream that has an archive and a live stream.

use atproto_core::endpoint::{ErrorSet, Query};
use atproto_core::syntax::{Did, Nsid};
use atproto_xrpc::client::subscribe::{FrameStream, SubscribeError, SubscribeOptions};
use atproto_xrpc::client::{CallError, Client};
use atproto_xrpc::framing::JsonV1;
use bytes::{Buf, Bytes, BytesMut};
use futures::{FutureExt, StreamExt};
use tokio::sync::mpsc;

use super::transport::{Connecting, FrameSource, NextFrame, Transport, TransportError, Wire};
use super::websocket::{Frames, MAX_REDIRECTS, failed};
use crate::filter::Filter;
use crate::intake::passed_frame;
use crate::jetstream::archive::endpoints::{
    GetBlock, GetSegment, Plan, PlanSnapshot, SUBSCRIBE_EVENTS, SubscribeEvents,
};
use crate::jetstream::archive::{HEAD_LEN, Row, Rows, SegmentError, SegmentHead};
use crate::jetstream::{MAX_COLLECTIONS, MAX_DIDS};
use crate::log::SEQ_LIMIT;

/// A Jetstream server of the second version: its archive first, then its live stream.
///
/// A connection begins live where the server still has what follows the cursor, and with the
/// archive otherwise, and always where the cursor is 0. It goes over to the live stream behind
/// the last file that there was at the beginning; when that took too long, it goes back to the
/// archive from where it has come to.
///
/// The server names the files that may have what the filter wants, and the consumer chooses
/// from them. One block is read ahead of the one that is worked on: both, decompressed, are in
/// memory beside what the [options](super::ConsumerOptions::max_in_flight_bytes) allow.
#[derive(Clone, Debug)]
pub struct JetstreamArchive {
    client: Client,
    options: SubscribeOptions,
    max_block: usize,
}

impl JetstreamArchive {
    /// The server of a client, which has its own limits, and the key where the archive needs
    /// one: `client.with_header(AUTHORIZATION, …)`.
    pub fn new(client: Client) -> Self {
        let options = SubscribeOptions::default()
            .framing(JsonV1)
            .max_message(MAX_MESSAGE)
            .max_redirects(MAX_REDIRECTS);
        Self { client, options, max_block: MAX_BLOCK }
    }

    /// The longest block, compressed and decompressed. Default 64 MiB; blocks of public servers
    /// have 4,096 rows, which are some megabytes.
    #[must_use]
    pub fn max_block_bytes(mut self, bytes: usize) -> Self {
        self.max_block = bytes;
        self
    }

    async fn open(
        &self,
        cursor: Option<i64>,
        filter: Filter,
    ) -> Result<Box<dyn FrameSource>, TransportError> {
        let reading = Reading::new(self.clone(), filter);
        if cursor != Some(0)
            && let Some(live) = reading.live(cursor).await?
        {
            return Ok(Box::new(Frames(live)));
        }
        let (frames, incoming) = mpsc::channel(BLOCKS_AHEAD);
        let work = reading.run(cursor.unwrap_or(0), frames);
        let task = tokio::spawn(work).abort_handle();
        Ok(Box::new(Archived { incoming, ready: Vec::new().into_iter(), live: None, task }))
    }
}

impl Transport for JetstreamArchive {
    fn connect(&self, cursor: Option<i64>) -> Connecting<'_> {
        self.connect_filtered(cursor, Filter::all())
    }

    fn connect_filtered(&self, cursor: Option<i64>, filter: Filter) -> Connecting<'_> {
        self.open(cursor, filter).boxed()
    }

    fn wire(&self) -> Wire {
        Wire::JetstreamArchive
    }
}

/// What the task that reads the archive has to say.
enum News {
    Frames(Vec<Bytes>),
    Live(Box<FrameStream>),
    Failed(TransportError),
}

/// A connection that begins with the archive.
struct Archived {
    incoming: mpsc::Receiver<News>,
    ready: std::vec::IntoIter<Bytes>,
    live: Option<Frames>,
    task: tokio::task::AbortHandle,
}

impl FrameSource for Archived {
    fn next_frame(&mut self) -> NextFrame<'_> {
        async move {
            loop {
                if let Some(frame) = self.ready.next() {
                    return Some(Ok(frame));
                }
                if let Some(live) = &mut self.live {
                    return live.next_frame().await;
                }
                match self.incoming.recv().await? {
                    News::Frames(frames) => self.ready = frames.into_iter(),
                    News::Live(live) => self.live = Some(Frames(*live)),
                    News::Failed(error) => return Some(Err(error)),
                }
            }
        }
        .boxed()
    }
}

impl Drop for Archived {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The reading of an archive by a filter.
struct Reading {
    server: JetstreamArchive,
    filter: Filter,
    dids: Vec<String>,
    collections: Vec<String>,
}

/// Whoever reads has gone.
struct Gone;

/// Where the reading stands.
struct Place {
    /// The newest number that was read.
    last: i64,
    /// The newest number that the consumer knows of.
    told: i64,
    frames: mpsc::Sender<News>,
}

enum Stop {
    Failed(TransportError),
    Gone,
}

impl From<TransportError> for Stop {
    fn from(error: TransportError) -> Self {
        Self::Failed(error)
    }
}

impl From<Gone> for Stop {
    fn from(_gone: Gone) -> Self {
        Self::Gone
    }
}

impl Reading {
    fn new(server: JetstreamArchive, filter: Filter) -> Self {
        let (collections, accounts) = filter.lists();
        let fits = |list: Option<Vec<String>>, max| {
            list.filter(|list| list.len() <= max).unwrap_or_default()
        };
        // A prefix has to be one of names: two segments at least before the star.
        let is_known = |pattern: &String| pattern.split('.').count() > 2;
        let collections = collections.filter(|list| list.iter().all(is_known));
        let collections = fits(collections, MAX_COLLECTIONS);
        Self { server, filter, dids: fits(accounts, MAX_DIDS), collections }
    }

    /// The live stream from a cursor; `None` if that is too old.
    async fn live(&self, cursor: Option<i64>) -> Result<Option<FrameStream>, TransportError> {
        let JetstreamArchive { client, options, .. } = &self.server;
        let nsid = Nsid::new(SUBSCRIBE_EVENTS).map_err(|_| failed(SubscribeError::Url))?;
        let (dids, collections) = (self.dids.clone(), self.collections.clone());
        let mut params = SubscribeEvents { cursor, dids, collections };
        if params.dids.len() > MAX_QUERY_DIDS {
            // The URL would be too long: the consumer chooses.
            params.dids.clear();
        }
        match client.subscribe_raw(&nsid, &params, options).await {
            Ok(live) => Ok(Some(live)),
            Err(SubscribeError::Refused(answer)) if answer.error == "CursorTooOld" => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    async fn run(self, cursor: i64, frames: mpsc::Sender<News>) {
        let mut place = Place { last: cursor, told: cursor, frames };
        let end = match self.replay(&mut place).await {
            Ok(live) => News::Live(Box::new(live)),
            Err(Stop::Failed(error)) => News::Failed(error),
            Err(Stop::Gone) => return,
        };
        let _nobody_waits_any_more = place.frames.send(end).await;
    }

    /// Reads the archive until the live stream takes up.
    async fn replay(&self, place: &mut Place) -> Result<FrameStream, Stop> {
        loop {
            let before = place.last;
            let tip = self.snapshot(place).await?;
            if let Some(live) = self.live(Some(tip.max(place.last))).await? {
                return Ok(live);
            }
            if place.last == before {
                let why = "the archive ends before what the live stream has";
                return Err(error("cursor_too_old", why).into());
            }
        }
    }

    /// Reads all files that there are now. Returns the number behind which the live stream
    /// goes on.
    async fn snapshot(&self, place: &mut Place) -> Result<i64, Stop> {
        let (mut after, mut tip) = (place.last, None);
        loop {
            let plan = self.plan(after, tip).await?;
            // What is added meanwhile is left to the live stream.
            let end = *tip.get_or_insert(plan.sealed_tip_seq);
            for segment in &plan.segments {
                match segment.mode.as_str() {
                    "segment" => self.segment(&segment.name, place).await?,
                    "blocks" => {
                        for range in &segment.blocks {
                            for index in range.first..=range.last {
                                self.block(&segment.name, index, place).await?;
                            }
                        }
                    }
                    _ => return Err(error("plan", "a plan of an unknown mode").into()),
                }
            }
            let through = plan.planned_through_seq.min(end);
            if through < end && through <= after {
                return Err(error("plan", "a plan does not go on").into());
            }
            after = after.max(through);
            place.pass(after).await?;
            if through >= end {
                return Ok(end);
            }
        }
    }

    async fn plan(&self, after: i64, before: Option<i64>) -> Result<Plan, TransportError> {
        let (dids, collections) = (self.dids.clone(), self.collections.clone());
        let ask = PlanSnapshot { dids, collections, after_seq: after, before_seq: before };
        let plan =
            self.server.client.procedure(ask).await.map_err(|error| called("plan", error))?;
        let is_number = |seq: i64| (0..SEQ_LIMIT).contains(&seq);
        if is_number(plan.planned_through_seq) && is_number(plan.sealed_tip_seq) {
            Ok(plan)
        } else {
            Err(error("plan", "a plan with numbers that are none"))
        }
    }

    async fn block(&self, name: &str, index: u32, place: &mut Place) -> Result<(), Stop> {
        let ask = GetBlock { segment: name.to_owned(), block_index: index };
        let mut bytes = self.download(ask, "block").await?;
        // Whatever is there at the end is the whole frame.
        while bytes.more().await? {}
        self.emit(&bytes.held, place).await
    }

    async fn segment(&self, name: &str, place: &mut Place) -> Result<(), Stop> {
        let segment = |error: SegmentError| TransportError {
            label: "segment",
            permanent: false,
            source: error.into(),
        };
        let mut bytes = self.download(GetSegment { name: name.to_owned() }, "segment").await?;
        let head = bytes.take(HEAD_LEN as u64).await?;
        let head = head.first_chunk().ok_or_else(|| segment(SegmentError::Truncated))?;
        let head = SegmentHead::parse(head).map_err(segment)?;
        let mut at = HEAD_LEN as u64;
        while at < head.blocks_end {
            let len = bytes.take(LENGTH_LEN).await?.get_u64_le();
            let frame = bytes.take(len).await?;
            at = at.saturating_add(LENGTH_LEN).saturating_add(len);
            self.emit(&frame, place).await?;
        }
        Ok(())
    }

    async fn download<Q: Query>(
        &self,
        ask: Q,
        label: &'static str,
    ) -> Result<Chunks, TransportError> {
        let download = self.server.client.download(ask).await;
        let download = download.map_err(|error| called(label, error))?;
        let limit = self.server.max_block;
        Ok(Chunks { download, held: BytesMut::new(), limit, label })
    }

    /// Gives out what is wanted of a block.
    async fn emit(&self, frame: &[u8], place: &mut Place) -> Result<(), Stop> {
        let broken = |error: crate::jetstream::archive::BlockError| TransportError {
            label: "block",
            permanent: false,
            source: error.into(),
        };
        let rows = Rows::decompress(frame, self.server.max_block).map_err(broken)?;
        let mut frames = Vec::new();
        for row in &rows {
            if row.seq >= SEQ_LIMIT {
                return Err(error("block", "a number that is none").into());
            }
            // A block may begin before what was asked for.
            if row.seq > place.last {
                place.last = row.seq;
                if self.wants(&row) {
                    place.told = row.seq;
                    frames.push(Bytes::from(row.to_frame()));
                }
            }
        }
        place.send(frames).await.map_err(Stop::from)
    }

    /// What cannot be judged is for the consumer to reject.
    fn wants(&self, row: &Row<'_>) -> bool {
        let account = Did::new(row.did).map_or(true, |did| self.filter.wants_account(&did));
        let wants = |collection| self.filter.wants_collection(&collection);
        account && Nsid::new(row.collection).map_or(true, wants)
    }
}

impl Place {
    async fn send(&mut self, frames: Vec<Bytes>) -> Result<(), Gone> {
        if frames.is_empty() {
            return Ok(());
        }
        self.frames.send(News::Frames(frames)).await.map_err(|_| Gone)
    }

    /// There is nothing that is wanted up to a number: the cursor may move there.
    async fn pass(&mut self, seq: i64) -> Result<(), Gone> {
        self.last = self.last.max(seq);
        if seq <= self.told {
            return Ok(());
        }
        self.told = seq;
        self.send(vec![passed_frame(seq)]).await
    }
}

/// A download, a piece at a time.
struct Chunks {
    download: atproto_xrpc::client::Download,
    held: BytesMut,
    limit: usize,
    label: &'static str,
}

impl Chunks {
    /// Reads on. False at the end.
    async fn more(&mut self) -> Result<bool, TransportError> {
        let Some(chunk) = self.download.next().await else { return Ok(false) };
        let chunk = chunk.map_err(|error| TransportError {
            label: self.label,
            permanent: false,
            source: error.into(),
        })?;
        if self.held.len() > self.limit {
            return Err(error(self.label, "a block that is too large"));
        }
        self.held.extend_from_slice(&chunk);
        Ok(true)
    }

    /// The next bytes.
    async fn take(&mut self, len: u64) -> Result<BytesMut, TransportError> {
        let fits = usize::try_from(len).ok().filter(|len| *len <= self.limit);
        let len = fits.ok_or_else(|| error(self.label, "a block that is too large"))?;
        while self.held.len() < len {
            if !self.more().await? {
                return Err(error(self.label, "it is cut off"));
            }
        }
        Ok(self.held.split_to(len))
    }
}

fn called<E: ErrorSet>(label: &'static str, error: CallError<E>) -> TransportError {
    TransportError { label, permanent: false, source: error.into() }
}

fn error(label: &'static str, why: &'static str) -> TransportError {
    TransportError { label, permanent: false, source: why.into() }
}

/// Blocks that are read ahead.
const BLOCKS_AHEAD: usize = 1;

/// Bytes of a block, unless told otherwise.
const MAX_BLOCK: usize = 64 << 20;

/// Bytes of a live message. As the reference client has it: JSON of a record is longer than the
/// record.
const MAX_MESSAGE: usize = 32 << 20;

/// Accounts in a URL. Ours: below 8 KiB in all.
const MAX_QUERY_DIDS: usize = 100;

/// Bytes of the length before a block.
const LENGTH_LEN: u64 = 8;

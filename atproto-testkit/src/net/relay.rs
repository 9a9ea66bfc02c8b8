use std::{collections::VecDeque, io, sync::Arc, time::Duration};

use atproto_firehose::consumer::{Connecting, FrameSource, NextFrame, Transport, TransportError};
use bytes::Bytes;
use tokio::time::Instant;

use super::{fault::Fault, log::error_frame, shared::Shared, world::What};

/// The relay of a simulated network.
#[derive(Clone)]
pub struct Relay(pub(super) Arc<Shared>);

/// How long it takes to open a connection.
const DIAL: Duration = Duration::from_millis(80);
/// After how long of silence a connection counts as broken, as over WebSocket.
const SILENCE: Duration = Duration::from_secs(75);
/// How late a late frame is.
const LATE: Duration = Duration::from_secs(8);

impl Relay {
    /// Its stream, to read by
    /// [`Consumer::open_on`](atproto_firehose::consumer::Consumer::open_on).
    pub fn transport(&self) -> Arc<dyn Transport> {
        Arc::new(self.clone())
    }

    async fn open(&self, cursor: Option<i64>) -> Result<Box<dyn FrameSource>, TransportError> {
        tokio::time::sleep(DIAL).await;
        let mut world = self.0.world();
        if world.log.is_away() || world.armory.take(Fault::DialFailure) {
            return Err(broken("connect"));
        }
        let generation = world.log.generation();
        let (first, sent, ended) = match world.log.open(cursor) {
            Ok((first, sent)) => (first, sent, false),
            Err(error) => (Some(error), 0, true),
        };
        if first.is_some() && !ended {
            world.armory.fire(Fault::OutdatedCursor);
        }
        Ok(Box::new(Connection {
            shared: Arc::clone(&self.0),
            generation,
            sent,
            ready: first.into_iter().collect(),
            ended,
            silent_until: None,
            late_until: None,
        }))
    }
}

impl Transport for Relay {
    fn connect(&self, cursor: Option<i64>) -> Connecting<'_> {
        Box::pin(self.open(cursor))
    }
}

struct Connection {
    shared: Arc<Shared>,
    generation: u64,
    /// The last sequence number that was sent.
    sent: i64,
    /// What goes before what the log has next.
    ready: VecDeque<Bytes>,
    ended: bool,
    silent_until: Option<Instant>,
    late_until: Option<Instant>,
}

enum Step {
    Frame(Bytes),
    Broken(&'static str),
    End,
    Wait(Option<Instant>),
}

impl Connection {
    /// What happens next. Nothing is lost if nobody waits for it.
    fn step(&mut self) -> Step {
        let shared = Arc::clone(&self.shared);
        let mut world = shared.world();
        let (log, armory, expected) = {
            let world = &mut *world;
            (&mut world.log, &mut world.armory, &world.expected)
        };
        // Nothing says of two words on an account's status which is the newer, but their order.
        let is_status = |place| expected.get(&place).is_some_and(|told| told.what == What::Account);
        if log.generation() != self.generation {
            return Step::Broken("reset");
        }
        let now = Instant::now();
        if let Some(until) = self.silent_until {
            return if now < until { Step::Wait(Some(until)) } else { Step::Broken("silent") };
        }
        if let Some(until) = self.late_until.filter(|until| now < *until) {
            return Step::Wait(Some(until));
        }
        if let Some(frame) = self.ready.pop_front() {
            return Step::Frame(frame);
        }
        if self.ended || armory.take(Fault::Close) {
            return Step::End;
        }
        if armory.take(Fault::Reset) {
            return Step::Broken("reset");
        }
        if armory.take(Fault::Stall) {
            self.silent_until = Some(now + SILENCE);
            return Step::Wait(self.silent_until);
        }
        if armory.take(Fault::ConsumerTooSlow) {
            self.ended = true;
            return Step::Frame(error_frame("ConsumerTooSlow"));
        }
        let Some((seq, frame)) = log.after(self.sent) else { return Step::Wait(None) };
        if armory.take(Fault::Delay) {
            self.late_until = Some(now + LATE);
            return Step::Wait(self.late_until);
        }
        if armory.take(Fault::Truncate) {
            self.ended = true;
            return Step::Frame(frame.slice(..frame.len() / 2));
        }
        self.sent = seq;
        if armory.is_armed(Fault::Reorder)
            && let Some((next, early)) = log.after(seq)
            && ![seq, next].iter().any(|seq| is_status((log.epoch(), *seq)))
        {
            armory.take(Fault::Reorder);
            log.swap(seq);
            self.sent = next;
            self.ready.push_back(frame);
            return Step::Frame(early);
        }
        if armory.take(Fault::Duplicate) {
            self.ready.push_back(frame.clone());
        }
        Step::Frame(frame)
    }
}

impl FrameSource for Connection {
    fn next_frame(&mut self) -> NextFrame<'_> {
        Box::pin(async move {
            let shared = Arc::clone(&self.shared);
            loop {
                let progress = shared.progress.notified();
                tokio::pin!(progress);
                // From here on a notification is not missed.
                progress.as_mut().enable();
                match self.step() {
                    Step::Frame(frame) => return Some(Ok(frame)),
                    Step::Broken(label) => return Some(Err(broken(label))),
                    Step::End => return None,
                    Step::Wait(None) => progress.await,
                    Step::Wait(Some(until)) => {
                        // Whether the time has come or something else, it is looked at anew.
                        let _ = tokio::time::timeout_at(until, progress).await;
                    }
                }
            }
        })
    }
}

fn broken(label: &'static str) -> TransportError {
    let source = io::Error::other("the simulated network has a fault").into();
    TransportError { label, permanent: false, source }
}

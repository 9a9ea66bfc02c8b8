//! The forms in which upstreams tell events, and how their events are numbered.
//!
//! An [`Intake`] needs numbers that rise with each event and are the same when the event comes
//! again, with another connection or to another process. `subscribeRepos` has such. A Jetstream
//! server has times: several events can have the same, and a later event an earlier one. So the
//! number of an event is its time, or where that is not above the number before it, one more
//! than that. It follows from the events before alone, and from few of them: after a moment
//! without such a collision it is the time again. A connection therefore begins [`REWIND`]
//! before the cursor, by which the numbers are found again, and what is not above the cursor is
//! passed over.
//!
//! Another filter shows other events, and so numbers that differ where times collide. After a
//! change of the filter the last [`OVERLAP`] before the cursor, and what follows it, is taken
//! as not seen and has new numbers: rather does an event come twice than not at all.

mod archive;
mod jetstream;

use std::time::Instant;

use atproto_core::syntax::{Did, Tid};
use atproto_repo::event::{Event as Message, EventError};
use bytes::Bytes;

use super::{Intake, ReplayError, labels};
use crate::event::{Change, Commit, Event, Labels, Origin};
use crate::filter::Filter;

/// The form in which an upstream tells events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wire {
    /// Frames of `com.atproto.sync.subscribeRepos`, signed by the accounts.
    #[default]
    SubscribeRepos,
    /// Events of Jetstream, as JSON. Nothing in them can be verified. Their numbers are times,
    /// in microseconds; where times collide, numbers are some microseconds above them.
    Jetstream,
    /// Messages of `network.bsky.jetstream.subscribeEvents`, as frames. Nothing in them can be
    /// verified. They are numbered.
    JetstreamArchive,
    /// Frames of `com.atproto.label.subscribeLabels`, whose labels are signed by their sources.
    SubscribeLabels,
}

/// What a frame turns out to be.
#[derive(Debug)]
pub(super) enum Frame {
    Content(Incoming),
    Labels(Labels),
    /// The upstream says that it does not go back to the cursor.
    Outdated,
    /// It says something else.
    Info,
    /// Of a kind that is not known.
    Unknown {
        seq: Option<i64>,
    },
    /// It has not the form it should have.
    Invalid {
        seq: Option<i64>,
        did: Option<Did>,
        reason: String,
    },
    /// The upstream ends the stream with an error.
    End {
        name: String,
        message: Option<String>,
    },
    /// Up to here there is nothing more that is wanted.
    Passed {
        seq: i64,
    },
    /// There is no telling what it is.
    Malformed,
}

/// What has happened to an account.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) seq: i64,
    pub(super) did: Did,
    pub(super) time: Option<String>,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    Message(Box<Message>),
    Change(Box<Changed>),
}

/// A record that was changed.
#[derive(Debug)]
pub(super) struct Changed {
    did: Did,
    rev: Tid,
    change: Change,
}

impl Wire {
    /// Whether its events can be held against the identities of accounts.
    pub fn is_verifiable(self) -> bool {
        matches!(self, Self::SubscribeRepos | Self::SubscribeLabels)
    }

    pub(super) fn read(self, frame: Bytes) -> Frame {
        match self {
            Self::SubscribeRepos => read_message(Message::decode(frame)),
            Self::Jetstream => jetstream::read(&frame),
            Self::JetstreamArchive => archive::read(&frame),
            Self::SubscribeLabels => labels::read(&frame),
        }
    }

    /// The event of a frame that was read before.
    pub(super) fn event(self, frame: Bytes, seq: i64) -> Result<Event, ReplayError> {
        if self == Self::SubscribeRepos {
            let message = Message::decode(frame)?;
            return Event::try_from(message).map_err(|info| ReplayError::Untrue(info.name));
        }
        match self.read(frame) {
            Frame::Content(Incoming { content: Content::Change(change), .. }) => {
                Ok(change.into_event(seq))
            }
            Frame::Content(Incoming { content: Content::Message(message), .. }) => {
                let event = Event::try_from(message.with_seq(seq));
                event.map_err(|info| ReplayError::Untrue(info.name))
            }
            Frame::Labels(labels) => Ok(Event::Labels(labels)),
            Frame::Invalid { reason, .. } => Err(ReplayError::Unreadable(reason)),
            other => Err(ReplayError::Unreadable(format!("{other:?}"))),
        }
    }
}

impl Content {
    /// Whether it is of a record that nobody wants. A message is judged once it is verified.
    pub(super) fn is_filtered(&self, filter: &Filter) -> bool {
        matches!(self, Self::Change(changed)
            if !filter.wants_collection(&changed.change.path.collection))
    }
}

impl Changed {
    pub(super) fn into_event(self, seq: i64) -> Event {
        let Self { did, rev, change } = self;
        Event::Commit(Commit::of_changes(did, rev, Some(seq), Origin::Stream, vec![change]))
    }
}

impl Intake {
    /// The cursor to ask the upstream for.
    pub(super) fn ask_from(&self) -> Option<i64> {
        match self.config.wire {
            Wire::SubscribeRepos | Wire::JetstreamArchive | Wire::SubscribeLabels => {
                self.stream.cursor
            }
            Wire::Jetstream => self.stream.cursor.map(|cursor| (cursor - REWIND).max(0)),
        }
    }

    /// The number of an event, if it has one. `None` if it lies before the cursor.
    pub(super) fn number(&mut self, now: Instant, told: Option<i64>) -> Option<Option<i64>> {
        let time = match (told, self.config.wire) {
            (Some(seq), Wire::JetstreamArchive) => {
                // A connection begins with the cursor itself, and goes over from the archive
                // to the live stream with what was the last.
                let known = self.stream.last_seq.or(self.stream.cursor);
                let is_known = known.is_some_and(|known| seq <= known);
                self.stats.duplicates += u64::from(is_known);
                return (!is_known).then_some(told);
            }
            (Some(time), Wire::Jetstream) => time,
            _ => return Some(told),
        };
        let latest = self.unix_micros(now).saturating_add(MAX_AHEAD);
        if self.config.started_at > 0 && time > latest {
            // A cursor there would pass over all that happens until then.
            self.disconnect("time_in_future");
            return None;
        }
        let number = self.stream.last_seq.map_or(time, |last| time.max(last.saturating_add(1)));
        let overlap = if self.stream.is_refiltered { OVERLAP } else { 0 };
        if self.stream.cursor.is_none_or(|cursor| number > cursor - overlap) {
            let is_refiltered = std::mem::take(&mut self.stream.is_refiltered);
            let above = self.window.received().saturating_add(1);
            return Some(Some(if is_refiltered { number.max(above) } else { number }));
        }
        self.stream.last_seq = Some(number);
        self.stats.duplicates += 1;
        None
    }

    /// Whether the upstream may have forgotten what follows the cursor, and does not say so.
    pub(super) fn is_beyond_replay(&mut self, now: Instant) -> bool {
        let Some(cursor) = self.stream.cursor.filter(|cursor| *cursor > 0) else { return false };
        let age = self.unix_micros(now).saturating_sub(cursor);
        let window = self.config.replay_window.as_micros();
        let is_beyond = self.config.wire == Wire::Jetstream
            && u128::try_from(age).is_ok_and(|age| age > window)
            && self.stream.outdated_at != Some(cursor);
        if is_beyond {
            self.stream.outdated_at = Some(cursor);
        }
        is_beyond
    }
}

fn read_message(decoded: Result<Message, EventError>) -> Frame {
    match decoded {
        Ok(Message::Info(info)) if info.name == "OutdatedCursor" => Frame::Outdated,
        Ok(message) => match (message.seq(), message.did().cloned()) {
            (Some(seq), Some(did)) => {
                let time = message.time().map(str::to_owned);
                let content = Content::Message(Box::new(message));
                Frame::Content(Incoming { seq, did, time, content })
            }
            _ => Frame::Info,
        },
        Err(EventError::Unknown { seq, .. }) => Frame::Unknown { seq },
        Err(EventError::Invalid { seq, did, fault, .. }) => {
            Frame::Invalid { seq, did, reason: fault.to_string() }
        }
        Err(EventError::Upstream { name, message }) => Frame::End { name, message },
        Err(_) => Frame::Malformed,
    }
}

/// Says that there is nothing more that is wanted up to a number.
#[cfg(feature = "zstd")]
pub(crate) fn passed_frame(seq: i64) -> Bytes {
    archive::passed(seq)
}

/// How far before the cursor a connection begins, in microseconds. Ours: 5 s. Numbers are found
/// again if events are fewer than the microseconds of that time, less those by which their
/// times disagree; recorded streams disagree by 33 ms.
const REWIND: i64 = 5_000_000;

/// How far the server's clock may be ahead, in microseconds. Ours: a day.
const MAX_AHEAD: i64 = 24 * 60 * 60 * 1_000_000;

/// What comes again before the cursor after a change of the filter, in microseconds. Ours: 1 s.
const OVERLAP: i64 = 1_000_000;

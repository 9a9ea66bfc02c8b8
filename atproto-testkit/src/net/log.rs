use std::collections::{BTreeSet, VecDeque};

use atproto_repo::event::{Event, InfoEvent};
use bytes::Bytes;

use crate::random::Random;

/// What the relay keeps and sends.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// How often it has begun anew.
    epoch: u32,
    frames: VecDeque<(i64, Bytes)>,
    head: i64,
    /// Everything up to here is gone.
    horizon: i64,
    /// Horizons of the epochs so far.
    horizons: Vec<i64>,
    /// Connections of another generation are broken.
    generation: u64,
    /// Nobody can connect until it has so many more events. Events count, and not their numbers, of
    /// which some are left out: few could be none.
    away_for: Option<u64>,
    /// Cursors ahead of the log are taken for the beginning.
    forgiving: bool,
    /// It has begun anew, and nobody has read it from its beginning yet.
    unmet: bool,
    /// Frames that changed places with the next.
    swapped: BTreeSet<(u32, i64)>,
    events: u64,
    events_of_epoch: u64,
    digest: u64,
}

/// How long a log is before it is lost: a cursor in it must be ahead of the next one for a
/// while.
const LONG: i64 = 1_000;
/// How many events it has by then, so that readers are far in it.
const MANY: u64 = 300;
/// How far sequence numbers jump.
const JUMP: i64 = 200_000_000;

impl Log {
    pub(super) fn epoch(&self) -> u32 {
        self.epoch
    }

    pub(super) fn events(&self) -> u64 {
        self.events
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// A number that tells one history of frames from another.
    pub(super) fn digest(&self) -> u64 {
        self.digest
    }

    /// Up to where the frames of an epoch were dropped.
    pub(super) fn horizon_of(&self, epoch: u32) -> i64 {
        self.horizons.get(epoch as usize).copied().unwrap_or(self.horizon)
    }

    /// Numbers are left out now and then.
    pub(super) fn next_seq(&self, random: &mut Random) -> i64 {
        self.head + if random.one_in(8) { 2 } else { 1 }
    }

    pub(super) fn append(&mut self, seq: i64, frame: Vec<u8>) {
        for byte in &frame {
            self.digest = (self.digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
        self.frames.push_back((seq, frame.into()));
        self.head = seq;
        self.events += 1;
        self.events_of_epoch += 1;
        self.away_for = self.away_for.map(|events| events.saturating_sub(1));
        if self.away_for == Some(0) {
            self.come_back();
        }
    }

    /// The first frame after a sequence number.
    pub(super) fn after(&self, seq: i64) -> Option<(i64, Bytes)> {
        let next = self.frames.partition_point(|(known, _)| *known <= seq);
        self.frames.get(next).cloned()
    }

    /// A frame goes behind the next one.
    pub(super) fn swap(&mut self, seq: i64) {
        self.swapped.insert((self.epoch, seq));
    }

    pub(super) fn is_swapped(&self, epoch: u32, seq: i64) -> bool {
        self.swapped.contains(&(epoch, seq))
    }

    /// Breaks all connections.
    pub(super) fn cut(&mut self) {
        self.generation += 1;
    }

    /// Breaks all connections, and lets nobody in for that many events.
    pub(super) fn go_away(&mut self, events: u64) {
        self.cut();
        self.away_for = Some(events);
    }

    pub(super) fn is_away(&self) -> bool {
        self.away_for.is_some()
    }

    /// Lets readers in again, with not much left of what was before.
    pub(super) fn come_back(&mut self) {
        if self.away_for.take().is_some() {
            let kept = self.frames.split_off(self.frames.len().saturating_sub(2));
            self.horizon = self.frames.back().map_or(self.horizon, |(seq, _)| *seq);
            self.frames = kept;
        }
    }

    pub(super) fn jump(&mut self) {
        self.head += JUMP;
    }

    /// Not while it is away: nobody would see what it dropped.
    pub(super) fn may_be_reset(&self) -> bool {
        !self.is_away() && self.head > LONG && self.events_of_epoch > MANY
    }

    /// Loses everything.
    pub(super) fn reset(&mut self, forgiving: bool) {
        self.cut();
        self.horizons.push(self.horizon);
        self.epoch += 1;
        self.frames.clear();
        (self.head, self.horizon, self.away_for, self.events_of_epoch) = (0, 0, None, 0);
        (self.forgiving, self.unmet) = (forgiving, true);
    }

    /// With what a connection at a cursor begins, and after which number it goes on. `Err` is
    /// an error frame that ends it.
    pub(super) fn open(&mut self, cursor: Option<i64>) -> Result<(Option<Bytes>, i64), Bytes> {
        self.unmet &= cursor.is_some_and(|cursor| cursor > 0);
        match cursor {
            None => Ok((None, self.head)),
            Some(cursor) if cursor > self.head && self.forgiving => Ok((None, 0)),
            // A reader that was behind is told too: by the numbers alone it could not know.
            Some(1..) if self.unmet => Err(error_frame("FutureCursor")),
            Some(cursor) if cursor > self.head => Err(error_frame("FutureCursor")),
            Some(cursor) if cursor < self.horizon => {
                let name = "OutdatedCursor".to_owned();
                let info = Event::Info(InfoEvent { name, message: None });
                Ok((Some(info.encode().into()), self.horizon))
            }
            Some(cursor) => Ok((None, cursor)),
        }
    }
}

/// The frame `{"op": -1}`, `{"error": name}`.
pub(super) fn error_frame(name: &str) -> Bytes {
    let mut frame = b"\xa1\x62op\x20\xa1\x65error".to_vec();
    // A text of less than 24 bytes has its length in the first one.
    frame.push(0x60 + u8::try_from(name.len()).unwrap_or(0));
    frame.extend_from_slice(name.as_bytes());
    frame.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use atproto_repo::event::EventError;

    #[test]
    fn an_absence_drops_events_however_their_numbers_run() {
        let mut log = Log::default();
        log.append(1, Vec::new());
        log.go_away(3);
        for seq in [3, 5, 7] {
            assert!(log.is_away());
            log.append(seq, Vec::new());
        }
        assert!(!log.is_away());
        assert!(matches!(log.open(Some(1)), Ok((Some(_), 3 | 7))));
    }

    #[test]
    fn a_reader_that_was_behind_learns_of_a_new_beginning() {
        let mut log = Log::default();
        log.append(9, Vec::new());
        log.reset(false);
        (1..=5).for_each(|seq| log.append(seq, Vec::new()));
        assert!(log.open(Some(4)).is_err());
        assert!(log.open(Some(0)).is_ok());
        assert!(log.open(Some(4)).is_ok());
    }

    #[test]
    fn error_frames_are_understood() {
        let error = Event::decode(error_frame("ConsumerTooSlow"));
        assert!(
            matches!(error, Err(EventError::Upstream { name, .. }) if name == "ConsumerTooSlow")
        );
    }
}

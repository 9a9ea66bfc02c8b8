//! When to read, and why not.

use super::entry::OVERHEAD;
use super::stats::count;
use super::{Intake, Phase};

impl Intake {
    /// Whether the next frame may be read: it would still fit every limit,
    /// however large it is.
    pub fn wants_frames(&self) -> bool {
        matches!(self.stream.phase, Phase::Open { .. }) && self.pressure().is_none()
    }

    /// Which limit holds up the reading, as a short constant name:
    /// - `bytes`: [`max_in_flight_bytes`](super::IntakeConfig::max_in_flight_bytes);
    /// - `events`: [`max_in_flight_events`](super::IntakeConfig::max_in_flight_events);
    /// - `spool`: [`max_spool_bytes`](super::IntakeConfig::max_spool_bytes);
    /// - `parking`: [`max_parked_bytes`](super::IntakeConfig::max_parked_bytes) or
    ///   [`max_parked_events`](super::IntakeConfig::max_parked_events);
    /// - `unsaved`: what waits to be stored.
    pub fn pressure(&self) -> Option<&'static str> {
        let holds = self.entries.len() + self.spool_len();
        if !self.fits_frame() && (holds > 0 || self.unsaved_bytes > 0) {
            Some("bytes")
        } else if holds >= self.config.max_in_flight_events {
            Some("events")
        } else if !self.spool_has_room() {
            Some("spool")
        } else if self.parking_is_full() {
            Some("parking")
        } else if !self.has_room_for_unsaved() {
            Some("unsaved")
        } else {
            None
        }
    }

    /// Whether a checkpoint is wanted that only the caller can store, and that
    /// may have no event to come with: reading has stopped until it is stored, the
    /// filter was changed, or a repository is to be fetched.
    pub fn wants_checkpoint(&self) -> bool {
        let full = self.unsaved_bytes > 0 && !self.fits_frame();
        let filter = self.unsaved_filter().is_some();
        let awaited = self.fetches_wait() && self.persistence.dirty;
        !self.config.persist && (full || filter || awaited || !self.has_room_for_unsaved())
    }

    /// Counts each time that a limit begins to hold up the reading.
    pub(super) fn note_pressure(&mut self) {
        let pressure = self.pressure();
        if let Some(limit) = pressure.filter(|_| pressure != self.noted_pressure) {
            count(&mut self.stats.stalls, limit);
        }
        self.noted_pressure = pressure;
    }

    /// Whether an event can come back to memory. Where nothing is there nothing
    /// will make room, and one may always.
    pub(super) fn memory_has_room(&self, cost: usize) -> bool {
        let held = self.bytes + self.unsaved_bytes;
        let alone = self.entries.is_empty() && self.unsaved_bytes == 0 && self.returning == 0;
        alone || held + cost <= self.config.max_in_flight_bytes
    }

    fn fits_frame(&self) -> bool {
        let held = self.bytes + self.unsaved_bytes;
        held + self.config.max_frame_bytes + OVERHEAD <= self.config.max_in_flight_bytes
    }

    fn has_room_for_unsaved(&self) -> bool {
        self.heads.len() < self.config.max_unsaved_heads
            && self.rejects.len() < self.config.max_unsaved_rejects
            && self.parking.unsaved.len() < self.config.max_unsaved_rejects
            && self.has_room_for_known()
    }
}

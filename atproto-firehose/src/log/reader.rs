use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::Shared;
use super::error::LogError;
use super::medium::MediumFile;
use super::record::{self, Header, Parsed, Record};
use super::recovery;
use super::segment::Segment;

/// Bytes read at once. A stalled reader keeps at most this many in memory
/// (more only while one record is larger).
const CHUNK: usize = 32 << 10;

/// Reads records in order from one sequence number on.
///
/// A reader has its own file handle and its own small buffer; it never delays
/// the writer. Calls block for disk reads.
pub struct LogReader {
    shared: Arc<Shared>,
    /// Records below are passed over.
    from: i64,
    place: Option<Place>,
    buffer: Bytes,
    /// The sequence number before the record at the reader's place.
    passed: i64,
}

/// A reader's place: the buffer begins at `offset` of `segment`.
struct Place {
    segment: Arc<Segment>,
    file: Box<dyn MediumFile>,
    offset: u64,
}

impl LogReader {
    pub(crate) fn new(shared: Arc<Shared>, from: i64) -> Self {
        Self { shared, from, place: None, buffer: Bytes::new(), passed: 0 }
    }

    /// The next record, or `None` if all visible records have been read; call
    /// again when there may be more.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] at damage, and again until [`Self::skip_damage`];
    /// [`LogError::Expired`] if retention overtook the reader;
    /// [`LogError::Io`].
    pub fn next_record(&mut self) -> Result<Option<Record>, LogError> {
        loop {
            if self.place.is_none() && !self.locate()? {
                return Ok(None);
            }
            let offset = self.place.as_ref().map_or(0, |place| place.offset);
            match record::parse(&self.buffer, offset, self.shared.config.max_record_bytes) {
                Parsed::Whole(header) if self.passed + 1 == header.seq => {
                    let record = self.take(&header);
                    if record.seq >= self.from {
                        self.from = record.seq + 1;
                        return Ok(Some(record));
                    }
                }
                Parsed::Need(count) => {
                    if !self.fill(count)? && !self.next_segment()? {
                        return Ok(None);
                    }
                }
                Parsed::Whole(_) | Parsed::Bad => return Err(self.corrupt()),
            }
        }
    }

    /// The next records, about `bytes` of them; none if all visible records
    /// have been read. What was read before an error is returned first, and
    /// the error by the next call.
    ///
    /// # Errors
    /// As [`Self::next_record`].
    pub fn next_records(&mut self, bytes: usize) -> Result<Vec<Record>, LogError> {
        let mut records = Vec::new();
        let mut size = 0;
        while size < bytes {
            match self.next_record() {
                Ok(Some(record)) => {
                    size += record.payload.len();
                    records.push(record);
                }
                Ok(None) => break,
                Err(error) if records.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(records)
    }

    /// After [`LogError::Corrupt`]: moves to the first good record behind the
    /// damage and returns its sequence number, or `None` if none is visible
    /// yet. The caller owes its own readers word of the gap.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn skip_damage(&mut self) -> Result<Option<i64>, LogError> {
        let Some(place) = &mut self.place else { return Ok(None) };
        let name = place.segment.name();
        let rest = place.segment.visible().saturating_sub(place.offset);
        let mut bytes = vec![0; usize::try_from(rest).unwrap_or(usize::MAX)];
        let count =
            place.file.read_at(place.offset, &mut bytes).map_err(LogError::io("read", &name))?;
        bytes.truncate(count);
        let max_record = self.shared.config.max_record_bytes;
        let above = self.passed;
        if let Some((skipped, header)) = recovery::find(&bytes, place.offset, 1, max_record, above)
        {
            place.offset += skipped as u64;
            self.passed = header.seq - 1;
            self.buffer = Bytes::new();
            return Ok(Some(header.seq));
        }
        let Some(next) = self.shared.segment_after(place.segment.first_seq) else {
            return Ok(None);
        };
        let start = next.start();
        self.enter(next, start)?;
        Ok(Some(start.0))
    }

    /// How many bytes of log lie before the next record, on the same scale as
    /// [`LogHandle::end_position`](super::LogHandle::end_position). Not
    /// meaningful before the first call to [`Self::next_record`].
    pub fn position(&self) -> u64 {
        self.place.as_ref().map_or(0, |place| place.segment.base + place.offset)
    }

    fn take(&mut self, header: &Header) -> Record {
        if let Some(place) = &mut self.place {
            place.offset += header.total() as u64;
        }
        self.passed = header.seq;
        record::split(&mut self.buffer, header)
    }

    /// Finds the segment and offset to begin at.
    fn locate(&mut self) -> Result<bool, LogError> {
        if self.from <= self.shared.removed_through() {
            return Err(self.expired());
        }
        let Some(segment) = self.shared.segment_for(self.from) else { return Ok(false) };
        let start = if self.from <= segment.first_seq {
            segment.start()
        } else {
            self.shared.seek(&segment, self.from)?
        };
        self.enter(segment, start)?;
        Ok(true)
    }

    /// Places the reader before the record `seq` at `offset`.
    fn enter(&mut self, segment: Arc<Segment>, (seq, offset): (i64, u64)) -> Result<(), LogError> {
        let name = segment.name();
        let file = match self.shared.medium.open(&name, false) {
            Ok(file) => file,
            Err(error) if self.shared.is_removed(&error, &segment) => return Err(self.expired()),
            Err(error) => return Err(LogError::io("open", name)(error)),
        };
        self.passed = seq - 1;
        self.buffer = Bytes::new();
        self.place = Some(Place { segment, file, offset });
        Ok(())
    }

    /// Reads until the buffer holds at least `count` bytes. False at the end
    /// of what is visible in this segment.
    fn fill(&mut self, count: usize) -> Result<bool, LogError> {
        let Some(place) = &self.place else { return Ok(false) };
        let held = self.buffer.len();
        let rest = place.segment.visible().saturating_sub(place.offset);
        let rest = usize::try_from(rest).unwrap_or(usize::MAX);
        if rest <= held {
            return Ok(false);
        }
        let mut bytes = BytesMut::zeroed(count.max(CHUNK).min(rest));
        bytes[..held].copy_from_slice(&self.buffer);
        let read = place
            .file
            .read_at(place.offset + held as u64, &mut bytes[held..])
            .map_err(LogError::io("read", place.segment.name()))?;
        bytes.truncate(held + read);
        self.buffer = bytes.freeze();
        Ok(self.buffer.len() >= count)
    }

    /// Moves from the end of one segment to the next. False if there is none
    /// yet.
    fn next_segment(&mut self) -> Result<bool, LogError> {
        let Some(place) = &self.place else { return Ok(false) };
        let Some(next) = self.shared.segment_after(place.segment.first_seq) else {
            // Visible bytes that are no whole record, with nothing after.
            return if self.buffer.is_empty() { Ok(false) } else { Err(self.corrupt()) };
        };
        // The next segment may have been created after the last look at this
        // one, which may have grown in between.
        if place.segment.visible() > place.offset + self.buffer.len() as u64 {
            return Ok(true);
        }
        let complete = next.previous().is_none_or(|previous| self.passed >= previous);
        if !self.buffer.is_empty() || !complete {
            let removed = self.shared.first_seq() > place.segment.first_seq;
            let overtaken = removed && self.buffer.is_empty();
            return Err(if overtaken { self.expired() } else { self.corrupt() });
        }
        let start = next.start();
        self.enter(next, start)?;
        Ok(true)
    }

    fn corrupt(&self) -> LogError {
        let (file, offset) = self
            .place
            .as_ref()
            .map_or((String::new(), 0), |place| (place.segment.name(), place.offset));
        LogError::Corrupt { file, offset }
    }

    fn expired(&self) -> LogError {
        LogError::Expired { wanted: self.from, first: self.shared.first_seq() }
    }
}

impl Iterator for LogReader {
    type Item = Result<Record, LogError>;

    /// Ends at the last visible record; an error repeats, so stop at the
    /// first.
    fn next(&mut self) -> Option<Self::Item> {
        self.next_record().transpose()
    }
}

impl std::fmt::Debug for LogReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogReader").field("from", &self.from).finish_non_exhaustive()
    }
}

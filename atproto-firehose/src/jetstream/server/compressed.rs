use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;

use super::stored::Stored;
use crate::jetstream::{Dictionary, DictionaryError};

/// The newest events that were compressed: each is so once for all readers that are near the
/// end of the stream.
#[derive(Debug, Default)]
pub(super) struct Compressed {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    frames: BTreeMap<i64, Bytes>,
    bytes: usize,
}

impl Compressed {
    /// An event as a zstd frame.
    pub(super) fn of(
        &self,
        event: &Stored,
        dictionary: &Dictionary,
    ) -> Result<Bytes, DictionaryError> {
        // Held while compressing: whoever else wants the same event is to wait for it.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(frame) = kept.frames.get(&event.seq) {
            return Ok(frame.clone());
        }
        if kept.is_past(event.seq) {
            // A reader of the past compresses for itself, and delays nobody.
            drop(kept);
            return Ok(dictionary.compress(&event.json)?.into());
        }
        let frame: Bytes = dictionary.compress(&event.json)?.into();
        kept.keep(event.seq, frame.clone());
        Ok(frame)
    }
}

impl Kept {
    /// Whether an event is older than all that are kept, and there is no room for it.
    fn is_past(&self, seq: i64) -> bool {
        let first = self.frames.first_key_value();
        self.bytes > CACHE_BYTES / 2 && first.is_some_and(|(first, _)| seq < *first)
    }

    fn keep(&mut self, seq: i64, frame: Bytes) {
        self.bytes += frame.len() + OVERHEAD;
        self.frames.insert(seq, frame);
        while self.bytes > CACHE_BYTES
            && let Some((_, oldest)) = self.frames.pop_first()
        {
            self.bytes -= oldest.len() + OVERHEAD;
        }
    }
}

/// Bytes that are kept. Ours: 4 MiB, some 15,000 usual events; readers that are live are not
/// farther apart.
const CACHE_BYTES: usize = 4 << 20;

/// What a frame costs beyond its bytes.
const OVERHEAD: usize = 64;

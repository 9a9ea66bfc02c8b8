use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use atproto_core::syntax::Nsid;
use bytes::Bytes;

use super::{Framing, FramingError, Payload};

/// Bytes that are kept of encoded frames. Ours: 4 MiB, thousands of usual frames; readers
/// that are live are not farther apart.
pub const CACHE_BYTES: usize = 4 << 20;

/// A form whose newest frames are kept, so that each is encoded once for all its readers.
///
/// Readers that share a frame share its memory, and by that it is known again. A reader that
/// is far behind the others, and reads from disk what they have had, has its frames encoded
/// for itself.
#[derive(Debug)]
pub struct EncodeOnce<F> {
    form: F,
    cache: Mutex<Cache>,
}

impl<F: Framing> EncodeOnce<F> {
    /// The form, with a memory of [`CACHE_BYTES`].
    pub fn new(form: F) -> Self {
        Self { form, cache: Mutex::default() }
    }
}

impl<F: Framing> Framing for EncodeOnce<F> {
    fn protocol(&self) -> &'static str {
        self.form.protocol()
    }

    fn encode(&self, nsid: &Nsid, frame: &Bytes) -> Result<Payload, FramingError> {
        // Held while encoding: whoever else wants the same frame is to wait for it.
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(payload) = cache.find(nsid, frame) {
            return Ok(payload);
        }
        let payload = self.form.encode(nsid, frame)?;
        cache.keep(Entry { nsid: nsid.clone(), frame: frame.clone(), payload: payload.clone() });
        Ok(payload)
    }

    fn decode(&self, payload: Payload) -> Result<Option<Bytes>, FramingError> {
        self.form.decode(payload)
    }
}

/// The newest frames, oldest first.
#[derive(Debug, Default)]
struct Cache {
    entries: VecDeque<Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    nsid: Nsid,
    /// Held, so that no other frame can come to lie at its address.
    frame: Bytes,
    payload: Payload,
}

impl Cache {
    /// Live readers want the newest frame: the search begins there.
    fn find(&self, nsid: &Nsid, frame: &Bytes) -> Option<Payload> {
        let is_same = |entry: &&Entry| {
            std::ptr::eq(entry.frame.as_ptr(), frame.as_ptr())
                && entry.frame.len() == frame.len()
                && entry.nsid == *nsid
        };
        self.entries.iter().rev().find(is_same).map(|entry| entry.payload.clone())
    }

    fn keep(&mut self, entry: Entry) {
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        while self.bytes > CACHE_BYTES {
            let Some(oldest) = self.entries.pop_front() else { return };
            self.bytes -= oldest.bytes();
        }
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.frame.len() + self.payload.len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Debug, Default)]
    struct Counting(AtomicUsize);

    impl Framing for Counting {
        fn protocol(&self) -> &'static str {
            "counting"
        }

        fn encode(&self, _nsid: &Nsid, frame: &Bytes) -> Result<Payload, FramingError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Payload::binary(frame.to_vec()))
        }

        fn decode(&self, _payload: Payload) -> Result<Option<Bytes>, FramingError> {
            Ok(None)
        }
    }

    #[test]
    fn a_frame_is_known_again_by_its_memory() {
        let (form, nsid) = (EncodeOnce::new(Counting::default()), Nsid::new("a.b.c").unwrap());
        let count = |frame: &Bytes, nsid: &Nsid| {
            form.encode(nsid, frame).unwrap();
            form.form.0.load(Ordering::Relaxed)
        };
        let frame = Bytes::from(vec![1; 100]);
        assert_eq!((count(&frame, &nsid), count(&frame.clone(), &nsid)), (1, 1));
        let part = frame.slice(..50);
        assert_eq!(count(&part, &nsid), 2, "a part of it is another frame");
        assert_eq!(
            count(&frame, &Nsid::new("a.b.d").unwrap()),
            3,
            "and so is that of another stream"
        );
        let equal = Bytes::from(vec![1; 100]);
        assert_eq!(count(&equal, &nsid), 4, "nobody compares bytes");
    }

    #[test]
    fn memory_is_bounded_in_bytes() {
        let (form, nsid) = (EncodeOnce::new(Counting::default()), Nsid::new("a.b.c").unwrap());
        for _ in 0..100 {
            form.encode(&nsid, &vec![0; 1 << 20].into()).unwrap();
            let cache = form.cache.lock().unwrap();
            assert!(cache.bytes <= CACHE_BYTES);
            let held: usize = cache.entries.iter().map(Entry::bytes).sum();
            assert_eq!(held, cache.bytes);
        }
        form.encode(&nsid, &vec![0; CACHE_BYTES].into()).unwrap();
        assert_eq!(form.cache.lock().unwrap().bytes, 0, "larger than the whole memory");
    }
}

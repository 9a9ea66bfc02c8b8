use std::{fmt, io, sync::Arc};

use zstd::{
    bulk::{Compressor, Decompressor},
    dict::{DecoderDictionary, EncoderDictionary},
};

/// What both sides know before the first event, so that even a small one compresses well. The
/// servers publish theirs. Cheap to clone.
#[derive(Clone)]
pub struct Dictionary {
    decoder: Arc<DecoderDictionary<'static>>,
    encoder: Arc<EncoderDictionary<'static>>,
}

/// Why a compressed event cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DictionaryError {
    /// It is not compressed with this dictionary, or damaged, or longer than the limit.
    #[error("not an event compressed with this dictionary, of {limit} bytes at most")]
    Decompress {
        /// The limit that was given.
        limit: usize,
        /// What is wrong.
        #[source]
        source: io::Error,
    },
    /// The compressor failed.
    #[error("the event cannot be compressed")]
    Compress(#[source] io::Error),
}

impl Dictionary {
    /// A dictionary from its bytes.
    pub fn new(bytes: &[u8]) -> Self {
        let decoder = Arc::new(DecoderDictionary::copy(bytes));
        let encoder = Arc::new(EncoderDictionary::copy(bytes, LEVEL));
        Self { decoder, encoder }
    }

    /// Reads what a server has compressed: at most `limit` bytes come out, whatever goes in.
    ///
    /// # Errors
    /// [`DictionaryError::Decompress`].
    pub fn decompress(&self, compressed: &[u8], limit: usize) -> Result<Vec<u8>, DictionaryError> {
        Decompressor::with_prepared_dictionary(&self.decoder)
            .and_then(|mut decompressor| decompressor.decompress(compressed, limit))
            .map_err(|source| DictionaryError::Decompress { limit, source })
    }

    /// Compresses one event to one frame.
    ///
    /// # Errors
    /// [`DictionaryError::Compress`].
    pub fn compress(&self, event: &[u8]) -> Result<Vec<u8>, DictionaryError> {
        Compressor::with_prepared_dictionary(&self.encoder)
            .and_then(|mut compressor| compressor.compress(event))
            .map_err(DictionaryError::Compress)
    }
}

impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dictionary").finish_non_exhaustive()
    }
}

/// Ours: the library's own default. An event is compressed once, whoever reads it.
const LEVEL: i32 = 3;

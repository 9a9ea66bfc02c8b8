//! Counting.

/// What a cache has done so far, and what it holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Questions asked: hits, misses, and those of the rest that no request was made for.
    pub lookups: u64,
    /// Questions answered from memory, be the answer good or bad.
    pub hits: u64,
    /// Questions that waited for a request, be it one of their own.
    pub misses: u64,
    /// Requests made.
    pub requests: u64,
    /// Questions answered with an old answer because no new one could be had.
    pub stale: u64,
    /// Questions answered with a remembered refusal or failure.
    pub negative: u64,
    /// Questions that failed at once: the directory is down, or too many requests wait.
    pub refused: u64,
    /// Entries that had to go to make room for others.
    pub evictions: u64,
    /// DIDs remembered at present.
    pub dids: usize,
    /// Handles remembered at present.
    pub handles: usize,
    /// Requests under way or waiting for their turn at present.
    pub pending: usize,
    /// What is remembered at present, in bytes.
    pub bytes: usize,
    /// Whether the directory of did:plc is taken to be down at present.
    pub directory_down: bool,
}

impl CacheStats {
    /// What is counted, by the name of its field: labels for metrics.
    pub fn counters(&self) -> [(&'static str, u64); 8] {
        [
            ("lookups", self.lookups),
            ("hits", self.hits),
            ("misses", self.misses),
            ("requests", self.requests),
            ("stale", self.stale),
            ("negative", self.negative),
            ("refused", self.refused),
            ("evictions", self.evictions),
        ]
    }

    /// What there is at present, by the name of its field: labels for metrics.
    pub fn gauges(&self) -> [(&'static str, usize); 5] {
        [
            ("dids", self.dids),
            ("handles", self.handles),
            ("pending", self.pending),
            ("bytes", self.bytes),
            ("directory_down", usize::from(self.directory_down)),
        ]
    }
}

//! The labels that are known, and which of them are in force.
//!
//! A store takes the labels of [`Event::Labels`](crate::event::Event::Labels) and answers what
//! holds of a subject now. It keeps the current label of each [`LabelKey`](super::LabelKey), also
//! one that takes back or is over, and nothing else: what comes again, or late, changes nothing.
//! A process that dies after it has stored labels and before it has acknowledged them finds
//! everything as it should be, and needs no transaction over both.

mod memory;
#[cfg(feature = "sqlite")]
pub mod sqlite;

use atproto_core::syntax::{Datetime, Uri};
use atproto_lexicons::com::atproto::label::defs::Label;

pub use self::memory::MemoryLabels;
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteLabels;
use crate::state::Stored;

/// A place for labels of any number of labelers.
pub trait LabelStore: Send + Sync + 'static {
    /// Takes labels over, all of them or none, and durably where the store is durable. Each takes
    /// the place of the one before if it [supersedes](super::supersedes) it. Returns how many did.
    ///
    /// # Errors
    /// [`StoreError`](crate::state::StoreError).
    fn apply<'a>(&'a self, labels: &'a [Label]) -> Stored<'a, usize>;

    /// What is said about a subject and [holds](super::is_active) at this time, in the order of
    /// source and value. A label with a CID is about that version of the record alone.
    ///
    /// # Errors
    /// [`StoreError`](crate::state::StoreError).
    fn in_force<'a>(&'a self, uri: &'a Uri, now: &'a Datetime) -> Stored<'a, Vec<Label>>;
}

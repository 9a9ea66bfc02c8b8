//! What a cache is asked.

use std::hash::Hash;
use std::sync::Arc;

use super::answers::Answers;
use super::identity_cache::IdentityCache;
use super::weight::Weight;
use crate::identity::DidDocument;
use crate::syntax::{Did, DidMethod, Handle};

/// A question with a remembered answer: a [`Did`] for its document, a [`Handle`] for its DID.
/// There are no others.
///
/// The two kinds have tables of their own, with keys and answers of different types: an
/// answer to one never stands in for the other.
pub trait Question: Kind {}

impl Question for Did {}
impl Question for Handle {}

/// What the cache must know of a question.
pub trait Kind: Clone + Eq + Hash + Sized {
    /// What answers the question.
    type Answer: Clone;

    fn answers(cache: &mut IdentityCache) -> &mut Answers<Self>;

    /// Whether it is the directory of did:plc that is asked.
    fn is_for_directory(&self) -> bool;

    /// The DID after whose purge the answer is worth nothing, where it is not the question.
    fn subject(answer: &Self::Answer) -> Option<&Did>;

    /// What question and answer hold in memory, in bytes.
    fn weight(&self, answer: Option<&Self::Answer>) -> usize;
}

impl Kind for Did {
    type Answer = Arc<DidDocument>;

    fn answers(cache: &mut IdentityCache) -> &mut Answers<Self> {
        &mut cache.dids
    }

    fn is_for_directory(&self) -> bool {
        matches!(self.supported(), Ok(DidMethod::Plc { .. }))
    }

    fn subject(_: &Self::Answer) -> Option<&Did> {
        None
    }

    fn weight(&self, answer: Option<&Self::Answer>) -> usize {
        Weight::weight(self) + answer.map_or(0, |document| document.weight())
    }
}

impl Kind for Handle {
    type Answer = Did;

    fn answers(cache: &mut IdentityCache) -> &mut Answers<Self> {
        &mut cache.handles
    }

    fn is_for_directory(&self) -> bool {
        false
    }

    fn subject(answer: &Self::Answer) -> Option<&Did> {
        Some(answer)
    }

    fn weight(&self, answer: Option<&Self::Answer>) -> usize {
        Weight::weight(self) + answer.map_or(0, Weight::weight)
    }
}

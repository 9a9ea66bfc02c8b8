//! What answers weigh in memory.

use serde_json::{Map, Value};

use crate::identity::{DidDocument, ResolveError, Service, VerificationMethod};
use crate::syntax::{Did, Handle};

/// The bytes that something holds in memory beyond its own fixed size.
pub(super) trait Weight {
    fn weight(&self) -> usize;
}

impl Weight for DidDocument {
    fn weight(&self) -> usize {
        size_of::<Self>()
            + self.id.weight()
            + self.also_known_as.capacity() * size_of::<String>()
            + self.also_known_as.iter().map(String::capacity).sum::<usize>()
            + self.verification_methods.capacity() * size_of::<VerificationMethod>()
            + self.verification_methods.iter().map(Weight::weight).sum::<usize>()
            + self.services.capacity() * size_of::<Service>()
            + self.services.iter().map(Weight::weight).sum::<usize>()
            + map(&self.other)
    }
}

impl Weight for VerificationMethod {
    fn weight(&self) -> usize {
        self.id.capacity()
            + self.kind.capacity()
            + self.controller.capacity()
            + self.public_key_multibase.as_ref().map_or(0, String::capacity)
            + map(&self.other)
    }
}

impl Weight for Service {
    fn weight(&self) -> usize {
        self.id.capacity() + self.kind.capacity() + value(&self.endpoint) + map(&self.other)
    }
}

impl Weight for Did {
    fn weight(&self) -> usize {
        self.as_str().len()
    }
}

impl Weight for Handle {
    fn weight(&self) -> usize {
        self.as_str().len()
    }
}

impl Weight for ResolveError {
    /// Errors hold a name at most twice, cut answers, and a chain of causes whose size cannot
    /// be seen; this is more than the largest that the resolvers of this crate make.
    fn weight(&self) -> usize {
        1024
    }
}

fn map(map: &Map<String, Value>) -> usize {
    map.iter().map(|(name, member)| TREE_ENTRY + name.capacity() + value(member)).sum()
}

/// Depth is bounded by the parser that made the value.
fn value(content: &Value) -> usize {
    match content {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.capacity(),
        Value::Array(list) => {
            list.capacity() * size_of::<Value>() + list.iter().map(value).sum::<usize>()
        }
        Value::Object(members) => map(members),
    }
}

/// A name and a value in a map, with the tree's own share.
const TREE_ENTRY: usize = 2 * (size_of::<String>() + size_of::<Value>());

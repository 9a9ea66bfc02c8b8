use std::fmt;

use crate::lexicon::rule::{Rule, ValidationError};

/// An error on its way out: the innermost segment of the path comes first.
pub(in crate::lexicon) struct Fault {
    segments: Vec<String>,
    rule: Rule,
}

impl Fault {
    pub(super) fn new(rule: Rule) -> Box<Self> {
        Box::new(Self { segments: Vec::new(), rule })
    }

    pub(super) fn at(mut self: Box<Self>, segment: impl fmt::Display) -> Box<Self> {
        self.segments.push(segment.to_string());
        self
    }
}

impl From<Box<Fault>> for ValidationError {
    fn from(fault: Box<Fault>) -> Self {
        let path = fault.segments.iter().rev().map(String::as_str).collect::<Vec<_>>().join("/");
        Self { path, rule: fault.rule }
    }
}

pub(in crate::lexicon) type Result<T, E = Box<Fault>> = std::result::Result<T, E>;

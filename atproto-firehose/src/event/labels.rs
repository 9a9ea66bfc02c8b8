use atproto_lexicons::com::atproto::label::defs::Label;

use crate::label::LabelError;

/// Labels that a labeler has told in one message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Labels {
    /// The position in the stream.
    pub seq: i64,
    /// The labels in their order, those included that take others back. Each is signed by its
    /// source, unless the consumer is told to believe the upstream.
    pub labels: Vec<Label>,
    /// Labels of the same message that are not to be taken, and why. They count among the
    /// rejected. Where a message has no others it is not delivered but kept as a reject.
    pub refused: Vec<Refused>,
}

/// A label that is not to be taken.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refused {
    /// The label.
    pub label: Label,
    /// What is wrong with it.
    pub why: LabelError,
}

impl Labels {
    /// Labels of a message, none of which was refused.
    pub fn new(seq: i64, labels: Vec<Label>) -> Self {
        Self { seq, labels, refused: Vec::new() }
    }
}

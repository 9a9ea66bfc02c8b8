use std::cmp::Ordering;

use atproto_core::syntax::{Datetime, Did, Uri};
use atproto_lexicons::com::atproto::label::defs::Label;

/// What there is one current label of: a source says one thing about a subject under a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelKey {
    /// Who says it.
    pub src: Did,
    /// About what.
    pub uri: Uri,
    /// What it says.
    pub val: String,
}

impl From<&Label> for LabelKey {
    fn from(label: &Label) -> Self {
        Self { src: label.src.clone(), uri: label.uri.clone(), val: label.val.clone() }
    }
}

/// Whether a label takes the place of the one that is known of the same [`LabelKey`]: its
/// creation time is later. Of two from the same instant the one that comes second counts, but
/// none takes the place of one that takes it back. Labels of different keys have nothing to do
/// with each other.
pub fn supersedes(label: &Label, known: &Label) -> bool {
    if LabelKey::from(label) != LabelKey::from(known) {
        return false;
    }
    match label.cts.unix_micros().cmp(&known.cts.unix_micros()) {
        Ordering::Less => false,
        Ordering::Equal => is_negation(label) || !is_negation(known),
        Ordering::Greater => true,
    }
}

/// Whether a label, the latest of its key, says something at this time: it is neither taken
/// back nor over. Others are kept, and not shown.
pub fn is_active(label: &Label, now: &Datetime) -> bool {
    let is_over = label.exp.as_ref().is_some_and(|exp| exp.unix_micros() <= now.unix_micros());
    !is_negation(label) && !is_over
}

fn is_negation(label: &Label) -> bool {
    label.neg == Some(true)
}

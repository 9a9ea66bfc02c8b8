//! Labels, from their arrival to their delivery.
//!
//! They are not events of an account: messages do not wait for each other, and several can be
//! worked on at a time. Of two labels the later one counts in whatever order they come, see
//! [`supersedes`](crate::label::supersedes).

use std::sync::Arc;
use std::time::Instant;

use atproto_core::data::cbor;
use atproto_core::frame;
use atproto_core::object::{Message as _, MessageError};
use atproto_lexicons::com::atproto::label::defs::Label;
use atproto_lexicons::com::atproto::label::subscribe_labels::{InfoName, SubscribeLabelsMessage};
use bytes::Bytes;

use super::Intake;
use super::action::{Action, EntryId};
use super::entry::{Entry, Stage};
use super::stats::count;
use super::wire::Frame;
use crate::event::{Event, Labels, Refused};
use crate::label::LabelError;

impl Intake {
    /// Labels have come. Those of sources that are not wanted are left out.
    pub(super) fn arrive_labels(&mut self, now: Instant, mut labels: Labels, frame: Bytes) {
        let seq = labels.seq;
        let mut why = "no_labels";
        labels.labels.retain(|label| match self.unwanted(&label.src) {
            Some(unwanted) => {
                why = unwanted;
                false
            }
            None => true,
        });
        if labels.labels.is_empty() {
            return self.skip(now, Some(seq), why);
        }
        if !self.admit(now, seq) {
            return;
        }
        let id = self.next_id();
        self.window.open(seq, id);
        self.hold_labels(now, id, (Some(seq), seq), labels, frame);
    }

    /// Takes labels into memory and begins the work on them.
    pub(super) fn hold_labels(
        &mut self,
        now: Instant,
        id: EntryId,
        seq: (Option<i64>, i64),
        labels: Labels,
        frame: Bytes,
    ) {
        let decoded = labels.labels.len() * size_of::<Label>();
        self.insert(now, id, seq, None, frame);
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.cost += decoded;
            self.bytes += decoded;
            if self.config.verify {
                entry.labels = Some(Arc::new(labels));
            } else {
                entry.event = Some(Arc::new(Event::Labels(labels)));
            }
        }
        self.start(now, id);
    }

    /// The result of [`Action::VerifyLabels`]: what is said of each label, in their order.
    pub fn handle_labels_verified(
        &mut self,
        now: Instant,
        id: EntryId,
        verdicts: Vec<Result<(), LabelError>>,
    ) {
        let entry = self.entries.get_mut(&id).filter(|entry| entry.stage == Stage::Verifying);
        let Some(entry) = entry else { return };
        let Some(labels) = entry.labels.clone() else { return };
        self.verifying -= 1;
        let unknown = |verdict: &Result<(), LabelError>| matches!(verdict, Err(LabelError::Identity(error)) if error.is_transient());
        if verdicts.len() != labels.labels.len() || verdicts.iter().any(unknown) {
            self.stats.deferred += 1;
            return self.defer(now, id);
        }
        entry.labels = None;
        let judged = judge(Arc::unwrap_or_clone(labels), verdicts);
        let whole_is_refused = judged.labels.is_empty();
        for refused in judged.refused.iter().skip(usize::from(whole_is_refused)) {
            count(&mut self.stats.rejected, refused.why.label());
        }
        if let Some(first) = judged.refused.first().filter(|_| whole_is_refused) {
            let (number, frame) = (entry.number, entry.frame.clone());
            let Refused { label, why } = first;
            let reason = format!("{} on {} by {}: {why}", label.val, label.uri, label.src);
            self.reject(number, None, why.label(), &reason, frame);
            return self.finish(now, id);
        }
        entry.event = Some(Arc::new(Event::Labels(judged)));
        self.make_ready(id);
    }
}

impl Entry {
    /// The verification that it needs.
    pub(super) fn verify_labels(&self, id: EntryId) -> Option<Action> {
        let labels = Arc::clone(self.labels.as_ref()?);
        Some(Action::VerifyLabels { id, labels })
    }
}

/// Sets apart what is not to be taken.
fn judge(told: Labels, verdicts: Vec<Result<(), LabelError>>) -> Labels {
    let mut judged = Labels::new(told.seq, Vec::with_capacity(told.labels.len()));
    for (label, verdict) in told.labels.into_iter().zip(verdicts) {
        match verdict {
            Ok(()) => judged.labels.push(label),
            Err(why) => judged.refused.push(Refused { label, why }),
        }
    }
    judged
}

/// Reads a frame of `com.atproto.label.subscribeLabels`.
pub(super) fn read(frame: &[u8]) -> Frame {
    match SubscribeLabelsMessage::from_frame(frame) {
        Ok(Some(SubscribeLabelsMessage::Labels(message))) if message.seq <= 0 => {
            Frame::Invalid { seq: None, did: None, reason: format!("seq {}", message.seq) }
        }
        Ok(Some(SubscribeLabelsMessage::Labels(message))) => {
            Frame::Labels(Labels::new(message.seq, message.labels))
        }
        Ok(Some(SubscribeLabelsMessage::Info(info))) => match info.name {
            InfoName::OutdatedCursor => Frame::Outdated,
            _ => Frame::Info,
        },
        Ok(Some(SubscribeLabelsMessage::Other { .. })) => Frame::Unknown { seq: seq(frame) },
        Ok(None) => Frame::Unknown { seq: None },
        Err(MessageError::Ended { name, message }) => Frame::End { name, message },
        Err(MessageError::Body(error)) => {
            Frame::Invalid { seq: seq(frame), did: None, reason: error.to_string() }
        }
        Err(_) => Frame::Malformed,
    }
}

/// The position of a message that is not understood, if it has one.
fn seq(frame: &[u8]) -> Option<i64> {
    let Ok(frame::Frame::Message { body, .. }) = frame::decode(frame) else { return None };
    let seq = cbor::decode_map(body).ok()?.get("seq")?.as_i64();
    seq.filter(|seq| *seq > 0)
}

//! A recorded stream, judged frame by frame.

use std::collections::HashMap;

use atproto_core::syntax::Did;
use atproto_repo::{
    event::{Event, EventError},
    sync::{
        RepoState, Verdict, VerifyContext, VerifyOptions, Violation, verify_commit, verify_sync,
    },
};
use bytes::Bytes;

use super::{describe, frames::check_length, identities::Identities};

/// What is known after the frames so far.
pub(crate) struct Replay {
    identities: Identities,
    options: VerifyOptions,
    now_micros: u64,
    states: HashMap<Did, RepoState>,
    last_seq: Option<i64>,
}

/// The verdict on a frame.
pub(crate) struct Judged {
    pub(crate) kind: &'static str,
    pub(crate) seq: Option<i64>,
    pub(crate) did: Option<Did>,
    /// `accept`, `skip`, or a word for what is wrong.
    pub(crate) verdict: &'static str,
    /// Of a violation or discontinuity, which.
    pub(crate) label: Option<&'static str>,
    pub(crate) detail: Option<String>,
}

impl Judged {
    /// Whether nothing is wrong with the frame.
    pub(crate) fn is_fine(&self) -> bool {
        matches!(self.verdict, "accept" | "skip")
    }
}

impl Replay {
    pub(crate) fn new(identities: Identities, now_micros: u64) -> Self {
        let options = VerifyOptions::default();
        Self { identities, options, now_micros, states: HashMap::new(), last_seq: None }
    }

    pub(crate) fn judge(&mut self, frame: anyhow::Result<Bytes>) -> Judged {
        let checked = frame.and_then(|frame| check_length(&frame).map(|()| frame));
        match checked.map(Event::decode) {
            Ok(Ok(event)) => self.judge_event(&event),
            Ok(Err(error)) => self.judge_error(&error),
            Err(error) => Judged::wrong("malformed", error.to_string()),
        }
    }

    fn judge_event(&mut self, event: &Event) -> Judged {
        let judged = |verdict, label, detail| Judged {
            kind: describe::kind(event),
            seq: event.seq(),
            did: event.did().cloned(),
            verdict,
            label,
            detail,
        };
        if let Some(last) = self.last_seq.filter(|last| event.seq().is_some_and(|seq| seq <= *last))
        {
            return judged("seq", None, Some(format!("does not come after {last}")));
        }
        self.last_seq = event.seq().or(self.last_seq);
        let Some(did) = event.did().filter(|_| matches!(event, Event::Commit(_) | Event::Sync(_)))
        else {
            return judged("accept", None, None);
        };
        match self.verify(event, did) {
            None => judged("no_identity", None, Some("no key of the account is known".to_owned())),
            Some(Verdict::Accept(state)) => {
                self.states.insert(did.clone(), state);
                judged("accept", None, None)
            }
            Some(Verdict::Stale) => judged("stale", None, Some("is not newer".to_owned())),
            // As relays have it: what the message proves is the state from now on.
            Some(Verdict::Discontinuous { state, why }) => {
                self.states.insert(did.clone(), state);
                judged("discontinuous", Some(why.label()), None)
            }
            Some(Verdict::Violation(violation)) => {
                judged("violation", Some(violation.label()), Some(violation.to_string()))
            }
        }
    }

    /// The verdict under the key that fits; `None` if no key is known.
    fn verify(&self, event: &Event, did: &Did) -> Option<Verdict> {
        let previous = self.states.get(did);
        let mut last = None;
        for key in self.identities.keys(did) {
            let context = VerifyContext { key, previous, now_micros: self.now_micros };
            let verdict = match event {
                Event::Sync(sync) => verify_sync(sync, &context, &self.options),
                Event::Commit(commit) => verify_commit(commit, &context, &self.options),
                _ => return None,
            };
            if !matches!(verdict, Verdict::Violation(Violation::BadSignature { .. })) {
                return Some(verdict);
            }
            last = Some(verdict);
        }
        last
    }

    fn judge_error(&mut self, error: &EventError) -> Judged {
        let wrong = |verdict| Judged::wrong(verdict, error.to_string());
        match error {
            EventError::Unknown { seq, .. } => {
                self.last_seq = (*seq).max(self.last_seq);
                Judged { seq: *seq, ..wrong("skip") }
            }
            EventError::Invalid { kind, seq, did, .. } => {
                self.last_seq = (*seq).max(self.last_seq);
                Judged { kind, seq: *seq, did: did.clone(), ..wrong("malformed") }
            }
            EventError::Upstream { .. } => wrong("upstream_error"),
            _ => wrong("malformed"),
        }
    }
}

impl Judged {
    fn wrong(verdict: &'static str, detail: String) -> Self {
        let (kind, seq, did, label) = ("?", None, None, None);
        Self { kind, seq, did, verdict, label, detail: Some(detail) }
    }
}

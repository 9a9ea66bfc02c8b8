//! #identity: a hint that an identity has changed, without proof.

use atproto_repo::event::{Event, IdentityEvent};

use super::{Case, Decision, Ingest, Judgement, Outcome, Refusal};
use crate::change::{Effect, identity_digest};
use crate::clock;

/// For how long the same news is no news. Ours: hosts repeat themselves within seconds, and
/// who asks for the same thing to be looked at again after minutes has a reason.
const REPEAT_SECONDS: i64 = 60;

impl Ingest {
    /// Passed on with a handle only if that is the one of the document, which was asked for
    /// anew to check the sender.
    pub(super) async fn identity(&self, case: &Case<'_>, event: IdentityEvent) -> Judgement {
        let document = self.resolver.did(case.did).await.map_err(Refusal::Unresolved)?;
        let named = document.handle();
        let handle = event.handle.clone().filter(|claimed| named.as_ref() == Some(claimed));
        let text = document.to_json().to_string();
        let digest = identity_digest(&text, handle.as_ref().map_or("", |name| name.as_str()));
        let repeated = case.here().and_then(|account| account.identity).is_some_and(|last| {
            last.digest == digest && clock::now_seconds() - last.at < REPEAT_SECONDS
        });
        if repeated {
            return Err(Outcome::Redundant);
        }
        let event = Event::Identity(IdentityEvent { handle, ..event });
        Ok(Decision::Forward(Box::new(event), Effect::Identity { digest: Some(digest) }))
    }
}

//! #account: whether a host hosts an account, from hop to hop.

use atproto_core::syntax::Datetime;
use atproto_repo::event::{AccountEvent, Event};

use super::{Case, Decision};
use crate::change::{Effect, Standing};
use crate::store::Account;

/// What the account's own host says is passed on. While the operator has taken the account
/// down, it is noted for later.
pub(super) fn account(case: &Case<'_>, event: AccountEvent) -> Decision {
    let standing = Standing { active: event.active, status: event.status.clone() };
    let effect = Effect::Standing(standing);
    if case.known.as_ref().is_some_and(|account| account.taken_down) {
        return Decision::Note(effect);
    }
    Decision::Forward(Box::new(Event::Account(event)), effect)
}

/// The relay's own word on an account. Its number is given when it is appended.
pub(super) fn announcement(account: &Account) -> Event {
    let Standing { active, status } = account.public_standing();
    Event::Account(AccountEvent {
        seq: 0,
        did: account.did.clone(),
        time: Datetime::now().to_string(),
        active,
        status,
    })
}

use atproto_core::syntax::Nsid;

use super::{
    AccountAction, AccountAttribute, AnyAudience, Audience, IdentityAttribute, Permission,
    RepoAction, Scope, Scopes, Selection, Transition,
};
use crate::media_type;

/// What an app was given, permission sets written out: the questions that a server asks
/// before it does something for the app.
///
/// A token keeps its grant for as long as it lives; a set that changes meanwhile is seen at
/// the next refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant(Scopes);

impl Grant {
    pub(super) fn new(scopes: Scopes) -> Self {
        Self(scopes)
    }

    /// As scopes, without permission sets: what a token stores.
    pub fn scopes(&self) -> &Scopes {
        &self.0
    }

    /// Whether the app may write to a collection.
    pub fn allows_repo(&self, write: RepoAction, to: &Nsid) -> bool {
        self.has(Transition::Generic)
            || self.any(|permission| match permission {
                Permission::Repo { collection, action } => {
                    action.contains(&write) && collection.covers(to)
                }
                _ => false,
            })
    }

    /// Whether the app may call a method of another service.
    pub fn allows_rpc(&self, method: &Nsid, audience: &Audience) -> bool {
        self.allows_token(Some(method), Some(audience))
    }

    /// Whether the app may have a service token: for one method or for any, for a service or for
    /// all services of a DID.
    pub fn allows_token(&self, method: Option<&Nsid>, audience: Option<&Audience>) -> bool {
        let is_private = method.is_none_or(|name| name.as_str().starts_with(PRIVATE_MESSAGES));
        let admits_private = !is_private || self.has(Transition::ChatBsky);
        self.has(Transition::Generic) && admits_private
            || self.any(|permission| match permission {
                Permission::Rpc { lxm, aud } => {
                    method.map_or(*lxm == Selection::All, |name| lxm.covers(name))
                        && audience.map_or(*aud == AnyAudience::All, |only| aud.covers(only))
                }
                _ => false,
            })
    }

    /// Whether the app may upload a file of that media type.
    pub fn allows_blob(&self, uploaded: &str) -> bool {
        self.has(Transition::Generic)
            || self.any(|permission| match permission {
                Permission::Blob(accept) => {
                    accept.iter().any(|pattern| media_type::admits(pattern, uploaded))
                }
                _ => false,
            })
    }

    /// Whether the app may see or manage a part of the account's hosting.
    pub fn allows_account(&self, part: AccountAttribute, degree: AccountAction) -> bool {
        let sees_email = part == AccountAttribute::Email && degree == AccountAction::Read;
        sees_email && self.has(Transition::Email)
            || self.any(|permission| match permission {
                Permission::Account { attribute, action } => {
                    *attribute == part && *action >= degree
                }
                _ => false,
            })
    }

    /// Whether the app may change a part of the identity.
    pub fn allows_identity(&self, part: IdentityAttribute) -> bool {
        self.any(|permission| match permission {
            Permission::Identity(attribute) => {
                *attribute == part || *attribute == IdentityAttribute::All
            }
            _ => false,
        })
    }

    fn has(&self, transition: Transition) -> bool {
        self.0.contains(&Scope::Transition(transition))
    }

    fn any(&self, covers: impl Fn(&Permission) -> bool) -> bool {
        self.0.iter().any(|scope| match scope {
            Scope::Permission(permission) => covers(permission),
            _ => false,
        })
    }
}

/// The methods that `transition:generic` excludes, and `transition:chat.bsky` adds to it.
const PRIVATE_MESSAGES: &str = "chat.bsky.";

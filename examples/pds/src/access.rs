//! What a caller may do.

use atproto_core::syntax::{Did, Nsid};
use atproto_xrpc::{
    XrpcError,
    auth::session::Scope,
    oauth::{AccountAction, AccountAttribute, Audience, Grant, Permission, RepoAction},
};

/// An account that has proven itself, or whoever acts for it.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who it is.
    pub did: Did,
    /// What it may do.
    pub access: Access,
}

/// What a token allows.
#[derive(Debug, Clone)]
pub enum Access {
    /// A session by password.
    Session(Scope),
    /// An app, by OAuth.
    App(Grant),
}

impl Caller {
    /// Whether it may use private messages, and act as the account's owner elsewhere. Apps are
    /// asked for each method by [`Caller::may_call`].
    pub fn is_privileged(&self) -> bool {
        match self.access {
            Access::Session(scope) => {
                matches!(scope, Scope::Access | Scope::AppPasswordPrivileged)
            }
            Access::App(_) => true,
        }
    }

    /// Whether it is the account's owner, by the account's own password.
    pub fn is_owner(&self) -> bool {
        matches!(self.access, Access::Session(Scope::Access))
    }

    /// Whether it can only leave, after a takedown.
    pub fn is_leaving(&self) -> bool {
        matches!(self.access, Access::Session(Scope::Takendown))
    }

    /// Whether it may see the e-mail address: its owner, and apps that were given that.
    pub fn sees_email(&self) -> bool {
        match &self.access {
            Access::Session(scope) => *scope == Scope::Access,
            Access::App(grant) => {
                grant.allows_account(AccountAttribute::Email, AccountAction::Read)
            }
        }
    }

    /// Whether it may do such writes in a collection; else 403 with the scope that is missing.
    pub fn may_write(&self, actions: &[RepoAction], collection: &Nsid) -> Result<(), XrpcError> {
        let Access::App(grant) = &self.access else { return Ok(()) };
        match actions.iter().find(|action| !grant.allows_repo(**action, collection)) {
            Some(action) => {
                let missing = Permission::to_write(*action, collection.clone());
                Err(XrpcError::scope_missing(missing))
            }
            None => Ok(()),
        }
    }

    /// Whether it may upload a file of that media type.
    pub fn may_upload(&self, media_type: &str) -> Result<(), XrpcError> {
        match &self.access {
            Access::App(grant) if !grant.allows_blob(media_type) => {
                Err(XrpcError::scope_missing(format!("blob:{media_type}")))
            }
            _ => Ok(()),
        }
    }

    /// Whether it may call a method (none: any) of the service that `audience` names: a DID,
    /// with or without the id of one of its services.
    pub fn may_call(&self, method: Option<&Nsid>, audience: &str) -> Result<(), XrpcError> {
        let Access::App(grant) = &self.access else { return Ok(()) };
        let service: Option<Audience> = audience.parse().ok();
        if grant.allows_token(method, service.as_ref()) {
            return Ok(());
        }
        let method = method.map_or("*", Nsid::as_str);
        Err(XrpcError::scope_missing(format!("rpc:{method}?aud={}", audience.replace('#', "%23"))))
    }
}

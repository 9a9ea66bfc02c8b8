use std::{fmt, str::FromStr};

use super::{Include, Permission, ScopeError, ScopeSyntax};

/// One of the things that an app asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// `atproto`: knowing which account it is. No app goes without.
    Atproto,
    /// What was there before permissions.
    Transition(Transition),
    /// A permission.
    Permission(Permission),
    /// The permissions of a set.
    Include(Include),
    /// A scope of another kind, or a permission that is not wholly understood. It grants
    /// nothing.
    Unknown(String),
}

/// A scope from before there were permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transition {
    /// `transition:generic`: what an app password could do, private messages excepted.
    Generic,
    /// `transition:email`: seeing the e-mail address.
    Email,
    /// `transition:chat.bsky`: private messages too. Means nothing without `transition:generic`.
    ChatBsky,
}

impl Transition {
    const ALL: [(Self, &'static str); 3] = [
        (Self::Generic, "transition:generic"),
        (Self::Email, "transition:email"),
        (Self::ChatBsky, "transition:chat.bsky"),
    ];
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let syntax: ScopeSyntax = text.parse()?;
        if text == ATPROTO {
            return Ok(Self::Atproto);
        }
        if let Some((transition, _)) = Transition::ALL.iter().find(|(_, known)| *known == text) {
            return Ok(Self::Transition(*transition));
        }
        let known = match syntax.resource.as_str() {
            "include" => Include::from_syntax(&syntax).map(Self::Include),
            _ => Permission::from_syntax(&syntax).map(Self::Permission),
        };
        Ok(known.unwrap_or_else(|_| Self::Unknown(text.to_owned())))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Atproto => f.write_str(ATPROTO),
            Self::Transition(transition) => {
                let name = Transition::ALL.iter().find(|(known, _)| known == transition);
                f.write_str(name.map_or("", |(_, name)| name))
            }
            Self::Permission(permission) => permission.fmt(f),
            Self::Include(include) => include.fmt(f),
            Self::Unknown(text) => f.write_str(text),
        }
    }
}

const ATPROTO: &str = "atproto";

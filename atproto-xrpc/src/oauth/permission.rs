use std::{fmt, str::FromStr};

use atproto_core::syntax::Nsid;

use super::{Audience, ScopeError, ScopeSyntax, fields::Fields};
use crate::media_type;

/// What may be done with one resource of an account.
///
/// Two texts for one permission are written as one: values are sorted, what is implied is
/// left out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Permission {
    /// `account`: the hosting, and what is private about it.
    Account {
        /// Which part of it.
        attribute: AccountAttribute,
        /// To what degree.
        action: AccountAction,
    },
    /// `blob`: uploading files of these media types: exact, `type/*` or `*/*`.
    Blob(Vec<String>),
    /// `identity`: the handle and the DID document.
    Identity(IdentityAttribute),
    /// `repo`: writing records.
    Repo {
        /// The collections.
        collection: Selection,
        /// What may be done there, sorted, at least one.
        action: Vec<RepoAction>,
    },
    /// `rpc`: calling other services in the account's name. One of the two is restricted.
    Rpc {
        /// The methods.
        lxm: Selection,
        /// The service.
        aud: AnyAudience,
    },
}

/// Names that a permission covers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selection {
    /// `*`: each.
    All,
    /// These, sorted, at least one.
    Of(Vec<Nsid>),
}

/// The service that a permission covers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AnyAudience {
    /// `*`: each.
    All,
    /// This one.
    Of(Audience),
}

/// Gives an enumeration the texts that its variants are written as.
macro_rules! words {
    ($(#[$docs:meta])* $name:ident { $($(#[$variant_docs:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$docs])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_docs])* $variant,)*
        }

        impl $name {
            /// As scopes write it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            fn read(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

words! {
    /// What can be done with records.
    RepoAction {
        /// Making new ones.
        Create = "create",
        /// Putting others in their place.
        Update = "update",
        /// Deleting them.
        Delete = "delete",
    }
}

words! {
    /// A part of an account's hosting.
    AccountAttribute {
        /// The e-mail address.
        Email = "email",
        /// The repository as a whole, by import.
        Repo = "repo",
        /// Whether the account is active.
        Status = "status",
    }
}

words! {
    /// To what degree a part of an account's hosting is open.
    AccountAction {
        /// Seeing it.
        Read = "read",
        /// Seeing and changing it.
        Manage = "manage",
    }
}

words! {
    /// A part of an identity.
    IdentityAttribute {
        /// The handle.
        Handle = "handle",
        /// The handle and the whole DID document.
        All = "*",
    }
}

/// Why a scope grants nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PermissionError {
    /// It is no scope.
    #[error("{0}")]
    Scope(#[from] ScopeError),
    /// The resource is not known.
    #[error("the resource `{0}` is not known")]
    Resource(String),
    /// A parameter that the resource does not have.
    #[error("the parameter `{0}` is not known")]
    Parameter(String),
    /// A parameter that has to be there is not.
    #[error("the parameter `{0}` is missing")]
    Missing(&'static str),
    /// A parameter that may be there once is there twice.
    #[error("the parameter `{0}` is given twice")]
    Twice(&'static str),
    /// A value that the parameter does not admit.
    #[error("the parameter `{name}` cannot be `{value}`")]
    Value {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// `rpc` with a wildcard for the method and for the service.
    #[error("neither the method nor the service is restricted")]
    Unrestricted,
}

impl Permission {
    /// What a write needs.
    pub fn to_write(action: RepoAction, collection: Nsid) -> Self {
        Self::Repo { collection: Selection::Of(vec![collection]), action: vec![action] }
    }

    /// What a call to another service needs.
    pub fn to_call(method: Nsid, audience: Audience) -> Self {
        Self::Rpc { lxm: Selection::Of(vec![method]), aud: AnyAudience::Of(audience) }
    }

    /// Reads the parts of a scope.
    pub fn from_syntax(syntax: &ScopeSyntax) -> Result<Self, PermissionError> {
        match syntax.resource.as_str() {
            "account" => Self::account(&Fields::new(syntax, "attr", &["action"])?),
            "blob" => Self::blob(&Fields::new(syntax, "accept", &[])?),
            "identity" => Self::identity(&Fields::new(syntax, "attr", &[])?),
            "repo" => Self::repo(&Fields::new(syntax, "collection", &["action"])?),
            "rpc" => Self::rpc(&Fields::new(syntax, "lxm", &["aud"])?),
            other => Err(PermissionError::Resource(other.to_owned())),
        }
    }

    fn account(fields: &Fields<'_>) -> Result<Self, PermissionError> {
        let attribute = fields.one("attr", AccountAttribute::read)?;
        let action = fields.one("action", AccountAction::read)?;
        Ok(Self::Account {
            attribute: attribute.ok_or(PermissionError::Missing("attr"))?,
            action: action.unwrap_or(AccountAction::Read),
        })
    }

    fn blob(fields: &Fields<'_>) -> Result<Self, PermissionError> {
        let is_pattern = |text: &str| media_type::is_pattern(text).then(|| text.to_lowercase());
        let mut accept = sorted(fields.all("accept", is_pattern)?);
        if accept.is_empty() {
            return Err(PermissionError::Missing("accept"));
        }
        if accept.iter().any(|pattern| pattern == "*/*") {
            accept = vec!["*/*".to_owned()];
        }
        Ok(Self::Blob(accept))
    }

    fn identity(fields: &Fields<'_>) -> Result<Self, PermissionError> {
        let attribute = fields.one("attr", IdentityAttribute::read)?;
        attribute.map(Self::Identity).ok_or(PermissionError::Missing("attr"))
    }

    fn repo(fields: &Fields<'_>) -> Result<Self, PermissionError> {
        let collection = Selection::read(fields, "collection")?;
        let mut action = sorted(fields.all("action", RepoAction::read)?);
        if action.is_empty() {
            action = RepoAction::ALL.to_vec();
        }
        Ok(Self::Repo { collection, action })
    }

    fn rpc(fields: &Fields<'_>) -> Result<Self, PermissionError> {
        let lxm = Selection::read(fields, "lxm")?;
        let aud = fields.one("aud", |text| match text {
            "*" => Some(AnyAudience::All),
            text => text.parse().ok().map(AnyAudience::Of),
        })?;
        let aud = aud.ok_or(PermissionError::Missing("aud"))?;
        if lxm == Selection::All && aud == AnyAudience::All {
            return Err(PermissionError::Unrestricted);
        }
        Ok(Self::Rpc { lxm, aud })
    }

    pub(super) fn to_syntax(&self) -> ScopeSyntax {
        let text = |text: &str| [text.to_owned()];
        match self {
            Self::Account { attribute, action } => {
                let action = Some(action).filter(|action| **action != AccountAction::Read);
                ScopeSyntax::new("account")
                    .first("attr", text(attribute.as_str()))
                    .more("action", action.map(|action| action.as_str().to_owned()))
            }
            Self::Blob(accept) => ScopeSyntax::new("blob").first("accept", accept.iter().cloned()),
            Self::Identity(attribute) => {
                ScopeSyntax::new("identity").first("attr", text(attribute.as_str()))
            }
            Self::Repo { collection, action } => {
                let some = if *action == RepoAction::ALL { &[] } else { &action[..] };
                ScopeSyntax::new("repo")
                    .first("collection", collection.texts())
                    .more("action", some.iter().map(|action| action.as_str().to_owned()))
            }
            Self::Rpc { lxm, aud } => {
                ScopeSyntax::new("rpc").first("lxm", lxm.texts()).more("aud", [aud.to_string()])
            }
        }
    }
}

impl RepoAction {
    const ALL: [Self; 3] = [Self::Create, Self::Update, Self::Delete];
}

impl Selection {
    pub(super) fn covers(&self, name: &Nsid) -> bool {
        match self {
            Self::All => true,
            Self::Of(names) => names.contains(name),
        }
    }

    fn read(fields: &Fields<'_>, name: &'static str) -> Result<Self, PermissionError> {
        let names = fields.all(name, |text| match text {
            "*" => Some(None),
            text => Nsid::new(text).ok().map(Some),
        })?;
        if names.is_empty() {
            return Err(PermissionError::Missing(name));
        }
        let names: Option<Vec<_>> = names.into_iter().collect();
        Ok(names.map_or(Self::All, |names| Self::Of(sorted(names))))
    }

    fn texts(&self) -> Vec<String> {
        match self {
            Self::All => vec!["*".to_owned()],
            Self::Of(names) => names.iter().map(Nsid::to_string).collect(),
        }
    }
}

impl AnyAudience {
    pub(super) fn covers(&self, audience: &Audience) -> bool {
        match self {
            Self::All => true,
            Self::Of(only) => only == audience,
        }
    }
}

impl fmt::Display for AnyAudience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Of(audience) => audience.fmt(f),
        }
    }
}

impl FromStr for Permission {
    type Err = PermissionError;

    fn from_str(text: &str) -> Result<Self, PermissionError> {
        Self::from_syntax(&text.parse()?)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_syntax().fmt(f)
    }
}

fn sorted<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort_unstable();
    values.dedup();
    values
}

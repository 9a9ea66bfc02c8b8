use std::fmt;

use atproto_core::{lexicon, syntax::Nsid};

use super::{AnyAudience, Audience, Permission, PermissionError, ScopeSyntax, fields::Fields};

/// A request for the permissions of a set, which is a lexicon of type `permission-set`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Include {
    /// The name of the set.
    pub set: Nsid,
    /// The service that those permissions are for which do not name one.
    pub aud: Option<Audience>,
}

/// A permission set that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the permission set `{0}` cannot be resolved")]
pub struct UnresolvedSet(
    /// Its name.
    pub Nsid,
);

impl Include {
    pub(super) fn from_syntax(syntax: &ScopeSyntax) -> Result<Self, PermissionError> {
        let fields = Fields::new(syntax, "nsid", &["aud"])?;
        let set = fields.one("nsid", |text| Nsid::new(text).ok())?;
        let aud = fields.one("aud", |text| text.parse().ok())?;
        Ok(Self { set: set.ok_or(PermissionError::Missing("nsid"))?, aud })
    }

    /// The permissions that the set gives. Those that it may not give are left out: a set
    /// covers names of its own group and of groups below it, never those beside or above.
    pub fn permissions(&self, set: &lexicon::PermissionSet) -> Vec<Permission> {
        set.permissions.iter().filter_map(|permission| self.permission(permission)).collect()
    }

    fn permission(&self, permission: &lexicon::Permission) -> Option<Permission> {
        let (syntax, names) = match permission {
            lexicon::Permission::Repo { collection, action } => {
                let names = collection.iter().map(Nsid::to_string);
                let syntax = ScopeSyntax::new("repo").more("collection", names);
                (syntax.more("action", action.iter().cloned()), collection)
            }
            lexicon::Permission::Rpc { lxm, aud, inherit_aud } => {
                let aud = match (aud.as_deref(), inherit_aud) {
                    (Some("*"), false) => AnyAudience::All,
                    (None, true) => AnyAudience::Of(self.aud.clone()?),
                    _ => return None,
                };
                let syntax = ScopeSyntax::new("rpc").more("lxm", lxm.iter().map(Nsid::to_string));
                (syntax.more("aud", [aud.to_string()]), lxm)
            }
            _ => return None,
        };
        let is_covered = names.iter().all(|name| self.is_authority_of(name));
        Permission::from_syntax(&syntax).ok().filter(|_| is_covered)
    }

    fn is_authority_of(&self, name: &Nsid) -> bool {
        let group = self.set.as_str().rsplit_once('.').map(|(group, _)| group);
        let rest = group.and_then(|group| name.as_str().strip_prefix(group));
        rest.is_some_and(|rest| rest.starts_with('.'))
    }
}

impl fmt::Display for Include {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ScopeSyntax::new("include")
            .first("nsid", [self.set.to_string()])
            .more("aud", self.aud.iter().map(Audience::to_string))
            .fmt(f)
    }
}

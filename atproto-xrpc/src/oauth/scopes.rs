use std::{fmt, str::FromStr};

use atproto_core::{lexicon::PermissionSet, syntax::Nsid};

use super::{Grant, MAX_SCOPE_BYTES, MAX_SCOPES, Scope, ScopeError, UnresolvedSet};

/// What an app asks for, or was given: scopes, none twice, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// The scopes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Scope> {
        self.0.iter()
    }

    /// Whether the scope is among them, as it stands: not whether it is implied by others.
    pub fn contains(&self, scope: &Scope) -> bool {
        self.0.contains(scope)
    }

    /// Whether all are among others: what an app may ask for is what it has declared.
    pub fn is_subset_of(&self, declared: &Scopes) -> bool {
        self.0.iter().all(|scope| declared.contains(scope))
    }

    /// The names of the permission sets that have to be resolved.
    pub fn sets(&self) -> impl Iterator<Item = &Nsid> {
        self.0.iter().filter_map(|scope| match scope {
            Scope::Include(include) => Some(&include.set),
            _ => None,
        })
    }

    /// What is allowed. Fails if a permission set is not there: nobody has agreed to less
    /// than what was asked for.
    pub fn grant<'a>(
        &self,
        mut set: impl FnMut(&Nsid) -> Option<&'a PermissionSet>,
    ) -> Result<Grant, UnresolvedSet> {
        let mut granted = Self::default();
        for scope in &self.0 {
            match scope {
                Scope::Include(include) => {
                    let set =
                        set(&include.set).ok_or_else(|| UnresolvedSet(include.set.clone()))?;
                    let permissions = include.permissions(set).into_iter();
                    permissions.for_each(|permission| granted.add(Scope::Permission(permission)));
                }
                Scope::Unknown(_) => {}
                scope => granted.add(scope.clone()),
            }
        }
        Ok(Grant::new(granted))
    }

    fn add(&mut self, scope: Scope) {
        if !self.contains(&scope) {
            self.0.push(scope);
        }
    }
}

impl FromStr for Scopes {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        if text.len() > MAX_SCOPE_BYTES || text.split(' ').count() > MAX_SCOPES {
            return Err(ScopeError::TooMany);
        }
        let mut scopes = Self::default();
        for scope in text.split(' ') {
            scopes.add(scope.parse()?);
        }
        Ok(scopes)
    }
}

/// With spaces between them.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{scope}")?;
        }
        Ok(())
    }
}

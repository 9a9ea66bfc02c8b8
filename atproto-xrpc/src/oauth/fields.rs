use super::{PermissionError, ScopeSyntax};

/// The parameters of a scope, of which one may be positional.
pub(super) struct Fields<'a> {
    syntax: &'a ScopeSyntax,
    positional: &'static str,
}

impl<'a> Fields<'a> {
    /// Refuses a scope that has parameters of other names, or has the positional one twice: a
    /// permission that is not wholly understood grants nothing.
    pub(super) fn new(
        syntax: &'a ScopeSyntax,
        positional: &'static str,
        others: &[&str],
    ) -> Result<Self, PermissionError> {
        for (name, _) in &syntax.params {
            if name == positional && syntax.positional.is_some() {
                return Err(PermissionError::Twice(positional));
            }
            if name != positional && !others.contains(&name.as_str()) {
                return Err(PermissionError::Parameter(name.clone()));
            }
        }
        Ok(Self { syntax, positional })
    }

    /// The values of a parameter, each read by a function.
    pub(super) fn all<T>(
        &self,
        name: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, PermissionError> {
        let positional = self.syntax.positional.as_deref().filter(|_| name == self.positional);
        let named = self.syntax.params.iter().filter(|(found, _)| found == name);
        positional
            .into_iter()
            .chain(named.map(|(_, value)| value.as_str()))
            .map(|value| {
                let wrong = || PermissionError::Value { name, value: value.to_owned() };
                read(value).ok_or_else(wrong)
            })
            .collect()
    }

    /// The value of a parameter that may be there once.
    pub(super) fn one<T>(
        &self,
        name: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, PermissionError> {
        let mut values = self.all(name, read)?;
        match values.len() {
            0 | 1 => Ok(values.pop()),
            _ => Err(PermissionError::Twice(name)),
        }
    }
}

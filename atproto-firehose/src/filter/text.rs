use std::{collections::HashSet, sync::Arc};

use atproto_core::syntax::{Did, NsidPattern, SyntaxError};
use serde::{Deserialize, Serialize};

use super::{Collections, Filter};

/// The form of a filter in a store: JSON, `null` for all.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    collections: Option<Vec<String>>,
    accounts: Option<Vec<String>>,
}

/// Why a text is no filter.
#[derive(Debug, thiserror::Error)]
#[error("the stored filter cannot be read: {0}")]
pub struct FilterError(String);

impl FilterError {
    pub(crate) fn new(why: &dyn std::fmt::Display) -> Self {
        Self(why.to_string())
    }
}

impl Filter {
    /// As JSON: `{"collections":["app.bsky.feed.*"],"accounts":null}`, where `null` is
    /// all. Equal filters have equal texts.
    pub fn to_json(&self) -> String {
        let (collections, accounts) = self.lists();
        serde_json::to_string(&Text { collections, accounts }).unwrap_or_default()
    }

    /// Patterns of collections and accounts, each in order and once; `None` is all.
    pub(crate) fn lists(&self) -> (Option<Vec<String>>, Option<Vec<String>>) {
        let mut collections: Option<Vec<String>> = match &self.collections {
            Collections::All => None,
            Collections::Listed(listed) => Some(listed.iter().map(ToString::to_string).collect()),
            Collections::Matching(patterns) => {
                Some(patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect())
            }
        };
        let names = |accounts: &Arc<HashSet<Did>>| accounts.iter().map(Did::to_string).collect();
        let mut accounts: Option<Vec<String>> = self.accounts.as_ref().map(names);
        for list in [&mut collections, &mut accounts].into_iter().flatten() {
            list.sort_unstable();
            list.dedup();
        }
        (collections, accounts)
    }

    /// From [`Self::to_json`].
    ///
    /// # Errors
    /// [`FilterError`]. There is no lenient form: a filter that is read wrongly
    /// loses events.
    pub fn from_json(text: &str) -> Result<Self, FilterError> {
        let text: Text = serde_json::from_str(text).map_err(|error| FilterError::new(&error))?;
        let collections = match text.collections {
            None => Collections::All,
            Some(list) => {
                let patterns = list.iter().map(NsidPattern::new).collect::<Result<_, _>>();
                Collections::Matching(patterns.map_err(|error| FilterError::new(&error))?)
            }
        };
        let accounts = text.accounts.map(|list| list.into_iter().map(Did::new).collect());
        let accounts: Option<HashSet<Did>> =
            accounts.transpose().map_err(|error: SyntaxError| FilterError::new(&error))?;
        Ok(Self { collections, accounts: accounts.map(Arc::new) })
    }
}

use std::{collections::HashMap, sync::Arc};

use atproto_core::{lexicon::PermissionSet, syntax::Nsid};
use futures::future::BoxFuture;

use crate::oauth::{Grant, Scopes, UnresolvedSet};

/// Finds permission sets by their names.
///
/// An implementation that asks the network keeps what it found: the [permission
/// specification](https://atproto.com/specs/permission) lets a set be used without looking for
/// changes for a day, and lets it stand in for one that cannot be had for 90 days.
pub trait PermissionSets: Send + Sync + 'static {
    /// The set of this name, if it is there.
    fn find<'a>(&'a self, set: &'a Nsid) -> BoxFuture<'a, Option<Arc<PermissionSet>>>;
}

/// No sets at all: clients name their permissions one by one.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSets;

impl PermissionSets for NoSets {
    fn find<'a>(&'a self, _set: &'a Nsid) -> BoxFuture<'a, Option<Arc<PermissionSet>>> {
        Box::pin(std::future::ready(None))
    }
}

/// The sets that scopes name, found.
#[derive(Debug, Clone, Default)]
pub(super) struct Resolved(pub(super) HashMap<Nsid, Arc<PermissionSet>>);

impl Resolved {
    /// Finds all of them; one that is not there is an error, since nobody agrees to less than
    /// what was asked for.
    pub(super) async fn of(
        scopes: &Scopes,
        sets: &dyn PermissionSets,
    ) -> Result<Self, UnresolvedSet> {
        let mut found = HashMap::new();
        for name in scopes.sets() {
            let set = sets.find(name).await.ok_or_else(|| UnresolvedSet(name.clone()))?;
            found.insert(name.clone(), set);
        }
        Ok(Self(found))
    }

    pub(super) fn grant(&self, scopes: &Scopes) -> Result<Grant, UnresolvedSet> {
        scopes.grant(|name| self.0.get(name).map(AsRef::as_ref))
    }
}

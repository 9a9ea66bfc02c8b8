use atproto_core::{lexicon::Reference, syntax::Nsid};

use crate::roles::Roles;

/// A place in a document, and which way its values travel.
#[derive(Debug, Clone)]
pub(super) struct Place {
    document: Nsid,
    path: String,
    roles: Roles,
}

impl Place {
    pub(super) fn document(document: Nsid) -> Self {
        Self { document, path: String::new(), roles: Roles::default() }
    }

    pub(super) fn definition(reference: &Reference) -> Self {
        Self::document(reference.nsid.clone()).at("defs").at(&reference.name)
    }

    pub(super) fn at(&self, segment: &str) -> Self {
        let slash = if self.path.is_empty() { "" } else { "/" };
        Self { path: format!("{}{slash}{segment}", self.path), ..self.clone() }
    }

    pub(super) fn with_roles(self, roles: Roles) -> Self {
        Self { roles, ..self }
    }

    pub(super) fn nsid(&self) -> &Nsid {
        &self.document
    }

    pub(super) fn path(&self) -> String {
        self.path.clone()
    }

    pub(super) fn roles(&self) -> Roles {
        self.roles
    }
}

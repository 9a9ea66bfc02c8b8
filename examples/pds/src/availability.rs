//! Who may see an account's data: the one gate in front of every route that shows any.

use atproto_core::syntax::{AtIdentifier, Did};
use atproto_xrpc::XrpcError;

use crate::{
    accounts::{Account, Status},
    app::App,
};

/// On whose behalf data is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Viewer {
    /// Anybody.
    Public,
    /// An account that has logged in: it may see its own data whatever its status, so
    /// that its owner can take it along.
    Account(Did),
    /// The operator, who may see everything.
    Admin,
}

impl Viewer {
    fn sees(&self, account: &Account) -> bool {
        match self {
            Self::Public => account.status == Status::Active,
            Self::Account(did) => {
                account.status == Status::Active
                    || (*did == account.did && account.status != Status::Deleted)
            }
            Self::Admin => true,
        }
    }
}

impl App {
    /// The account with this DID, if this viewer may see its data; else the error that the
    /// specification has for the reason.
    pub async fn readable(&self, did: &Did, viewer: &Viewer) -> Result<Account, XrpcError> {
        let found = self.accounts.by_did(did).await?;
        admit(found, did.as_str(), viewer)
    }

    /// The same for a DID or a handle.
    pub async fn readable_by(
        &self,
        who: &AtIdentifier,
        viewer: &Viewer,
    ) -> Result<Account, XrpcError> {
        let found = self.accounts.find(who).await?;
        admit(found, who.as_str(), viewer)
    }
}

fn admit(found: Option<Account>, who: &str, viewer: &Viewer) -> Result<Account, XrpcError> {
    let not_found =
        || XrpcError::bad_request("RepoNotFound", format!("Could not find repo: {who}"));
    let account = found.ok_or_else(not_found)?;
    if viewer.sees(&account) {
        return Ok(account);
    }
    Err(refusal(account.status, who))
}

/// The error that tells why an account's data is not shown.
fn refusal(status: Status, who: &str) -> XrpcError {
    let (name, state) = match status {
        Status::Takendown => ("RepoTakendown", "been taken down"),
        Status::Suspended => ("RepoSuspended", "been suspended"),
        Status::Deactivated => ("RepoDeactivated", "been deactivated"),
        Status::Active | Status::Deleted => ("RepoNotFound", "been deleted"),
    };
    XrpcError::bad_request(name, format!("Repo has {state}: {who}"))
}

#[cfg(test)]
mod tests {
    use atproto_core::syntax::{Datetime, Did};

    use super::{Viewer, admit};
    use crate::accounts::{Account, Status};

    fn account(status: Status) -> Option<Account> {
        Some(Account {
            did: Did::new("did:web:example.com").unwrap(),
            handle: None,
            email: None,
            password_hash: None,
            status,
            created_at: Datetime::now(),
        })
    }

    #[test]
    fn pd_014_each_state_has_its_error() {
        let owner = Viewer::Account(Did::new("did:web:example.com").unwrap());
        let other = Viewer::Account(Did::new("did:web:other.example").unwrap());
        let name = |status, viewer: &Viewer| {
            admit(account(status), "x", viewer).err().map(|error| error.error)
        };
        for (status, error) in [
            (Status::Takendown, "RepoTakendown"),
            (Status::Suspended, "RepoSuspended"),
            (Status::Deactivated, "RepoDeactivated"),
            (Status::Deleted, "RepoNotFound"),
        ] {
            assert_eq!(name(status, &Viewer::Public).as_deref(), Some(error));
            assert_eq!(name(status, &other).as_deref(), Some(error));
            assert_eq!(name(status, &Viewer::Admin), None);
            assert_eq!(name(status, &owner).is_none(), status != Status::Deleted);
        }
        assert_eq!(name(Status::Active, &Viewer::Public), None);
        assert_eq!(admit(None, "x", &Viewer::Admin).unwrap_err().error, "RepoNotFound");
    }
}

//! Methods that need more than any session.

use atproto_core::syntax::Nsid;

/// Changes of an account itself. They are never passed on, and no service token is made
/// for them: the account's own server alone decides them. In ASCII order.
const PROTECTED: [&str; 16] = [
    "com.atproto.admin.sendEmail",
    "com.atproto.identity.requestPlcOperationSignature",
    "com.atproto.identity.signPlcOperation",
    "com.atproto.identity.updateHandle",
    "com.atproto.server.activateAccount",
    "com.atproto.server.confirmEmail",
    "com.atproto.server.createAppPassword",
    "com.atproto.server.deactivateAccount",
    "com.atproto.server.getAccountInviteCodes",
    "com.atproto.server.getSession",
    "com.atproto.server.listAppPasswords",
    "com.atproto.server.requestAccountDelete",
    "com.atproto.server.requestEmailConfirmation",
    "com.atproto.server.requestEmailUpdate",
    "com.atproto.server.revokeAppPassword",
    "com.atproto.server.updateEmail",
];

/// Whether a method changes an account itself.
pub fn is_protected(nsid: &Nsid) -> bool {
    PROTECTED.binary_search(&nsid.as_str()).is_ok()
}

/// Whether a method needs the account's own password or a privileged app password:
/// private messages, and moving to another server.
pub fn is_privileged(nsid: &Nsid) -> bool {
    nsid.as_str().starts_with("chat.bsky.") || nsid.as_str() == "com.atproto.server.createAccount"
}

#[cfg(test)]
mod tests {
    use super::PROTECTED;

    #[test]
    fn the_list_is_in_order() {
        assert!(PROTECTED.is_sorted());
    }
}

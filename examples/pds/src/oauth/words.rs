//! Permissions in words.

use atproto_core::syntax::Nsid;
use atproto_xrpc::oauth::{
    AccountAction, AccountAttribute, AnyAudience, Grant, IdentityAttribute, Permission, RepoAction,
    Scope, Selection, Transition,
};

/// What a grant allows, one sentence for each permission.
pub(super) fn of_grant(grant: &Grant) -> Vec<String> {
    grant.scopes().iter().filter_map(of_scope).collect()
}

fn of_scope(scope: &Scope) -> Option<String> {
    let text = match scope {
        Scope::Atproto => "Know which account this is".to_owned(),
        Scope::Transition(Transition::Generic) => {
            "Do nearly everything: read and write all records, upload files, use all services in \
             your name, see and change preferences. Not: private messages, account settings"
                .to_owned()
        }
        Scope::Transition(Transition::Email) => "See your e-mail address".to_owned(),
        Scope::Transition(Transition::ChatBsky) => {
            "Read and send private messages in your name".to_owned()
        }
        Scope::Permission(permission) => of_permission(permission)?,
        // Sets are written out in a grant, and what is unknown grants nothing.
        _ => return None,
    };
    Some(text)
}

fn of_permission(permission: &Permission) -> Option<String> {
    let text = match permission {
        Permission::Repo { collection, action } => {
            let verbs = listed(action.iter().map(|action| match action {
                RepoAction::Create => "create",
                RepoAction::Update => "change",
                RepoAction::Delete => "delete",
                _ => "write",
            }));
            let places = names(collection, "every collection of your repository");
            format!("{} records in {places}", capital(&verbs))
        }
        Permission::Rpc { lxm, aud } => {
            let methods = names(lxm, "every method");
            let service = match aud {
                AnyAudience::All => "any service".to_owned(),
                AnyAudience::Of(audience) => audience.to_string(),
            };
            format!("Call {methods} of {service} in your name")
        }
        Permission::Blob(accept) => match accept.iter().any(|pattern| pattern == "*/*") {
            true => "Upload files of any kind".to_owned(),
            false => format!("Upload files of these kinds: {}", listed(accept.iter())),
        },
        Permission::Account { attribute, action } => {
            let part = match attribute {
                AccountAttribute::Email => "your e-mail address",
                AccountAttribute::Repo => "your whole repository",
                AccountAttribute::Status => "whether your account is active",
                _ => attribute.as_str(),
            };
            match action {
                AccountAction::Read => format!("See {part}"),
                _ => format!("See and change {part}"),
            }
        }
        Permission::Identity(IdentityAttribute::Handle) => "Change your handle".to_owned(),
        Permission::Identity(_) => {
            "Change your identity: handle, keys, and the server your account is on".to_owned()
        }
        _ => return None,
    };
    Some(text)
}

fn names(selection: &Selection, all: &str) -> String {
    match selection {
        Selection::All => all.to_owned(),
        Selection::Of(names) => listed(names.iter().map(Nsid::as_str)),
    }
}

fn listed<T: AsRef<str>>(items: impl Iterator<Item = T>) -> String {
    let items: Vec<_> = items.map(|item| item.as_ref().to_owned()).collect();
    match items.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => items.concat(),
    }
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

#[cfg(test)]
mod tests {
    use atproto_xrpc::oauth::Scopes;

    use super::of_grant;

    fn words(scope: &str) -> Vec<String> {
        let scopes: Scopes = scope.parse().unwrap();
        of_grant(&scopes.grant(|_| None).unwrap())
    }

    #[test]
    fn permissions_are_said_in_words() {
        for (scope, text) in [
            ("atproto", "Know which account this is"),
            ("repo:com.example.a", "Create, change and delete records in com.example.a"),
            ("repo:*?action=create", "Create records in every collection of your repository"),
            (
                "rpc:com.example.do?aud=did:web:a.example%23api",
                "Call com.example.do of did:web:a.example#api in your name",
            ),
            ("rpc:com.example.do?aud=*", "Call com.example.do of any service in your name"),
            ("blob:image/*", "Upload files of these kinds: image/*"),
            ("blob:*/*", "Upload files of any kind"),
            ("account:email", "See your e-mail address"),
            ("account:repo?action=manage", "See and change your whole repository"),
            ("identity:handle", "Change your handle"),
        ] {
            assert_eq!(words(scope), [text], "{scope}");
        }
        assert!(words("something:else").is_empty());
    }
}

//! Scopes, and what they allow.

use atproto_core::{
    lexicon::{Definition, Document, PermissionSet},
    syntax::Nsid,
};
use atproto_xrpc::oauth::{
    AccountAction, AccountAttribute, Audience, Grant, IdentityAttribute, MAX_SCOPES, Permission,
    PermissionError, RepoAction, Scope, ScopeError, ScopeSyntax, Scopes,
};

fn nsid(text: &str) -> Nsid {
    Nsid::new(text).unwrap()
}

fn audience(text: &str) -> Audience {
    text.parse().unwrap()
}

fn grant(scopes: &str) -> Grant {
    scopes.parse::<Scopes>().unwrap().grant(|_| None).unwrap()
}

/// The error of a text that is no permission.
fn refused(text: &str) -> PermissionError {
    text.parse::<Permission>().expect_err(text)
}

#[test]
fn pm_001_resource_positional_and_parameters() {
    let scope: ScopeSyntax = "resource:a:b#c?key=x%26y&key=&other=1".parse().unwrap();
    assert_eq!(scope.resource, "resource");
    assert_eq!(scope.positional.as_deref(), Some("a:b#c"));
    let params = [("key", "x&y"), ("key", ""), ("other", "1")];
    assert_eq!(scope.params, params.map(|(name, value)| (name.into(), value.into())));

    for valid in [
        "resource",
        "resource:positional?key=val",
        "resource:positional&thing?key=val",
        "service:did:web:com.example#type?key=val",
        "resource:",
        "resource:?",
        "resource:&",
        "resource?",
    ] {
        let scope: ScopeSyntax = valid.parse().expect(valid);
        assert_eq!(scope.to_string().parse::<ScopeSyntax>().unwrap(), scope, "{valid}");
        assert_eq!(valid.parse::<Scope>().unwrap(), Scope::Unknown(valid.to_owned()));
    }
    for (invalid, place) in [("resource:p?key=qu\u{e9}bec", 17), ("emoji:\u{263a}", 6), ("a\"", 1)]
    {
        assert_eq!(invalid.parse::<ScopeSyntax>(), Err(ScopeError::Character(place)));
    }
    for broken in ["a:%", "a:%4", "a?b=%zz", "a?b=%ff"] {
        assert_eq!(broken.parse::<ScopeSyntax>(), Err(ScopeError::Encoding), "{broken}");
    }
    assert_ne!("REPO:*".parse::<Scope>().unwrap(), "repo:*".parse().unwrap());
}

#[test]
fn pm_001_the_examples_of_the_specification() {
    for (example, canonical) in [
        ("identity:*", "identity:*"),
        ("identity:*?", "identity:*"),
        (
            "rpc?lxm=*&aud=did:web:api.example.com%23svc_appview",
            "rpc:*?aud=did:web:api.example.com%23svc_appview",
        ),
        ("blob?accept=video/*&accept=text/html", "blob?accept=text/html&accept=video/*"),
        (
            "repo:app.example.profile?action=create&action=update&action=delete",
            "repo:app.example.profile",
        ),
        ("repo:*?action=delete", "repo:*?action=delete"),
        ("account?action=manage&attr=repo", "account:repo?action=manage"),
        ("account:email", "account:email"),
        (
            "include:app.example.authFull?aud=did:web:api.example.com%23svc_chat",
            "include:app.example.authFull?aud=did:web:api.example.com%23svc_chat",
        ),
    ] {
        let scope: Scope = example.parse().unwrap();
        assert!(!matches!(scope, Scope::Unknown(_)), "{example}");
        assert_eq!(scope.to_string(), canonical);
        assert_eq!(canonical.parse::<Scope>().unwrap(), scope);
    }
}

#[test]
fn pm_002_what_is_positional_has_no_name_too() {
    let twice = refused("repo:com.example.record?collection=com.example.other");
    assert_eq!(twice, PermissionError::Twice("collection"));
    assert_eq!(refused("account?attr=email&attr=repo"), PermissionError::Twice("attr"));
}

#[test]
fn pm_003_repo_names_collections_and_actions() {
    let posts = nsid("com.example.post");
    let some = grant("repo?collection=com.example.post&collection=com.example.like&action=create");
    assert!(some.allows_repo(RepoAction::Create, &posts));
    assert!(some.allows_repo(RepoAction::Create, &nsid("com.example.like")));
    assert!(!some.allows_repo(RepoAction::Update, &posts));
    assert!(!some.allows_repo(RepoAction::Create, &nsid("com.example.likes")));
    let all = grant("repo:*?action=delete");
    assert!(all.allows_repo(RepoAction::Delete, &posts));
    assert!(!all.allows_repo(RepoAction::Create, &posts));

    for partial in ["repo:com.example.*", "repo:com.example", "repo:post", "repo:"] {
        assert!(matches!(refused(partial), PermissionError::Value { name: "collection", .. }));
    }
    assert_eq!(refused("repo"), PermissionError::Missing("collection"));
    let read = refused("repo:com.example.post?action=read");
    assert!(matches!(read, PermissionError::Value { name: "action", .. }));
}

#[test]
fn pm_004_rpc_restricts_the_method_or_the_service() {
    let (feed, other) = (nsid("com.example.getFeed"), nsid("com.example.getOther"));
    let (here, there) = (audience("did:web:a.example#feed"), audience("did:web:b.example#feed"));
    let method = grant("rpc:com.example.getFeed?aud=*");
    assert!(method.allows_rpc(&feed, &there));
    assert!(!method.allows_rpc(&other, &there));
    let service = grant("rpc:*?aud=did:web:a.example%23feed");
    assert!(service.allows_rpc(&other, &here));
    assert!(!service.allows_rpc(&other, &there));
    assert!(!service.allows_rpc(&other, &audience("did:web:a.example#labeler")));

    assert_eq!(refused("rpc:*?aud=*"), PermissionError::Unrestricted);
    assert_eq!(refused("rpc?lxm=com.example.getFeed&lxm=*&aud=*"), PermissionError::Unrestricted);
    assert_eq!(refused("rpc:com.example.getFeed"), PermissionError::Missing("aud"));
    for audience in
        ["did:web:a.example", "did:web:a.example%23", "a.example%23feed", "did:key:z6Mk%23a"]
    {
        let scope = format!("rpc:com.example.getFeed?aud={audience}");
        assert!(matches!(refused(&scope), PermissionError::Value { name: "aud", .. }), "{scope}");
    }
}

#[test]
fn pm_005_blob_accepts_media_types() {
    let some = grant("blob?accept=video/*&accept=text/html");
    assert!(some.allows_blob("video/mp4"));
    assert!(some.allows_blob("text/html; charset=utf-8"));
    assert!(!some.allows_blob("text/plain"));
    assert!(grant("blob:*/*").allows_blob("image/svg+xml"));
    assert!(grant("blob:image/svg+xml").allows_blob("image/svg+xml"));
    assert!(!grant("blob:*/*").allows_blob("nonsense"));
    for bad in
        ["blob:image", "blob:*", "blob:*/png", "blob:image/p*", "blob:a/b/c", "blob:image/,x"]
    {
        assert!(matches!(refused(bad), PermissionError::Value { name: "accept", .. }), "{bad}");
    }
    assert_eq!(refused("blob"), PermissionError::Missing("accept"));
}

#[test]
fn pm_006_account_reads_unless_it_manages() {
    let (email, repo) = (AccountAttribute::Email, AccountAttribute::Repo);
    let reads = grant("account:email");
    assert!(reads.allows_account(email, AccountAction::Read));
    assert!(!reads.allows_account(email, AccountAction::Manage));
    let manages = grant("account:email?action=manage");
    assert!(manages.allows_account(email, AccountAction::Read));
    assert!(manages.allows_account(email, AccountAction::Manage));
    assert!(!manages.allows_account(repo, AccountAction::Read));
    assert!(matches!(refused("account:*"), PermissionError::Value { name: "attr", .. }));
}

#[test]
fn pm_007_identity_is_the_handle_or_all() {
    assert!(grant("identity:*").allows_identity(IdentityAttribute::Handle));
    assert!(grant("identity:*").allows_identity(IdentityAttribute::All));
    assert!(grant("identity:handle").allows_identity(IdentityAttribute::Handle));
    assert!(!grant("identity:handle").allows_identity(IdentityAttribute::All));
    assert!(matches!(refused("identity:did"), PermissionError::Value { name: "attr", .. }));
}

/// The set `com.example.feed.authBasic` with these permissions.
fn set(permissions: &str) -> PermissionSet {
    let document = format!(
        r#"{{ "lexicon": 1, "id": "com.example.feed.authBasic", "defs": {{ "main": {{
            "type": "permission-set", "permissions": [{permissions}] }} }} }}"#
    );
    let document = Document::from_json(document.as_bytes()).unwrap();
    match document.main() {
        Some(Definition::PermissionSet(set)) => set.clone(),
        other => panic!("{other:?}"),
    }
}

/// What the set with a permission of these fields grants, written as scopes.
fn granted(include: &str, fields: &str) -> String {
    let set = set(&format!(r#"{{ "type": "permission", {fields} }}"#));
    let scopes: Scopes = include.parse().unwrap();
    scopes.grant(|_| Some(&set)).unwrap().scopes().to_string()
}

const PLAIN: &str = "include:com.example.feed.authBasic";
const WITH_AUD: &str = "include:com.example.feed.authBasic?aud=did:web:a.example%23feed";

#[test]
fn pm_008_and_010_sets_give_repo_and_rpc_and_what_is_understood() {
    let repo = r#""resource": "repo", "collection": ["com.example.feed.post"]"#;
    assert_eq!(granted(PLAIN, repo), "repo:com.example.feed.post");
    for ignored in [
        r#""resource": "blob", "accept": ["*/*"]"#,
        r#""resource": "account", "attr": "email""#,
        r#""resource": "identity", "attr": "handle""#,
        r#""resource": "mystery""#,
        r#""resource": "repo", "collection": ["com.example.feed.post"], "limit": 1"#,
        r#""resource": "repo", "collection": ["com.example.feed.post"], "action": ["read"]"#,
        r#""resource": "repo", "collection": ["*"]"#,
        r#""resource": "rpc", "lxm": ["*"], "aud": "did:web:a.example#feed""#,
    ] {
        assert_eq!(granted(WITH_AUD, ignored), "", "{ignored}");
    }
}

#[test]
fn pm_009_sets_cover_their_group_and_what_is_below() {
    let repo = |name: &str| {
        granted(
            PLAIN,
            &format!(r#""resource": "repo", "collection": ["com.example.feed.a", "{name}"]"#),
        )
    };
    assert!(!repo("com.example.feed.deep.er").is_empty());
    for foreign in
        ["com.example.actor.a", "com.example.feeds.a", "com.example.feed", "com.other.feed.a"]
    {
        assert_eq!(repo(foreign), "", "{foreign}");
    }
}

#[test]
fn pm_011_an_audience_is_inherited_or_any() {
    let inherits = r#""resource": "rpc", "lxm": ["com.example.feed.get"], "inheritAud": true"#;
    assert_eq!(
        granted(WITH_AUD, inherits),
        "rpc:com.example.feed.get?aud=did:web:a.example%23feed"
    );
    assert_eq!(granted(PLAIN, inherits), "");
    let any = r#""resource": "rpc", "lxm": ["com.example.feed.get"], "aud": "*""#;
    assert_eq!(granted(PLAIN, any), "rpc:com.example.feed.get?aud=*");
    for wrong in [
        r#""resource": "rpc", "lxm": ["com.example.feed.get"], "aud": "*", "inheritAud": true"#,
        r#""resource": "rpc", "lxm": ["com.example.feed.get"], "aud": "did:web:a.example#feed""#,
        r#""resource": "rpc", "lxm": ["com.example.feed.get"]"#,
    ] {
        assert_eq!(granted(WITH_AUD, wrong), "", "{wrong}");
    }
}

#[test]
fn pm_013_a_set_that_is_not_there_is_an_error() {
    let scopes: Scopes = format!("atproto {PLAIN}").parse().unwrap();
    assert_eq!(scopes.sets().map(Nsid::as_str).collect::<Vec<_>>(), ["com.example.feed.authBasic"]);
    let missing = scopes.grant(|_| None).unwrap_err();
    assert_eq!(missing.0.as_str(), "com.example.feed.authBasic");
}

#[test]
fn oa_034_transitional_scopes_leave_out_messages_email_and_the_account() {
    let service = audience("did:web:a.example#feed");
    let (feed, messages) = (nsid("app.bsky.feed.getFeed"), nsid("chat.bsky.convo.getLog"));
    let generic = grant("atproto transition:generic");
    assert!(generic.allows_repo(RepoAction::Delete, &nsid("com.example.post")));
    assert!(generic.allows_blob("image/png"));
    assert!(generic.allows_rpc(&feed, &service));
    assert!(!generic.allows_rpc(&messages, &service));
    assert!(!generic.allows_account(AccountAttribute::Email, AccountAction::Read));
    assert!(!generic.allows_account(AccountAttribute::Repo, AccountAction::Manage));
    assert!(!generic.allows_identity(IdentityAttribute::Handle));

    let chat = grant("atproto transition:generic transition:chat.bsky");
    assert!(chat.allows_rpc(&messages, &service));
    assert!(!grant("atproto transition:chat.bsky").allows_rpc(&messages, &service));
    let email = grant("atproto transition:email");
    assert!(email.allows_account(AccountAttribute::Email, AccountAction::Read));
    assert!(!email.allows_account(AccountAttribute::Email, AccountAction::Manage));
}

#[test]
fn oa_007_what_is_asked_for_was_declared() {
    let scopes = |text: &str| text.parse::<Scopes>().unwrap();
    let declared =
        scopes("atproto repo?collection=com.example.b&collection=com.example.a transition:generic");
    // However it is written.
    assert!(
        scopes("repo?collection=com.example.a&collection=com.example.b atproto")
            .is_subset_of(&declared)
    );
    assert!(!scopes("atproto repo:com.example.a").is_subset_of(&declared));
    assert!(scopes("atproto").contains(&Scope::Atproto));
    assert!(!scopes("transition:generic").contains(&Scope::Atproto));
    assert_eq!(scopes("atproto atproto").to_string(), "atproto");
}

#[test]
fn lists_of_scopes_are_bounded() {
    for empty in ["", " ", "atproto ", " atproto", "atproto  repo:*"] {
        assert_eq!(empty.parse::<Scopes>(), Err(ScopeError::Empty), "{empty:?}");
    }
    let many = vec!["a"; MAX_SCOPES + 1].join(" ");
    assert_eq!(many.parse::<Scopes>(), Err(ScopeError::TooMany));
    assert_eq!("a".repeat(40_000).parse::<Scopes>(), Err(ScopeError::TooMany));
}

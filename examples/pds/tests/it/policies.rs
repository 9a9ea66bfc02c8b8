//! Which routes are open, and that all others are not: T78.

use crate::{
    harness::Answer,
    network::{self, Directory},
};

/// Methods of other people's business: an account's token, or the operator's password.
const CLOSED: &[(&str, &str)] = &[
    ("GET", "app.bsky.actor.getPreferences"),
    ("POST", "app.bsky.actor.putPreferences"),
    ("GET", "com.atproto.admin.getAccountInfo"),
    ("GET", "com.atproto.admin.getAccountInfos"),
    ("GET", "com.atproto.admin.getSubjectStatus"),
    ("POST", "com.atproto.admin.deleteAccount"),
    ("POST", "com.atproto.admin.updateAccountPassword"),
    ("POST", "com.atproto.admin.updateSubjectStatus"),
    ("GET", "com.atproto.identity.getRecommendedDidCredentials"),
    ("POST", "com.atproto.identity.updateHandle"),
    ("POST", "com.atproto.moderation.createReport"),
    ("POST", "com.atproto.repo.applyWrites"),
    ("POST", "com.atproto.repo.createRecord"),
    ("POST", "com.atproto.repo.deleteRecord"),
    ("GET", "com.atproto.repo.listMissingBlobs"),
    ("POST", "com.atproto.repo.putRecord"),
    ("POST", "com.atproto.repo.uploadBlob"),
    ("POST", "com.atproto.server.activateAccount"),
    ("GET", "com.atproto.server.checkAccountStatus"),
    ("POST", "com.atproto.server.createAppPassword"),
    ("POST", "com.atproto.server.createInviteCode"),
    ("POST", "com.atproto.server.createInviteCodes"),
    ("POST", "com.atproto.server.deactivateAccount"),
    ("POST", "com.atproto.server.deleteSession"),
    ("GET", "com.atproto.server.getAccountInviteCodes"),
    ("GET", "com.atproto.server.getServiceAuth"),
    ("GET", "com.atproto.server.getSession"),
    ("GET", "com.atproto.server.listAppPasswords"),
    ("POST", "com.atproto.server.refreshSession"),
    ("POST", "com.atproto.server.revokeAppPassword"),
    // What has no route here.
    ("GET", "app.bsky.feed.getTimeline"),
    ("POST", "com.atproto.server.updateEmail"),
    ("GET", "com.example.anything"),
];

#[tokio::test]
async fn nothing_is_done_for_nobody() {
    let (_directory, url) = Directory::start().await;
    let dir = tempfile::tempdir().unwrap();
    let pds = network::pds(dir.path(), &url, &[]).await;
    let basic = "Basic YWRtaW46d3Jvbmc="; // admin:wrong
    for (verb, method) in CLOSED {
        for credentials in [None, Some("Bearer x.y.z"), Some(basic), Some("DPoP x"), Some("x")] {
            let url = format!("{}/xrpc/{method}", pds.url);
            let mut request = pds.http.request(verb.parse().unwrap(), url);
            if let Some(credentials) = credentials {
                request = request.header("authorization", credentials);
            }
            let response = request.send().await.unwrap();
            let challenge = response.headers().contains_key("www-authenticate");
            let answer = Answer::of(response).await;
            // Guessing the operator's password is slowed down after a while.
            let slowed = answer.status == 429 && credentials == Some(basic);
            assert!(slowed || answer.status == 401, "{method} {credentials:?}: {answer:?}");
            assert!(slowed || challenge, "{method}");
            let name = answer.error().1;
            assert!(credentials.is_some() || name == "AuthMissing", "{method}: {name}");
        }
    }
}

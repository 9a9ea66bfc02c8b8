//! Lexicons that are published here are found by their names, and by nobody's word but the
//! account's.

use std::{fs, path::PathBuf, sync::Arc};

use atproto_core::{
    identity::{HttpResolver, HttpResolverConfig},
    syntax::{Did, Nsid},
};
use atproto_lexgen::{
    install::{Installer, Source},
    manifest::Manifest,
    publish::{Plan, PublishError, Publisher, Step},
    resolve::{Authorities, LexiconError, LexiconResolver},
};
use atproto_xrpc::{Client, PasswordSession};
use tempfile::TempDir;

use crate::{
    harness::Pds,
    network::{self, Directory, text},
};

/// A server with an account whose domain is `example.com`, and a folder of lexicons.
struct World {
    pds: Pds,
    session: PasswordSession,
    resolver: LexiconResolver,
    folder: TempDir,
    _data: TempDir,
}

impl World {
    async fn start() -> Self {
        let (_directory, plc) = Directory::start().await;
        let data = tempfile::tempdir().unwrap();
        let pds = network::pds(data.path(), &plc, &[]).await;
        let alice = pds.sign_up("alice").await;
        let did: Did = text(&alice, "did").parse().unwrap();
        let client = Client::new(&pds.url).unwrap();
        let session = client.login("alice.test", "password of alice").await.unwrap();
        let resolver = resolver(&plc, &did);
        Self { pds, session, resolver, folder: tempfile::tempdir().unwrap(), _data: data }
    }

    fn write(&self, name: &str, main: &str) -> PathBuf {
        let path = self.folder.path().join(format!("{name}.json"));
        let text =
            format!(r#"{{"lexicon": 1, "id": "com.example.{name}", "defs": {{"main": {main}}}}}"#);
        fs::write(&path, text).unwrap();
        path
    }

    fn publisher(&self) -> Publisher {
        Publisher::new(self.session.clone(), self.resolver.clone())
    }

    async fn plan(&self) -> Result<Plan, PublishError> {
        self.publisher().plan(&[self.folder.path().to_owned()]).await
    }
}

fn resolver(plc: &str, did: &Did) -> LexiconResolver {
    let config = HttpResolverConfig::default()
        .plc_url(plc)
        .allow_loopback(true)
        .txt(Arc::new(Authorities::default().with("example.com", did.clone())));
    LexiconResolver::new(HttpResolver::new(config).unwrap())
}

fn nsid(text: &str) -> Nsid {
    text.parse().unwrap()
}

const NOTE: &str = r#"{"type": "record", "key": "tid", "record": {"type": "object", "properties": {
    "text": {"type": "string", "maxLength": 30},
    "mood": {"type": "ref", "ref": "com.example.mood"}}}}"#;
const MOOD: &str = r#"{"type": "string", "knownValues": ["calm"]}"#;

#[tokio::test]
async fn lx_030_what_is_published_resolves_to_the_same_hash() {
    let world = World::start().await;
    world.write("note", NOTE);
    world.write("mood", MOOD);
    let plan = world.plan().await.unwrap();
    assert!(plan.steps.iter().all(|step| step.published.is_none()));
    let written = world.publisher().publish(&plan).await.unwrap();
    assert_eq!(written.len(), 2);
    for step in &plan.steps {
        let found = world.resolver.resolve(&step.nsid).await.unwrap();
        assert_eq!(found.cid, step.cid);
        assert!(written.contains(&found.uri));
        assert_eq!(found.document.id, step.nsid);
    }
    let missing = world.resolver.resolve(&nsid("com.example.other")).await.unwrap_err();
    assert!(matches!(missing, LexiconError::Absent { .. }), "{missing}");

    // Nothing is left to do, and nothing is written.
    let again = world.plan().await.unwrap();
    assert!(again.steps.iter().all(Step::is_unchanged));
    assert!(world.publisher().publish(&again).await.unwrap().is_empty());

    let (lexicons, manifest) =
        (world.folder.path().join("installed"), world.folder.path().join("lexicons.json"));
    let installer = Installer::new(world.resolver.clone(), &lexicons, &manifest);
    let done = installer.install([Source::Name(nsid("com.example.note"))]).await.unwrap();
    assert_eq!(done.added, [nsid("com.example.mood"), nsid("com.example.note")]);
    Manifest::read(&manifest).unwrap().unwrap().verify(&lexicons).unwrap();
    world.pds.stop().await;
}

#[tokio::test]
async fn lx_029_a_breaking_change_is_published_by_force_alone() {
    let world = World::start().await;
    world.write("note", NOTE);
    let plan = world.plan().await.unwrap();
    world.publisher().publish(&plan).await.unwrap();

    world.write(
        "note",
        &NOTE.replace("\"properties\": {", "\"properties\": {\"tag\": {\"type\": \"string\"},"),
    );
    let compatible = world.plan().await.unwrap();
    assert_eq!(compatible.steps[0].published, Some(plan.steps[0].cid));
    assert_eq!(compatible.steps[0].changes.len(), 1);
    world.publisher().publish(&compatible).await.unwrap();

    world.write("note", &NOTE.replace("30", "3"));
    let error = world.plan().await.unwrap_err();
    assert!(matches!(error, PublishError::Breaking(_)), "{error}");
    let publisher = world.publisher().force(true);
    let forced = publisher.plan(&[world.folder.path().to_owned()]).await.unwrap();
    assert_eq!(forced.breaking().count(), 1);
    publisher.publish(&forced).await.unwrap();
    let found = world.resolver.resolve(&nsid("com.example.note")).await.unwrap();
    assert_eq!(found.cid, forced.steps[0].cid);

    // A plan from before that is out of date, and nothing is overwritten by it.
    let error = world.publisher().publish(&compatible).await.unwrap_err();
    assert!(error.to_string().contains("InvalidSwap"), "{error}");
    world.pds.stop().await;
}

#[tokio::test]
async fn names_of_other_domains_are_not_published() {
    let world = World::start().await;
    let path = world.write("note", NOTE);
    let foreign =
        fs::read_to_string(&path).unwrap().replace("com.example.note", "com.example.deep.note");
    fs::write(&path, foreign).unwrap();
    let somebody: Did = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa".parse().unwrap();
    let config = HttpResolverConfig::default()
        .txt(Arc::new(Authorities::default().with("deep.example.com", somebody.clone())));
    let theirs = LexiconResolver::new(HttpResolver::new(config).unwrap());
    let publisher = Publisher::new(world.session.clone(), theirs);
    let error = publisher.plan(std::slice::from_ref(&path)).await.unwrap_err();
    assert!(
        matches!(&error, PublishError::Authority { found, .. } if *found == somebody),
        "{error}"
    );
    let publisher = Publisher::without_authority(world.session.clone());
    let plan = publisher.plan(&[path]).await.unwrap();
    assert_eq!(publisher.publish(&plan).await.unwrap().len(), 1);
    world.pds.stop().await;
}

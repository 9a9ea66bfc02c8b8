//! What an installation writes, and what it leaves alone.

use std::{collections::BTreeMap, fs, path::Path};

use atproto_core::syntax::Nsid;
use atproto_lexgen::{
    install::{InstallError, Installation, Installer, Source},
    manifest::{Manifest, ManifestError},
};
use tempfile::TempDir;

use crate::network::{DID, Network};

const FEED: &str = r##"{"lexicon": 1, "id": "com.example.feed", "defs": {"main":
    {"type": "object", "properties": {
        "note": {"type": "ref", "ref": "com.example.note"},
        "self": {"type": "ref", "ref": "#main"},
        "mood": {"type": "string", "knownValues": ["com.example.mood#calm", "wild", "c#"]}
    }}}}"##;
const NOTE: &str = r#"{"lexicon": 1, "id": "com.example.note", "defs": {"main":
    {"type": "object", "properties": {"in": {"type": "ref", "ref": "com.example.feed"}}}}}"#;
const MOOD: &str = r#"{"lexicon": 1, "id": "com.example.mood", "defs": {"calm":
    {"type": "token", "description": "Quiet."}}}"#;
const AUTH: &str = r#"{"lexicon": 1, "id": "com.example.auth", "defs": {"main":
    {"type": "permission-set", "title": "Moods", "permissions": [
        {"type": "permission", "resource": "repo", "collection": ["com.example.mood"]}]}}}"#;

struct Project {
    network: Network,
    folder: TempDir,
}

impl Project {
    async fn start() -> Self {
        let network = Network::start().await;
        network.set_txt("example.com", &[&format!("did={DID}")]);
        for text in [FEED, NOTE, MOOD, AUTH] {
            network.publish(text);
        }
        Self { network, folder: tempfile::tempdir().unwrap() }
    }

    fn installer(&self) -> Installer {
        let path = self.folder.path();
        Installer::new(self.network.resolver(), path.join("lexicons"), path.join("lexicons.json"))
    }

    async fn install(&self, names: &[&str]) -> Result<Installation, InstallError> {
        self.installer().install(names.iter().map(|name| name.parse().unwrap())).await
    }

    async fn update(&self) -> Result<Installation, InstallError> {
        self.installer().update(true).install([]).await
    }

    fn manifest(&self) -> Manifest {
        Manifest::read(&self.folder.path().join("lexicons.json")).unwrap().unwrap()
    }

    fn verify(&self) -> Result<(), ManifestError> {
        self.manifest().verify(&self.folder.path().join("lexicons"))
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(format!("lexicons/com/example/{name}.json"))
    }

    /// Every file with its text and the time of its last change.
    fn files(&self) -> BTreeMap<String, (String, std::time::SystemTime)> {
        fn collect(path: &Path, found: &mut BTreeMap<String, (String, std::time::SystemTime)>) {
            for entry in fs::read_dir(path).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    collect(&path, found);
                } else {
                    let changed = fs::metadata(&path).unwrap().modified().unwrap();
                    let text = fs::read_to_string(&path).unwrap();
                    found.insert(path.display().to_string(), (text, changed));
                }
            }
        }
        let mut found = BTreeMap::new();
        collect(self.folder.path(), &mut found);
        found
    }
}

fn names(nsids: &[Nsid]) -> Vec<&str> {
    nsids.iter().map(Nsid::name).collect()
}

#[tokio::test]
async fn what_is_needed_is_installed_too() {
    let project = Project::start().await;
    let done = project.install(&["com.example.feed"]).await.unwrap();
    assert_eq!(names(&done.added), ["feed", "mood", "note"]);
    assert_eq!(project.manifest().lexicons.len(), 1);
    assert_eq!(project.manifest().resolutions.len(), 3);
    project.verify().unwrap();
    let text = fs::read_to_string(project.file("mood")).unwrap();
    let start = "{\n  \"id\": \"com.example.mood\",\n  \"defs\": {\n    \"calm\": {\n";
    assert!(text.starts_with(start) && text.ends_with("}\n"), "{text}");
    assert_eq!(project.files().len(), 4, "nothing unfinished is left");

    let done = project.install(&["com.example.auth"]).await.unwrap();
    assert_eq!((names(&done.added), done.documents), (vec!["auth"], 4));
    assert_eq!(project.manifest().lexicons.len(), 2);
}

#[tokio::test]
async fn the_manifest_has_the_form_that_others_read() {
    let project = Project::start().await;
    project.install(&["com.example.mood"]).await.unwrap();
    let cid = project.manifest().resolutions.values().next().unwrap().cid;
    let text = fs::read_to_string(project.folder.path().join("lexicons.json")).unwrap();
    let expected = format!(
        "{{\n  \"version\": 1,\n  \"lexicons\": [\n    \"com.example.mood\"\n  ],\n  \
         \"resolutions\": {{\n    \"com.example.mood\": {{\n      \
         \"uri\": \"at://{DID}/com.atproto.lexicon.schema/com.example.mood\",\n      \
         \"cid\": \"{cid}\"\n    }}\n  }}\n}}\n"
    );
    assert_eq!(text, expected);
}

#[tokio::test]
async fn a_second_run_changes_nothing_and_asks_nobody() {
    let project = Project::start().await;
    project.install(&["com.example.feed"]).await.unwrap();
    let before = project.files();
    project.network.publish(&MOOD.replace("Quiet", "Newer"));
    project.network.take_requests();
    for names in [&[][..], &["com.example.feed"]] {
        let done = project.install(names).await.unwrap();
        assert_eq!(done.documents, 3);
        assert!(done.added.is_empty() && done.updated.is_empty() && done.restored.is_empty());
        assert_eq!(project.files(), before);
        assert_eq!(project.network.take_requests(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_update_goes_over_to_what_is_published_now_and_a_second_one_changes_nothing() {
    let project = Project::start().await;
    project.install(&["com.example.feed"]).await.unwrap();
    let cid = project.network.publish(&MOOD.replace("Quiet", "Newer"));
    let done = project.update().await.unwrap();
    assert_eq!((names(&done.updated), done.added.len()), (vec!["mood"], 0));
    let mood = Nsid::new("com.example.mood").unwrap();
    assert_eq!(project.manifest().resolutions[&mood].cid, cid);
    project.verify().unwrap();
    let before = project.files();
    assert!(project.update().await.unwrap().updated.is_empty());
    assert_eq!(project.files(), before);
}

#[tokio::test]
async fn what_is_not_needed_any_more_goes_with_an_update() {
    let project = Project::start().await;
    project.install(&["com.example.feed"]).await.unwrap();
    let slim = r#"{"lexicon": 1, "id": "com.example.feed", "defs": {"main": {"type": "string"}}}"#;
    project.network.publish(slim);
    // A file that was edited stays, whatever becomes of its document.
    let edited = fs::read_to_string(project.file("note")).unwrap().replace("\"in\"", "\"into\"");
    fs::write(project.file("note"), &edited).unwrap();
    let done = project.update().await.unwrap();
    assert_eq!(names(&done.removed), ["mood", "note"]);
    assert!(!project.file("mood").exists());
    assert_eq!(fs::read_to_string(project.file("note")).unwrap(), edited);
    project.verify().unwrap();
}

#[tokio::test]
async fn a_missing_file_comes_back_in_the_version_that_is_pinned() {
    let project = Project::start().await;
    project.install(&["com.example.feed"]).await.unwrap();
    let before = project.files();
    let text = |files: &BTreeMap<String, (String, _)>| {
        files.iter().map(|(path, (text, _))| (path.clone(), text.clone())).collect::<Vec<_>>()
    };
    fs::remove_file(project.file("mood")).unwrap();
    assert!(matches!(project.verify(), Err(ManifestError::Missing { .. })));
    // DNS is not asked: the manifest says where the document came from.
    project.network.set_txt("example.com", &[]);
    let done = project.install(&[]).await.unwrap();
    assert_eq!(names(&done.restored), ["mood"]);
    assert_eq!(text(&project.files()), text(&before));

    fs::remove_file(project.file("mood")).unwrap();
    project.network.publish(&MOOD.replace("Quiet", "Newer"));
    let error = project.install(&[]).await.unwrap_err();
    assert!(matches!(error, InstallError::Replaced { .. }), "{error}");
    assert!(!project.file("mood").exists());
}

#[tokio::test]
async fn files_that_were_not_installed_are_never_overwritten() {
    let project = Project::start().await;
    let own = MOOD.replace("Quiet", "My own");
    fs::create_dir_all(project.file("mood").parent().unwrap()).unwrap();
    fs::write(project.file("mood"), &own).unwrap();
    let error = project.install(&["com.example.feed"]).await.unwrap_err();
    assert!(matches!(error, InstallError::Foreign { .. }), "{error}");
    assert_eq!(fs::read_to_string(project.file("mood")).unwrap(), own);
    assert_eq!(project.files().len(), 1, "nothing else was written");

    fs::remove_file(project.file("mood")).unwrap();
    project.install(&["com.example.feed"]).await.unwrap();
    fs::write(project.file("mood"), &own).unwrap();
    let error = project.install(&[]).await.unwrap_err();
    assert!(matches!(error, InstallError::Manifest(ManifestError::Modified { .. })), "{error}");
    let error = project.update().await.unwrap_err();
    assert!(matches!(error, InstallError::Foreign { .. }), "{error}");
    assert_eq!(fs::read_to_string(project.file("mood")).unwrap(), own);
}

#[tokio::test]
async fn white_space_and_the_order_of_keys_do_not_matter() {
    let project = Project::start().await;
    project.install(&["com.example.mood"]).await.unwrap();
    fs::write(project.file("mood"), MOOD).unwrap();
    project.verify().unwrap();
    project.install(&[]).await.unwrap();
    assert_eq!(fs::read_to_string(project.file("mood")).unwrap(), MOOD);
}

#[tokio::test]
async fn nothing_may_differ_from_the_manifest() {
    let project = Project::start().await;
    project.install(&["com.example.feed"]).await.unwrap();
    let path = project.folder.path().join("lexicons.json");
    let good = project.manifest();
    let with = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = good.clone();
        change(&mut manifest);
        manifest.write(&path).unwrap();
        project.verify().unwrap_err()
    };
    let (feed, note) =
        (Nsid::new("com.example.feed").unwrap(), Nsid::new("com.example.note").unwrap());
    let error = with(&|manifest| drop(manifest.resolutions.remove(&note)));
    assert!(matches!(error, ManifestError::NotInstalled { .. }), "{error}");
    let error = with(&|manifest| {
        manifest.lexicons = [Nsid::new("com.example.mood").unwrap()].into();
    });
    assert!(matches!(error, ManifestError::Surplus { .. }), "{error}");
    let error = with(&|manifest| {
        let cid = manifest.resolutions[&feed].cid;
        manifest.resolutions.get_mut(&note).unwrap().cid = cid;
    });
    assert!(matches!(error, ManifestError::Modified { .. }), "{error}");
    good.write(&path).unwrap();
    project.verify().unwrap();

    fs::write(project.file("note"), FEED).unwrap();
    assert!(matches!(project.verify(), Err(ManifestError::Record { .. })));
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"version\": 1", "\"version\": 2")).unwrap();
    assert!(matches!(Manifest::read(&path), Err(ManifestError::Syntax { .. })));
    fs::write(&path, text.replace("schema/com.example.note", "schema/com.example.feed")).unwrap();
    assert!(matches!(Manifest::read(&path), Err(ManifestError::Uri { .. })));
}

#[tokio::test]
async fn a_failure_writes_nothing() {
    let project = Project::start().await;
    let lost = NOTE.replace("com.example.feed", "com.example.lost");
    project.network.publish(&lost);
    let error = project.install(&["com.example.feed"]).await.unwrap_err();
    let InstallError::Resolve { nsid, .. } = error else { panic!("{error}") };
    assert_eq!(nsid.as_str(), "com.example.lost");
    assert_eq!(project.files().len(), 0);
}

#[tokio::test]
async fn lx_033_names_that_differ_by_case_alone_are_not_installed() {
    let project = Project::start().await;
    project.network.set_txt("Example.com", &[&format!("did={DID}")]);
    project.network.publish(&NOTE.replace("com.example.feed", "com.example.Feed"));
    project.network.publish(&MOOD.replace("com.example.mood", "com.example.Feed"));
    let error = project.install(&["com.example.feed"]).await.unwrap_err();
    assert!(matches!(error, InstallError::Case { .. }), "{error}");
}

#[tokio::test]
async fn an_account_can_be_named_in_place_of_dns() {
    let project = Project::start().await;
    project.network.set_txt("example.com", &[]);
    let uri = format!("at://{DID}/com.atproto.lexicon.schema/com.example.mood");
    project.install(&[&uri]).await.unwrap();
    assert_eq!(project.manifest().lexicons.first().unwrap().as_str(), "com.example.mood");
    for bad in ["mood", "at://alice.example/com.atproto.lexicon.schema/com.example.mood"] {
        assert!(bad.parse::<Source>().is_err(), "{bad}");
    }
    assert!(format!("at://{DID}/com.example.other/com.example.mood").parse::<Source>().is_err());
}

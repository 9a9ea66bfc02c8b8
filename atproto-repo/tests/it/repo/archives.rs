//! Real and synthetic repositories.

use atproto_core::{
    crypto::{Curve, PublicKey, SecretKey},
    data::cbor::Writer,
    syntax::{Cid, Did},
};
use atproto_repo::{
    BlockMap, car,
    commit::{Commit, CommitError, LegacyCommit},
    mst::{Builder, Cursor, Limits, MstError, Next},
    repo::{self, Head, Repo, VerifyError, Write},
};
use serde_json::Value;

use crate::support::{archive_of, bad_input, cid, shared_bytes, shared_json, text};

#[test]
fn archives_are_what_their_manifest_says() {
    let Some(manifest) = shared_json("car/manifest.json") else { return };
    let mut checked = 0;
    for entry in manifest.as_array().unwrap().iter().filter(|entry| entry["did"].is_string()) {
        let file = text(entry, "file");
        let bytes = shared_bytes(&format!("car/{file}")).unwrap();
        let (roots, blocks) = car::read_all(bytes.clone(), &car::Limits::default()).unwrap();
        let commit = AnyCommit::decode(blocks.get(&roots[0]).unwrap());
        assert_eq!(commit.version(), entry["commit_version"], "{file}");
        assert_eq!(commit.did(), &Did::new(text(entry, "did")).unwrap(), "{file}");
        let data = commit.data();
        assert_eq!(data, cid(text(entry, "data")), "{file}");
        assert_eq!(commit.rev().as_deref(), entry["rev"].as_str(), "{file}");

        match text(entry, "signature") {
            "verifies" => assert!(commit.verifies(&key(entry)), "{file}"),
            "does not verify with this key" => assert!(!commit.verifies(&key(entry)), "{file}"),
            _ => assert!(entry["signing_key"].is_null(), "{file}"),
        }

        let rebuilt = rebuild(&blocks, data);
        if entry["complete"] == true {
            let (root, nodes, records) = rebuilt.unwrap();
            assert_eq!(root, data, "{file}");
            assert_eq!(records as u64, entry["records"], "{file}");
            assert_eq!(nodes.len() as u64, entry["mst_nodes"], "{file}");
            for (cid, node) in &nodes {
                assert_eq!(blocks.get(cid).unwrap(), node, "{file}");
            }
        } else {
            assert!(matches!(rebuilt, Err(MstError::Missing(_))), "{file}");
        }

        if let AnyCommit::Current(commit) = commit {
            let verified = repo::verify(bytes.clone(), None).unwrap();
            assert_eq!(verified.head.commit, roots[0]);
            assert_eq!(verified.records().count() as u64, entry["records"], "{file}");
            if entry["preorder_streamable"] == true {
                let head = Head { commit: roots[0], rev: commit.rev, data };
                let mut exported = Vec::new();
                repo::export(&blocks, &head, &mut exported).unwrap();
                // A record under two paths is exported at both; here it is once.
                let (_, exported) = car::read_all(exported, &car::Limits::default()).unwrap();
                assert!(exported.iter().eq(blocks.iter()), "{file}");
            }
        } else {
            assert!(matches!(repo::verify(bytes, None), Err(VerifyError::Commit(_))));
        }
        checked += 1;
    }
    assert_eq!(checked, 11);
}

#[test]
fn recorded_repositories_verify() {
    let Some(accounts) = shared_json("ts-capture/repos.json") else { return };
    let mut checked = 0;
    for account in accounts.as_array().unwrap().iter().filter(|a| a["car"].is_string()) {
        let bytes = shared_bytes(&format!("ts-capture/{}", text(account, "car"))).unwrap();
        let key = PublicKey::from_legacy(Curve::K256, text(account, "signingKey")).unwrap();
        let verified = repo::verify(bytes, Some(&key)).unwrap();
        assert_eq!(verified.did.as_str(), text(account, "did"));
        assert_eq!(verified.head.commit, cid(text(account, "head")));
        assert_eq!(verified.head.rev.to_string(), text(account, "rev"));
        let mut collections: Vec<_> =
            verified.records().map(|record| record.path.collection.to_string()).collect();
        collections.dedup();
        assert_eq!(serde_json::json!(collections), account["collections"]);
        let (root, ..) = rebuild(verified.blocks(), verified.head.data).unwrap();
        assert_eq!(root, verified.head.data);
        checked += 1;
    }
    assert_eq!(checked, 45);
}

#[test]
fn car_010_incomplete_archives_are_refused() {
    let Some(cases) = bad_input("car/") else { return };
    for case in cases.iter().filter(|case| text(case, "function").contains("repo load")) {
        let (file, expect) = (text(case, "file"), text(case, "expect"));
        let bytes = shared_bytes(&format!("bad-input/{file}")).unwrap();
        let key = case["signing_key"].as_str().map(|key| PublicKey::from_multikey(key).unwrap());
        let verified = repo::verify(bytes, key.as_ref());
        let accept = expect.starts_with("accept") && !expect.contains("reject as");
        assert_eq!(verified.is_ok(), accept, "{file}: {expect}: {:?}", verified.err());
    }
    let header_only = shared_bytes("bad-input/car/header-only.car").unwrap();
    assert!(matches!(repo::verify(header_only, None), Err(VerifyError::RootMissing(_))));
}

#[test]
fn car_002_and_003_the_first_root_is_the_commit_and_others_are_passed_over() {
    let (archive, _) = archive_of(3);
    let (roots, blocks) = car::read_all(archive, &car::Limits::default()).unwrap();
    let record = *blocks.cids().last().unwrap();
    let with_roots = |roots: &[Cid]| {
        let mut header = Writer::new();
        header.map(2).text("roots").array(roots.len());
        roots.iter().for_each(|root| {
            header.link(root);
        });
        header.text("version").int(1);
        let header = header.into_bytes();
        // A length beyond 127 is written in two bytes.
        let mut archive = match header.len() {
            short @ ..=127 => vec![short as u8],
            long => vec![long as u8 | 0x80, (long >> 7) as u8],
        };
        archive.extend(header);
        archive.extend(&car::write(&roots[0], blocks.iter())[59..]);
        repo::verify(archive, None)
    };
    assert_eq!(with_roots(&roots).unwrap().head.commit, roots[0]);
    assert_eq!(with_roots(&[roots[0], record, record]).unwrap().len(), 3);
    assert!(matches!(with_roots(&[record, roots[0]]), Err(VerifyError::Commit(_))));
}

#[test]
fn car_008_and_009_an_export_is_whole_and_in_the_order_of_the_tree() {
    let (archive, _) = archive_of(200);
    let verified = repo::verify(archive.clone(), None).unwrap();
    let mut expected = vec![verified.head.commit];
    let mut cursor = Cursor::new(verified.blocks(), verified.head.data);
    loop {
        match cursor.peek() {
            Next::Subtree { cid, .. } => {
                expected.push(cid);
                cursor.enter().unwrap();
            }
            Next::Entry { value, .. } => {
                expected.push(value);
                cursor.skip();
            }
            Next::End => break,
        }
    }
    let exported = car::CarReader::new().for_slice(&archive).unwrap();
    let exported: Vec<_> = exported.map(|block| block.unwrap().cid).collect();
    assert_eq!(exported, expected);
    assert_eq!(verified.len(), 200);
}

#[test]
fn car_007_links_of_records_may_lead_out_of_the_archive() {
    let key = SecretKey::generate(Curve::K256);
    let did = Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz").unwrap();
    let mut repo = Repo::create(BlockMap::new(), did, &key).unwrap();
    let mut record = Writer::new();
    record.map(1).text("elsewhere").link(&Cid::raw(b"a blob"));
    let write = Write::Create {
        collection: "com.example.note".parse().unwrap(),
        rkey: "self".parse().unwrap(),
        record: record.into_bytes().into(),
    };
    repo.apply([write], &key).unwrap();
    let mut archive = Vec::new();
    repo.export(&mut archive).unwrap();
    assert_eq!(repo::verify(archive, Some(&key.public_key())).unwrap().len(), 1);
}

#[test]
fn rp_014_a_million_records_are_a_repository() {
    let mut blocks = BlockMap::new();
    let mut builder = Builder::new(|cid, node: &[u8]| {
        blocks.insert(cid, node.to_vec().into());
    });
    let record = Cid::dag_cbor(b"\xa0");
    for number in 0..1_000_000 {
        builder.push(format!("com.example.note/{number:07}").as_bytes(), record).unwrap();
    }
    let root = builder.finish();
    let mut cursor = Cursor::new(&blocks, root);
    let mut count = 0;
    while cursor.next_entry().unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 1_000_000);
}

#[test]
fn t26_unreachable_blocks_are_not_part_of_a_repository() {
    let Some(bytes) = shared_bytes("bad-input/car/unreferenced-10k.car") else { return };
    let verified = repo::verify(bytes, None).unwrap();
    assert!(verified.blocks().len() > 10_000);
    assert!(verified.reachable().len() < 20);
}

#[test]
fn malformed_commits_are_refused() {
    let Some(cases) = bad_input("commit/") else { return };
    for case in cases {
        let (file, expect) = (text(&case, "file"), text(&case, "expect"));
        // These are sound by themselves; what they follow, or the time, or whom they are
        // of, speaks against them.
        let by_context = ["rev-future", "rev-not-newer", "rev-older", "did-case", "did-bad-syntax"];
        if by_context.iter().any(|name| file.contains(name)) {
            continue;
        }
        let bytes = shared_bytes(&format!("bad-input/{file}")).unwrap();
        let (roots, blocks) = car::read_all(bytes, &car::Limits::default()).unwrap();
        let key = PublicKey::from_multikey(text(&case, "signing_key")).unwrap();
        let block = blocks.get(&roots[0]).unwrap();
        let verified = Commit::decode(block)
            .map_err(|error| error.to_string())
            .and_then(|commit| commit.verify(&key).map_err(|error| error.to_string()));
        // Fields that commits do not have are refused: the choice among the policies.
        let accept = expect == "accept";
        assert_eq!(verified.is_ok(), accept, "{file}: {expect}: {verified:?}");
        if expect.contains("unsupported commit version") {
            assert!(matches!(Commit::decode(block), Err(CommitError::Version(_))), "{file}");
        }
    }
}

/// A tree's root, its nodes, and the number of its records.
type Rebuilt = (Cid, Vec<(Cid, Vec<u8>)>, usize);

/// Builds the tree again from its records.
fn rebuild(blocks: &BlockMap, data: Cid) -> Result<Rebuilt, MstError> {
    let mut nodes = Vec::new();
    let mut builder = Builder::new(|cid, node: &[u8]| nodes.push((cid, node.to_vec())));
    let mut cursor = Cursor::with_limits(blocks, data, Limits::default());
    let mut count = 0;
    while let Some((key, value)) = cursor.next_entry()? {
        builder.push(key, value)?;
        count += 1;
    }
    let root = builder.finish();
    Ok((root, nodes, count))
}

fn key(entry: &Value) -> PublicKey {
    let text = text(entry, "signing_key");
    PublicKey::from_multikey(text)
        .or_else(|_| PublicKey::from_legacy(Curve::K256, text))
        .or_else(|_| PublicKey::from_legacy(Curve::P256, text))
        .unwrap()
}

enum AnyCommit {
    Current(Commit),
    Legacy(LegacyCommit),
}

impl AnyCommit {
    fn decode(block: &[u8]) -> Self {
        match Commit::decode(block) {
            Ok(commit) => Self::Current(commit),
            Err(_) => Self::Legacy(LegacyCommit::decode(block).unwrap()),
        }
    }

    fn version(&self) -> i64 {
        match self {
            Self::Current(_) => 3,
            Self::Legacy(_) => LegacyCommit::VERSION,
        }
    }

    fn did(&self) -> &Did {
        match self {
            Self::Current(commit) => &commit.did,
            Self::Legacy(commit) => &commit.did,
        }
    }

    fn data(&self) -> Cid {
        match self {
            Self::Current(commit) => commit.data,
            Self::Legacy(commit) => commit.data,
        }
    }

    fn rev(&self) -> Option<String> {
        match self {
            Self::Current(commit) => Some(commit.rev.to_string()),
            Self::Legacy(commit) => commit.rev.map(|rev| rev.to_string()),
        }
    }

    fn verifies(&self, key: &PublicKey) -> bool {
        match self {
            Self::Current(commit) => commit.verify(key).is_ok(),
            Self::Legacy(commit) => commit.verify(key).is_ok(),
        }
    }
}

//! From a name to a document, and what must not come through.

use atproto_core::{
    data::{Value, json},
    identity::ResolveError,
    syntax::{Cid, Nsid},
};
use atproto_lexgen::{
    RecordError,
    resolve::{Authorities, LexiconError},
};
use atproto_repo::{car, repo::ProofError};

use crate::network::{COLLECTION, DID, Network};

const NOTE: &str = r#"{"lexicon": 1, "id": "com.example.note", "defs": {"main":
    {"type": "object", "properties": {"text": {"type": "string", "maxLength": 9}}}}}"#;
const NAME: &str = "com.example.note";

fn nsid(text: &str) -> Nsid {
    Nsid::new(text).unwrap()
}

/// A network whose account publishes [`NOTE`] and some neighbours.
async fn network() -> (Network, Cid) {
    let network = Network::start().await;
    network.set_txt("example.com", &[&format!("did={DID}")]);
    let cid = network.publish(NOTE);
    for name in ["a", "b", "other", "z"] {
        network.publish(&NOTE.replace(NAME, &format!("com.example.{name}")));
    }
    (network, cid)
}

async fn refusal(network: &Network) -> LexiconError {
    network.resolver().resolve(&nsid(NAME)).await.unwrap_err()
}

#[tokio::test]
async fn lx_030_a_name_leads_to_a_document_with_proof() {
    let (network, cid) = network().await;
    let published = network.resolver().resolve(&nsid(NAME)).await.unwrap();
    assert_eq!(published.uri.as_str(), format!("at://{DID}/{COLLECTION}/{NAME}"));
    assert_eq!(published.cid, cid);
    assert_eq!(published.document.id.as_str(), NAME);
    assert_eq!(published.record.type_name(), Some(COLLECTION));
    let asked = network.take_requests();
    assert_eq!(asked[0], "TXT _lexicon.example.com");
    assert_eq!(asked[1], format!("/{DID}"));
    assert!(asked[2].starts_with("/xrpc/com.atproto.sync.getRecord?"), "{asked:?}");
    assert_eq!(asked.len(), 3);
}

#[tokio::test]
async fn the_authority_is_asked_and_nobody_above_or_below() {
    let (network, _) = network().await;
    for name in ["com.example.deep.note", "com.example.deep.er.note", "com.other.note"] {
        let error = network.resolver().resolve(&nsid(name)).await.unwrap_err();
        let LexiconError::Authority { domain, source } = error else { panic!("{error}") };
        assert!(matches!(*source, ResolveError::NotFound(_)), "{source}");
        assert_eq!(domain, nsid(name).authority_domain());
        assert_eq!(network.take_requests(), [format!("TXT _lexicon.{domain}")]);
    }
}

#[tokio::test]
async fn several_dids_in_dns_are_refused() {
    let (network, _) = network().await;
    network.set_txt("example.com", &[&format!("did={DID}"), "did=did:web:example.com"]);
    let error = refusal(&network).await;
    let LexiconError::Authority { source, .. } = error else { panic!("{error}") };
    assert!(matches!(*source, ResolveError::AmbiguousAnswer { .. }), "{source}");
    network.set_txt("example.com", &["v=spf1 -all", &format!("did={DID}")]);
    assert!(network.resolver().resolve(&nsid(NAME)).await.is_ok());
    network.set_txt("example.com", &["did=nonsense"]);
    let error = refusal(&network).await;
    assert!(matches!(error, LexiconError::Authority { .. }), "{error}");
}

#[tokio::test]
async fn an_account_without_host_or_key_is_refused() {
    let (network, _) = network().await;
    network.set_host(None);
    assert!(matches!(refusal(&network).await, LexiconError::NoHost { .. }));
    network.set_host(Some("http://127.0.0.1:1"));
    let error = refusal(&network).await;
    assert!(matches!(error, LexiconError::Fetch { .. }) && error.is_transient(), "{error}");
    network.set_host(Some("http://10.0.0.1"));
    let error = refusal(&network).await;
    assert!(matches!(error, LexiconError::Fetch { .. }) && !error.is_transient(), "{error}");
    network.set_txt("example.com", &["did=did:plc:bbbbbbbbbbbbbbbbbbbbbbbb"]);
    assert!(matches!(refusal(&network).await, LexiconError::Account { .. }));
}

#[tokio::test]
async fn a_changed_block_is_refused() {
    let (network, _) = network().await;
    let honest = network.proof(NAME);
    // Every bit of the archive that is changed is noticed, wherever it is.
    let document = network.document();
    for index in 0..honest.len() {
        let mut changed = honest.clone();
        changed[index] ^= 1;
        let read = atproto_lexgen::resolve::Published::verify(changed, &document, &nsid(NAME));
        assert!(read.is_err(), "byte {index} of {}", honest.len());
    }
    network.tamper(|mut archive| {
        *archive.last_mut().unwrap() ^= 1;
        (200, archive)
    });
    let error = refusal(&network).await;
    assert!(matches!(error, LexiconError::Proof(ProofError::Car(_))), "{error}");
    network.tamper(|mut archive| {
        archive.truncate(archive.len() / 2);
        (200, archive)
    });
    assert!(matches!(refusal(&network).await, LexiconError::Proof(_)));
}

#[tokio::test]
async fn a_record_with_the_hash_of_another_is_refused() {
    let (network, _) = network().await;
    // Each block is what its hash says, but the record is not the one of the tree.
    let document = json::decode(NOTE.replace("text", "evil")).unwrap();
    let forged = atproto_core::data::cbor::encode(&document);
    network.tamper(move |archive| {
        let (roots, mut blocks) = car::read_all(archive, &car::Limits::default()).unwrap();
        let honest: Vec<_> = blocks.iter().map(|(cid, _)| *cid).collect();
        for cid in honest {
            let block = blocks.get(&cid).unwrap();
            if block.windows(8).any(|window| window == b"maxLengt") {
                blocks.remove(&cid);
            }
        }
        blocks.insert(Cid::dag_cbor(&forged), forged.clone().into());
        (200, car::write(&roots[0], blocks.iter()))
    });
    let error = refusal(&network).await;
    assert!(matches!(error, LexiconError::Proof(ProofError::Missing(_))), "{error}");
}

#[tokio::test]
async fn a_foreign_signature_is_refused() {
    let (network, _) = network().await;
    network.sign_with(2);
    network.publish(&NOTE.replace("text", "evil"));
    let error = refusal(&network).await;
    assert!(matches!(error, LexiconError::Proof(ProofError::Signature(_))), "{error}");
    // The document was asked for once more: the account might have changed its key.
    let asked = network.take_requests();
    assert_eq!(asked.iter().filter(|path| **path == format!("/{DID}")).count(), 2);
}

#[tokio::test]
async fn a_new_key_is_found_by_whoever_remembers_the_old_one() {
    let (network, _) = network().await;
    let resolver = network.resolver();
    resolver.resolve(&nsid(NAME)).await.unwrap();
    network.sign_with(2);
    network.name_key(2);
    let cid = network.publish(&NOTE.replace("text", "more"));
    assert_eq!(resolver.resolve(&nsid(NAME)).await.unwrap().cid, cid);
}

#[tokio::test]
async fn the_repository_of_another_account_is_refused() {
    let (network, _) = network().await;
    let document = network.document_of("did:web:localhost".parse().unwrap());
    let read =
        atproto_lexgen::resolve::Published::verify(network.proof(NAME), &document, &nsid(NAME));
    assert!(matches!(read, Err(LexiconError::Proof(ProofError::Did { .. }))), "{read:?}");
}

#[tokio::test]
async fn the_proof_of_another_record_is_refused() {
    let (network, _) = network().await;
    // The path to the neighbour does not reach as far as where the name would be, or it
    // proves that the name is not there.
    let other = network.proof("com.example.a");
    network.tamper(move |_| (200, other.clone()));
    let error = refusal(&network).await;
    assert!(matches!(error, LexiconError::Proof(_)), "{error}");
}

#[tokio::test]
async fn the_proof_of_absence_is_understood() {
    let (network, _) = network().await;
    let error = network.resolver().resolve(&nsid("com.example.nothing")).await.unwrap_err();
    let LexiconError::Absent { uri } = error else { panic!("{error}") };
    assert_eq!(uri.rkey().unwrap().as_str(), "com.example.nothing");
}

#[tokio::test]
async fn lx_030_the_record_is_the_lexicon_of_its_key() {
    let (network, _) = network().await;
    let mut record = json::decode_map(NOTE.replace(NAME, "com.example.other")).unwrap();
    record.insert("$type", COLLECTION);
    network.put(NAME, &Value::Map(record.clone()));
    let error = refusal(&network).await;
    assert!(
        matches!(&error, LexiconError::Lexicon(RecordError::Id { found: Some(found), .. })
            if found == "com.example.other"),
        "{error}"
    );
    record.insert("id", NAME);
    record.insert("$type", "com.example.other");
    network.put(NAME, &Value::Map(record.clone()));
    let error = refusal(&network).await;
    assert!(matches!(error, LexiconError::Lexicon(RecordError::Type { .. })), "{error}");
    record.remove("$type");
    network.put(NAME, &Value::Map(record.clone()));
    let error = refusal(&network).await;
    assert!(matches!(error, LexiconError::Lexicon(RecordError::Type { .. })), "{error}");
    record.insert("$type", COLLECTION);
    record.insert("id", "com.example.note#main");
    network.put(NAME, &Value::Map(record.clone()));
    let error = refusal(&network).await;
    assert!(matches!(error, LexiconError::Lexicon(RecordError::Id { .. })), "{error}");
    record.insert("id", NAME);
    record.insert("lexicon", 2);
    network.put(NAME, &Value::Map(record));
    let error = refusal(&network).await;
    assert!(matches!(error, LexiconError::Lexicon(RecordError::Schema(_))), "{error}");
}

#[tokio::test]
async fn answers_beyond_the_limit_are_not_read() {
    let (network, _) = network().await;
    network.tamper(|archive| (200, [archive, vec![0; 5 << 20]].concat()));
    let error = refusal(&network).await;
    assert!(matches!(error, LexiconError::Fetch { .. }), "{error}");
    network.tamper(|_| (200, Vec::new()));
    assert!(matches!(refusal(&network).await, LexiconError::Proof(_)));
}

#[tokio::test]
async fn what_the_host_says_is_passed_on() {
    let (network, _) = network().await;
    network.tamper(|_| (400, br#"{"error": "RepoDeactivated", "message": "gone"}"#.to_vec()));
    let error = refusal(&network).await;
    assert!(error.to_string().ends_with(": 400 RepoDeactivated: gone"), "{error}");
    assert!(!error.is_transient());
    network.tamper(|_| (503, Vec::new()));
    assert!(refusal(&network).await.is_transient());
}

#[tokio::test]
async fn authorities_can_be_told_before_dns_knows() {
    use atproto_core::identity::TxtLookup;

    let authorities = Authorities::default().with("Example.com", DID.parse().unwrap());
    let found = authorities.txt("_lexicon.example.com").await.unwrap();
    assert_eq!(found, [format!("did={DID}")]);
}

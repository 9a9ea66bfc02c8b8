//! did:plc: our own identities, and logs of the wild.

mod logs;

use atproto_core::crypto::{self, Curve, SecretKey};
use atproto_core::data::{Value, cbor};
use atproto_core::identity::plc::{
    self, AuditEntry, Content, History, LegacyCreate, LogError, Operation, OperationError,
    SignatureProblem, SignedOperation, SubmissionError, Tombstone, check_submission, limits,
    verify_log,
};
use atproto_core::syntax::{Did, Handle};

const HOUR: i64 = 3_600_000_000;

/// An identity with two rotation keys; the second one signs the day-to-day operations.
struct Identity {
    recovery: SecretKey,
    rotation: SecretKey,
    did: Did,
    genesis: SignedOperation,
    history: History,
}

impl Identity {
    fn new() -> Self {
        let recovery = SecretKey::generate(Curve::K256);
        let rotation = SecretKey::generate(Curve::P256);
        let operation = account(&[&recovery, &rotation]);
        let (did, genesis) = plc::create(operation, &rotation).unwrap();
        let mut history = History::new(did.clone());
        let accepted = history.accept(genesis.clone(), 0).unwrap();
        assert_eq!(accepted.cid, genesis.cid());
        Self { recovery, rotation, did, genesis, history }
    }

    /// An update of an operation, signed by a key.
    fn update(prev: &SignedOperation, handle: &str, key: &SecretKey) -> SignedOperation {
        let mut operation = prev.successor().unwrap();
        operation.set_handle(&Handle::new(handle).unwrap());
        operation.sign(key).unwrap()
    }
}

fn account(rotation: &[&SecretKey]) -> Operation {
    let keys: Vec<_> = rotation.iter().map(|key| key.public_key()).collect();
    let signing = SecretKey::generate(Curve::K256).public_key();
    let handle = Handle::new("alice.test").unwrap();
    Operation::account(&keys, &signing, &handle, "https://pds.example.com")
}

#[test]
fn plc_007_the_did_is_the_hash_of_the_genesis() {
    let alice = Identity::new();
    assert_eq!(alice.did.as_str().len(), 32);
    assert_eq!(plc::did_of_genesis(&alice.genesis), alice.did);

    let mut other = History::new(Did::new("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa").unwrap());
    assert_eq!(
        other.accept(alice.genesis.clone(), 0),
        Err(OperationError::GenesisHash { expected: alice.did.clone() })
    );
    let longer = Did::new(format!("{}aaaa", alice.did)).unwrap();
    assert_eq!(
        History::new(longer.clone()).accept(alice.genesis, 0),
        Err(OperationError::NotPlc(longer))
    );
}

#[test]
fn updates_follow_one_another() {
    let mut alice = Identity::new();
    let first = Identity::update(&alice.genesis, "ali.test", &alice.rotation);
    let second = Identity::update(&first, "al.test", &alice.recovery);
    assert_eq!(
        alice.history.accept(second.clone(), HOUR),
        Err(OperationError::Misordered),
        "the predecessor is missing"
    );
    let _ = alice.history.accept(first, HOUR).unwrap();
    let _ = alice.history.accept(second.clone(), HOUR).unwrap();
    assert_eq!(alice.history.state().unwrap().also_known_as, ["at://al.test"]);
    assert_eq!(alice.history.newest(), Some(&second));
    assert_eq!(alice.history.iter().count(), 3);

    let stranger = SecretKey::generate(Curve::K256);
    assert_eq!(
        alice.history.check(&Identity::update(&second, "evil.test", &stranger), HOUR),
        Err(OperationError::Signature(SignatureProblem::NoKey))
    );
    let again = alice.genesis.clone();
    assert_eq!(alice.history.check(&again, HOUR), Err(OperationError::Misordered));
}

#[test]
fn plc_009_recovery_only_by_higher_keys_within_72_hours() {
    let mut alice = Identity::new();
    let theft = Identity::update(&alice.genesis, "evil.test", &alice.rotation);
    let _ = alice.history.accept(theft.clone(), HOUR).unwrap();
    let deeper = Identity::update(&theft, "worse.test", &alice.rotation);
    let _ = alice.history.accept(deeper.clone(), 2 * HOUR).unwrap();

    let same_key = Identity::update(&alice.genesis, "alice.test", &alice.rotation);
    assert!(matches!(
        alice.history.check(&same_key, 3 * HOUR),
        Err(OperationError::Signature(SignatureProblem::NoKey))
    ));
    let recovery = Identity::update(&alice.genesis, "alice.test", &alice.recovery);
    assert_eq!(alice.history.check(&recovery, 2 * HOUR), Err(OperationError::Misordered));
    assert_eq!(
        alice.history.check(&recovery, 73 * HOUR + 1),
        Err(OperationError::LateRecovery { elapsed_micros: 72 * HOUR + 1 })
    );
    let accepted = alice.history.accept(recovery, 73 * HOUR).unwrap();
    assert_eq!(accepted.nullified, [theft.cid(), deeper.cid()]);
    assert_eq!(alice.history.iter().count(), 2);
    assert_eq!(alice.history.state().unwrap().also_known_as, ["at://alice.test"]);
}

#[test]
fn a_tombstone_ends_the_identity_and_can_be_recovered_from() {
    let mut alice = Identity::new();
    let end = Tombstone { prev: alice.genesis.cid() }.sign(&alice.rotation).unwrap();
    assert!(end.is_tombstone() && end.successor().is_none());
    let _ = alice.history.accept(end.clone(), HOUR).unwrap();
    assert_eq!(alice.history.state(), None);

    let mut operation = alice.genesis.successor().unwrap();
    operation.prev = Some(end.cid());
    let after = operation.sign(&alice.recovery).unwrap();
    assert_eq!(alice.history.check(&after, 2 * HOUR), Err(OperationError::Misordered));

    let recovery = Identity::update(&alice.genesis, "alice.test", &alice.recovery);
    assert_eq!(alice.history.accept(recovery, 2 * HOUR).unwrap().nullified, [end.cid()]);
    assert!(alice.history.state().is_some());
}

#[test]
fn plc_008_legacy_create_is_verified_in_its_own_form() {
    let signing = SecretKey::generate(Curve::K256);
    let recovery = SecretKey::generate(Curve::P256);
    let create = LegacyCreate {
        signing_key: signing.public_key().to_did_key(),
        recovery_key: recovery.public_key().to_did_key(),
        handle: "alice.test".to_owned(),
        service: "pds.example.com".to_owned(),
    };
    let regular = create.to_operation();
    assert_eq!(regular.also_known_as, ["at://alice.test"]);
    assert_eq!(regular.services["atproto_pds"].endpoint, "https://pds.example.com");
    assert_eq!(regular.rotation_keys[0], create.recovery_key);
    // Signed as a regular operation the signature does not count for the legacy form.
    let signed = regular.sign(&signing).unwrap();
    let json = serde_json::json!({
        "type": "create",
        "signingKey": create.signing_key,
        "recoveryKey": create.recovery_key,
        "handle": create.handle,
        "service": create.service,
        "prev": null,
        "sig": signed.signature(),
    });
    let legacy: SignedOperation = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(legacy.content(), &Content::LegacyCreate(create));
    assert_eq!(serde_json::to_value(&legacy).unwrap(), json);
    assert_eq!(check_submission(&legacy), Err(SubmissionError::LegacyCreate));
    let mut history = History::new(plc::did_of_genesis(&legacy));
    assert!(matches!(history.accept(legacy, 0), Err(OperationError::Signature(_))));
}

#[test]
fn plc_004_005_json_is_read_strictly() {
    let alice = Identity::new();
    let good = serde_json::to_value(&alice.genesis).unwrap();
    assert!(good["prev"].is_null() && good["sig"].is_string());
    let read = |value: &serde_json::Value| SignedOperation::from_json(value.to_string().as_bytes());
    assert_eq!(read(&good).unwrap(), alice.genesis);
    let change = |field: &str, value: serde_json::Value| {
        let mut json = good.clone();
        json[field] = value;
        read(&json)
    };
    assert!(change("extra", 1.into()).is_err());
    assert!(change("type", "plc_operations".into()).is_err());
    assert!(change("prev", 1.into()).is_err());
    assert!(change("prev", "not a cid".into()).is_err());
    assert!(change("sig", serde_json::Value::Null).is_err());
    for field in ["prev", "sig", "type", "services", "rotationKeys"] {
        let mut json = good.clone();
        json.as_object_mut().unwrap().remove(field);
        assert!(read(&json).is_err(), "{field} is missing");
    }
    let twice = good.to_string().replacen('{', "{\"prev\":null,", 1);
    assert!(SignedOperation::from_json(twice.as_bytes()).is_err());

    let sig = alice.genesis.signature();
    let padded = change("sig", format!("{sig}==").into()).unwrap();
    let keys = &alice.genesis.operation().unwrap().rotation_keys;
    assert_eq!(padded.signer(keys), Err(SignatureProblem::Encoding));
    assert_eq!(alice.genesis.signer(keys), Ok(1));
}

/// `sig` is not in the signed bytes, not even as null; `prev` is text or null in both forms.
#[test]
fn plc_005_and_006_what_is_signed_and_hashed() {
    let alice = Identity::new();
    let update = Identity::update(&alice.genesis, "ali.test", &alice.rotation);
    let fields = |bytes: &[u8]| match cbor::decode(bytes) {
        Ok(Value::Map(fields)) => fields,
        other => panic!("{other:?}"),
    };
    for (operation, prev) in
        [(&alice.genesis, Value::Null), (&update, Value::from(alice.genesis.cid().to_string()))]
    {
        let unsigned = fields(&operation.content().signing_input());
        assert_eq!(unsigned.len(), 6);
        assert!(unsigned.get("sig").is_none());
        assert_eq!(unsigned.get("prev"), Some(&prev));
        let signed = fields(&operation.to_cbor());
        assert_eq!(signed.len(), 7);
        assert_eq!(signed.get("prev"), Some(&prev));
        assert_eq!(signed.get("sig"), Some(&Value::from(operation.signature())));
    }
    // A signature over a form with `sig: null` is another one.
    let content = alice.genesis.content().clone();
    let mut with_null = content.signing_input();
    with_null[0] += 1;
    with_null.extend_from_slice(b"\x63sig\xf6");
    let signature = crypto::Signer::sign(&alice.rotation, &with_null).unwrap();
    let keys = &alice.genesis.operation().unwrap().rotation_keys;
    let forged = SignedOperation::from_parts(content, &signature);
    assert_eq!(forged.signer(keys), Err(SignatureProblem::NoKey));
}

/// RFC 4648, section 3.5: another text for the same bytes would be another CID.
#[test]
fn plc_004_only_one_text_is_the_signature() {
    let alice = Identity::new();
    let keys = &alice.genesis.operation().unwrap().rotation_keys;
    let sig = alice.genesis.signature();
    assert_eq!(sig.len(), 86);
    let read = |sig: &str| {
        let mut json = serde_json::to_value(&alice.genesis).unwrap();
        json["sig"] = sig.into();
        SignedOperation::from_json(json.to_string().as_bytes()).unwrap().signer(keys)
    };
    assert_eq!(read(sig), Ok(1));
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = alphabet.iter().position(|other| *other == sig.as_bytes()[85]).unwrap();
    for trailing in 1..16 {
        let text = format!("{}{}", &sig[..85], char::from(alphabet[last + trailing]));
        assert_eq!(read(&text), Err(SignatureProblem::Encoding), "trailing bits");
    }
    for text in [&format!("{sig}=="), &format!("{sig}\n"), &format!(" {sig}"), &sig[..84], ""] {
        assert_eq!(read(text), Err(SignatureProblem::Encoding), "{text:?}");
    }
}

#[test]
fn each_change_is_one_line() {
    let alice = Identity::new();
    let key = SecretKey::generate(Curve::K256).public_key();
    let before = alice.genesis.operation().unwrap();
    let next = || alice.genesis.successor().unwrap();
    assert_eq!(next(), Operation { prev: Some(alice.genesis.cid()), ..before.clone() });
    assert_eq!(next().with_signing_key(&key).verification_methods["atproto"], key.to_did_key());
    let handle = Handle::new("ali.test").unwrap();
    assert_eq!(next().with_handle(&handle).also_known_as, ["at://ali.test"]);
    assert_eq!(
        next().with_pds("https://b.example").services["atproto_pds"].endpoint,
        "https://b.example"
    );
    let added = next().with_rotation_key(&key).rotation_keys;
    assert_eq!((&added[0], &added[1..]), (&key.to_did_key(), &before.rotation_keys[..]));
    let raised = next().with_rotation_key(&alice.rotation.public_key()).rotation_keys;
    assert_eq!(raised, [before.rotation_keys[1].clone(), before.rotation_keys[0].clone()]);
    let removed = next().without_rotation_key(&alice.recovery.public_key()).rotation_keys;
    assert_eq!(removed, before.rotation_keys[1..]);
}

#[test]
fn plc_001_002_003_limits_of_submission() {
    let key = SecretKey::generate(Curve::K256);
    let check = |change: &dyn Fn(&mut Operation)| {
        let mut operation = account(&[&key]);
        change(&mut operation);
        check_submission(&operation.sign(&key).unwrap())
    };
    assert_eq!(check(&|_| ()), Ok(()));
    assert_eq!(check(&|op| op.rotation_keys.clear()), Err(SubmissionError::NoRotationKey));
    assert!(matches!(
        check(&|op| op.rotation_keys.push(op.rotation_keys[0].clone())),
        Err(SubmissionError::Duplicate { .. })
    ));
    let many: Vec<_> = (0..=limits::ROTATION_KEYS)
        .map(|_| SecretKey::generate(Curve::P256).public_key().to_did_key())
        .collect();
    assert!(matches!(
        check(&|op| op.rotation_keys.clone_from(&many)),
        Err(SubmissionError::TooMany { what: "rotationKeys", limit: 5 })
    ));
    let ed25519 = "did:key:z6MkjwbBXZnFqL8su24wGL2Fdjti6GSLv9SWdYGswfazUPm9";
    assert!(matches!(
        check(&|op| op.rotation_keys.push(ed25519.to_owned())),
        Err(SubmissionError::InvalidKey { what: "rotationKeys", .. })
    ));
    let method = |key: &str| {
        check(&|op| drop(op.verification_methods.insert("x".to_owned(), key.to_owned())))
    };
    assert_eq!(method(ed25519), Ok(()), "any key may be a verification method");
    for bad in ["blah", "did:banana", "did:key:", "did:key:z", "did:key:BJV2WY5D", "did:key:z0OIl"]
    {
        assert!(matches!(method(bad), Err(SubmissionError::InvalidKey { .. })), "{bad}");
    }
    assert!(matches!(
        check(&|op| op.also_known_as = vec![format!("at://{}", "a".repeat(254))]),
        Err(SubmissionError::TooLong { what: "alsoKnownAs", limit: 258, .. })
    ));
    assert_eq!(
        check(&|op| op.also_known_as = vec!["x".repeat(limits::OPERATION_BYTES)]),
        Err(SubmissionError::OperationTooLarge)
    );
    // The limit is exact, and the signature counts.
    let of_size = |size: usize| {
        let mut operation = account(&[&key]);
        operation.also_known_as.clear();
        let fill = |operation: &mut Operation, bytes: usize| {
            operation.also_known_as = vec!["y".repeat(bytes)];
        };
        fill(&mut operation, 300);
        let rest = size - operation.clone().sign(&key).unwrap().to_cbor().len();
        fill(&mut operation, 300 + rest);
        operation.sign(&key).unwrap()
    };
    let largest = of_size(limits::OPERATION_BYTES);
    assert_eq!(largest.to_cbor().len(), 7500);
    let too_long = check_submission(&largest);
    assert!(matches!(too_long, Err(SubmissionError::TooLong { .. })), "not for its size");
    let larger = of_size(limits::OPERATION_BYTES + 1);
    assert_eq!(check_submission(&larger), Err(SubmissionError::OperationTooLarge));
}

#[test]
fn plc_010_whole_logs() {
    let alice = Identity::new();
    let theft = Identity::update(&alice.genesis, "evil.test", &alice.rotation);
    let recovery = Identity::update(&alice.genesis, "alice.test", &alice.recovery);
    let entry = |operation: &SignedOperation, nullified: bool, created_at: &str| AuditEntry {
        did: alice.did.clone(),
        cid: operation.cid(),
        operation: operation.clone(),
        nullified,
        created_at: created_at.parse().unwrap(),
    };
    let log = vec![
        entry(&alice.genesis, false, "2026-01-01T00:00:00.000Z"),
        entry(&theft, true, "2026-01-02T00:00:00.000Z"),
        entry(&recovery, false, "2026-01-03T00:00:00.000Z"),
    ];
    let verified = verify_log(&alice.did, &log).unwrap();
    assert_eq!(verified.nullified, [theft.cid()]);
    assert_eq!(verified.history.newest(), Some(&recovery));

    let with = |change: &dyn Fn(&mut Vec<AuditEntry>)| {
        let mut log = log.clone();
        change(&mut log);
        verify_log(&alice.did, &log).map(|_| ())
    };
    assert_eq!(with(&Vec::clear), Err(LogError::Empty));
    assert_eq!(
        with(&|log| log[1].nullified = false),
        Err(LogError::NullifiedMismatch { index: 1, stated: false })
    );
    assert!(matches!(with(&|log| log[1].cid = log[0].cid), Err(LogError::CidMismatch { .. })));
    assert_eq!(with(&|log| log.swap(1, 2)), Err(LogError::Time { index: 2 }));
    assert!(matches!(
        with(&|log| log[2].did = Did::new("did:web:a.example").unwrap()),
        Err(LogError::ForeignEntry { index: 2, .. })
    ));
    assert!(matches!(
        with(&|log| drop(log.remove(0))),
        Err(LogError::Operation { index: 0, source: OperationError::Misordered })
    ));
}

#[test]
fn data_is_presented_as_a_document() {
    let alice = Identity::new();
    let state = alice.history.state().unwrap();
    let document = state.to_document();
    assert_eq!(document.id, alice.did);
    assert_eq!(document.handle().unwrap().as_str(), "alice.test");
    assert_eq!(document.pds_endpoint(), Some("https://pds.example.com"));
    assert_eq!(document.signing_key().unwrap().to_did_key(), state.verification_methods["atproto"]);
    let json = document.to_json();
    assert_eq!(json, serde_json::to_value(&document).unwrap());
    assert_eq!(json["verificationMethod"][0]["id"], format!("{}#atproto", alice.did));
    assert_eq!(json["verificationMethod"][0]["type"], "Multikey");
    assert_eq!(json["service"][0]["id"], "#atproto_pds");
    assert_eq!(
        json["@context"],
        serde_json::json!([
            "https://www.w3.org/ns/did/v1",
            "https://w3id.org/security/multikey/v1",
            "https://w3id.org/security/suites/secp256k1-2019/v1"
        ])
    );
}

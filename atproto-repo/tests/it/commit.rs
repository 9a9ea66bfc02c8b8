//! Commits: what their signature covers, and that there is one signature for each.

use atproto_core::{
    crypto::{Curve, SecretKey, Signature, SignatureError, Signer},
    data::{Map, Value, cbor},
    syntax::{Cid, Codec, Did, Tid},
};
use atproto_repo::{
    commit::{Commit, LegacyCommit, UnsignedCommit},
    mst::Tree,
};

const CURVES: [Curve; 2] = [Curve::K256, Curve::P256];

#[test]
fn cr_010_commits_sign_their_fields_and_nothing_else() {
    for curve in CURVES {
        let key = SecretKey::generate(curve);
        let commit = unsigned().sign(&key).unwrap();
        let mut fields = cbor::decode_map(&commit.encode()).unwrap();
        fields.remove("sig").unwrap();
        assert_eq!(cbor::encode(&Value::Map(fields.clone())), unsigned().signing_input());

        let verify = |fields: &Map| {
            let message = cbor::encode(&Value::Map(fields.clone()));
            key.public_key().verify(&message, &commit.sig)
        };
        assert_eq!(verify(&fields), Ok(()));
        let names: Vec<String> = fields.keys().map(str::to_owned).collect();
        assert_eq!(names, ["did", "rev", "data", "prev", "version"]);
        for name in names {
            let value = fields.remove(&name).unwrap();
            assert_eq!(verify(&fields), Err(SignatureError::Mismatch), "without {name}");
            fields.insert(name, value);
        }
        fields.insert("more", Value::Null);
        assert_eq!(verify(&fields), Err(SignatureError::Mismatch));
    }
}

#[test]
fn rp_005_version_3_is_written_and_version_2_can_be_read() {
    let key = SecretKey::generate(Curve::K256);
    let fields = cbor::decode_map(&unsigned().sign(&key).unwrap().encode()).unwrap();
    assert_eq!(fields.get("version"), Some(&Value::Integer(3)));
    for version in 0..5 {
        let mut fields = fields.clone();
        fields.insert("version", version);
        let block = cbor::encode(&fields.into());
        assert_eq!(Commit::decode(&block).is_ok(), version == 3, "{version}");
        assert_eq!(LegacyCommit::decode(&block).is_ok(), version == 2, "{version}");
    }
}

#[test]
fn rp_006_a_commit_has_all_its_fields_and_no_others() {
    let key = SecretKey::generate(Curve::K256);
    let fields = cbor::decode_map(&unsigned().sign(&key).unwrap().encode()).unwrap();
    let names: Vec<_> = fields.keys().map(str::to_owned).collect();
    assert_eq!(names, ["did", "rev", "sig", "data", "prev", "version"]);
    assert_eq!(fields.get("prev"), Some(&Value::Null));
    let decode = |fields: Map| Commit::decode(&cbor::encode(&fields.into()));
    for name in names {
        let mut without = fields.clone();
        without.remove(&name);
        assert!(decode(without).is_err(), "without {name}");
        for wrong in [Value::Bool(true), Value::List(Vec::new())] {
            let mut changed = fields.clone();
            changed.insert(name.as_str(), wrong);
            assert!(decode(changed).is_err(), "{name}");
        }
    }
    let mut more = fields.clone();
    more.insert("more", Value::Null);
    assert!(decode(more).is_err());
    assert!(decode(fields).is_ok());
}

#[test]
fn rp_007_and_008_the_signature_is_over_the_rest_and_the_cid_over_all() {
    let key = SecretKey::generate(Curve::P256);
    let commit = unsigned().sign(&key).unwrap();
    let mut fields = cbor::decode_map(&commit.encode()).unwrap();
    assert_eq!(commit.cid(), Cid::hash(Codec::DagCbor, &commit.encode()));
    let Some(Value::Bytes(signature)) = fields.remove("sig") else { panic!("no signature") };
    let signature = Signature::from_bytes(&signature).unwrap();
    let rest = cbor::encode(&fields.into());
    assert_eq!(key.public_key().verify(&rest, &signature), Ok(()));
    let whole = key.public_key().verify(&commit.encode(), &signature);
    assert_eq!(whole, Err(SignatureError::Mismatch));
    assert_ne!(commit.cid(), Cid::dag_cbor(&rest));
}

#[test]
fn it_006_a_commit_has_one_signature() {
    for curve in CURVES {
        let key = SecretKey::generate(curve);
        let commit = unsigned().sign(&key).unwrap();
        let twin = Commit { sig: twin(curve, &commit.sig), ..commit.clone() };
        assert_ne!(twin.cid(), commit.cid());
        let received = Commit::decode(&twin.encode()).unwrap();
        assert_eq!(received.verify(&key.public_key()), Err(SignatureError::HighS));
    }
}

#[test]
fn a_signature_made_elsewhere_is_lowered_and_verified() {
    for curve in CURVES {
        let (key, other) = (SecretKey::generate(curve), SecretKey::generate(curve));
        let expected = unsigned().sign(&key).unwrap();
        let low = key.sign(&unsigned().signing_input()).unwrap();
        for signature in [low, twin(curve, &low)] {
            let commit = unsigned().with_signature(&key.public_key(), &signature).unwrap();
            assert_eq!(commit, expected);
        }
        let foreign = other.sign(&unsigned().signing_input()).unwrap();
        let refused = unsigned().with_signature(&key.public_key(), &foreign);
        assert_eq!(refused, Err(SignatureError::Mismatch));
    }
}

#[test]
fn cid_007_links_to_trees_and_commits_have_one_form() {
    let key = SecretKey::generate(Curve::K256);
    let fields = cbor::decode_map(&unsigned().sign(&key).unwrap().encode()).unwrap();
    let decode = |name: &str, value: Value| {
        let mut fields = fields.clone();
        fields.insert(name, value);
        Commit::decode(&cbor::encode(&fields.into()))
    };
    let node = Tree::empty_root();
    for name in ["data", "prev"] {
        assert!(decode(name, Value::Link(node)).is_ok(), "{name}");
        let raw = Value::Link(Cid::from_digest(Codec::Raw, *node.digest()));
        assert!(decode(name, raw).is_err(), "{name} of raw bytes");
        // The first form of CIDs, and this one with another hash.
        let (blessed, encoded) =
            (node.to_bytes(), decode(name, Value::Link(node)).unwrap().encode());
        let at = encoded.windows(36).rposition(|bytes| bytes == blessed).unwrap();
        for (offset, byte) in [(0, 0), (2, 0x13), (3, 31)] {
            let mut changed = encoded.clone();
            changed[at + offset] = byte;
            assert!(Commit::decode(&changed).is_err(), "{name}: {offset}");
        }
    }
}

fn unsigned() -> UnsignedCommit {
    let did = Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz").unwrap();
    UnsignedCommit::new(did, Tree::empty_root(), Tid::from_parts(1_700_000_000_000_000, 1))
}

/// The other signature of the same key over the same message: `s` replaced by `n - s`.
fn twin(curve: Curve, signature: &Signature) -> Signature {
    let (high, low): (u128, u128) = match curve {
        Curve::K256 => (!1, 0xBAAE_DCE6_AF48_A03B_BFD2_5E8C_D036_4141),
        Curve::P256 => (!0 - (0xFFFF_FFFF << 64), 0xBCE6_FAAD_A717_9E84_F3B9_CAC2_FC63_2551),
    };
    let mut bytes = *signature.as_bytes();
    let half = |at: usize| u128::from_be_bytes(bytes[at..][..16].try_into().unwrap());
    let (low, borrow) = low.overflowing_sub(half(48));
    let high = high - half(32) - u128::from(borrow);
    bytes[32..48].copy_from_slice(&high.to_be_bytes());
    bytes[48..].copy_from_slice(&low.to_be_bytes());
    Signature::from(bytes)
}

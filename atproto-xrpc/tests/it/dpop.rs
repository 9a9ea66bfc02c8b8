//! Proofs of possession, and PKCE.

use atproto_core::crypto::{Curve, SecretKey, Signature, Signer};
use atproto_xrpc::oauth::{
    DpopError, DpopNonces, DpopProof, DpopRequest, DpopVerifier, Jwk, MAX_AGE_SECONDS,
    MAX_JTI_BYTES, Pkce,
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use url::Url;

use crate::shared;

const NOW: u64 = 1_790_000_000;
const TOKEN: &str = "access-token";

struct Fixture {
    verifier: DpopVerifier,
    key: SecretKey,
    url: Url,
}

impl Fixture {
    fn new() -> Self {
        Self {
            verifier: DpopVerifier::new(DpopNonces::generate()),
            key: SecretKey::generate(Curve::P256),
            url: Url::parse("https://pds.example.com/xrpc/com.example.do?x=1").unwrap(),
        }
    }

    fn request(&self) -> DpopRequest<'_> {
        DpopRequest { method: "POST", url: &self.url, access_token: Some(TOKEN) }
    }

    fn verify(&self, proof: &str) -> Result<DpopProof, DpopError> {
        self.verifier.verify(proof, &self.request(), NOW)
    }

    /// A sound proof, whose header and claims may be changed before it is signed.
    fn proof(&self, change: impl FnOnce(&mut Value, &mut Value)) -> String {
        let nonce = self.verifier.nonces().current(NOW);
        let proof = self.request().prove(&self.key, Some(&nonce), NOW).unwrap();
        let part = |index| {
            let part = proof.split('.').nth(index).unwrap();
            serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
        };
        let (mut header, mut claims) = (part(0), part(1));
        change(&mut header, &mut claims);
        signed(&self.key, &header, &claims)
    }
}

fn signed(key: &SecretKey, header: &Value, claims: &Value) -> String {
    let encode = |part: &Value| BASE64URL_NOPAD.encode(part.to_string().as_bytes());
    let text = format!("{}.{}", encode(header), encode(claims));
    let signature = key.sign(text.as_bytes()).unwrap();
    format!("{text}.{}", BASE64URL_NOPAD.encode(signature.as_bytes()))
}

#[test]
fn oa_023_method_address_token_time_and_key_are_checked() {
    let it = Fixture::new();
    let sound = it.verify(&it.proof(|_, _| {})).unwrap();
    assert_eq!(sound.jkt, Jwk(it.key.public_key()).thumbprint());

    type Change = fn(&mut Value, &mut Value);
    let changes: [(Change, DpopError); 12] = [
        (|_, claims| claims["htm"] = json!("GET"), DpopError::Method),
        (|_, claims| claims["htm"] = json!("post"), DpopError::Method),
        (
            |_, claims| claims["htu"] = json!("http://pds.example.com/xrpc/com.example.do"),
            DpopError::Address,
        ),
        (
            |_, claims| claims["htu"] = json!("https://pds.example.com/xrpc/com.example.other"),
            DpopError::Address,
        ),
        (|_, claims| claims["htu"] = json!("nonsense"), DpopError::Address),
        (|_, claims| claims["ath"] = json!("AAAA"), DpopError::AccessToken),
        (|_, claims| drop(claims.as_object_mut().unwrap().remove("ath")), DpopError::AccessToken),
        (|_, claims| claims["iat"] = json!(NOW + MAX_AGE_SECONDS + 1), DpopError::Time),
        (|_, claims| claims["iat"] = json!(NOW - MAX_AGE_SECONDS - 1), DpopError::Time),
        (|_, claims| claims["jti"] = json!(""), DpopError::Id),
        (|_, claims| claims["jti"] = json!("x".repeat(MAX_JTI_BYTES + 1)), DpopError::Id),
        (|header, _| header["typ"] = json!("JWT"), DpopError::Type),
    ];
    for (change, error) in changes {
        assert_eq!(it.verify(&it.proof(change)), Err(error));
    }
    // Written otherwise, but the same address.
    for same in [
        "https://pds.example.com:443/xrpc/com.example.do",
        "https://PDS.example.com/xrpc/com.example.do?y#z",
    ] {
        it.verify(&it.proof(|_, claims| claims["htu"] = json!(same))).expect(same);
    }
}

#[test]
fn oa_023_the_key_is_public_and_of_a_curve() {
    let it = Fixture::new();
    let changes: [fn(&mut Value); 6] = [
        |jwk| jwk["d"] = json!("AAAA"),
        |jwk| jwk["kty"] = json!("oct"),
        |jwk| jwk["crv"] = json!("P-384"),
        |jwk| jwk["x"] = json!("AAAA"),
        |jwk| jwk["y"] = jwk["x"].clone(),
        |jwk| *jwk = Value::Null,
    ];
    for change in changes {
        let proof = it.proof(|header, _| change(&mut header["jwk"]));
        assert_eq!(it.verify(&proof), Err(DpopError::Key));
    }
    let other = serde_json::to_value(Jwk(SecretKey::generate(Curve::P256).public_key())).unwrap();
    let stolen = it.proof(|header, _| header["jwk"] = other);
    assert!(matches!(it.verify(&stolen), Err(DpopError::Malformed(_))));
    let none = it.proof(|header, _| header["alg"] = json!("none"));
    assert!(matches!(it.verify(&none), Err(DpopError::Malformed(_))));
}

#[test]
fn oa_024_signatures_of_browsers_are_verified() {
    let it = Fixture::new();
    let proof = it.proof(|_, _| {});
    let (text, signature) = proof.rsplit_once('.').unwrap();
    let low = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
    let high = high_s(&low);
    assert_eq!(Signature::from_bytes(&high).unwrap().to_low_s(Curve::P256).as_bytes()[..], low);
    it.verify(&format!("{text}.{}", BASE64URL_NOPAD.encode(&high))).unwrap();
}

/// The other signature with the same meaning: the order of P-256 less `s`.
fn high_s(signature: &[u8]) -> Vec<u8> {
    const ORDER: &str = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";
    let order = data_encoding::HEXUPPER.decode(ORDER.as_bytes()).unwrap();
    let mut high = signature.to_vec();
    let mut borrow = false;
    for index in (0..32).rev() {
        let (less, first) = order[index].overflowing_sub(signature[32 + index]);
        let (less, second) = less.overflowing_sub(u8::from(borrow));
        (high[32 + index], borrow) = (less, first || second);
    }
    high
}

#[test]
fn oa_022_a_proof_passes_once() {
    let it = Fixture::new();
    let proof = it.proof(|_, _| {});
    it.verify(&proof).unwrap();
    assert_eq!(it.verify(&proof), Err(DpopError::Replayed));
    assert_eq!(DpopError::Replayed.name(), "invalid_dpop_proof");

    // One key may have a sixteenth of the memory.
    let small = Fixture { verifier: Fixture::new().verifier.replay_capacity(16), ..it };
    small.verify(&small.proof(|_, _| {})).unwrap();
    assert_eq!(small.verify(&small.proof(|_, _| {})), Err(DpopError::TooMany));
}

#[test]
fn oa_019_and_020_nonces_rotate_and_their_neighbours_are_admitted() {
    let nonces = DpopNonces::with_secret([7; 32]);
    let nonce = nonces.current(NOW);
    assert_eq!(nonces.current(NOW), nonce);
    assert!(nonces.admits(&nonce, NOW) && nonces.admits(&nonce, NOW + 60));
    assert!(nonces.admits(&nonce, NOW - 60));
    assert_ne!(nonces.current(NOW + 60), nonce);
    assert!(!nonces.admits(&nonce, NOW + 300) && !nonces.admits(&nonce, NOW - 300));
    assert!(!DpopNonces::generate().admits(&nonce, NOW));
    assert!(!nonces.admits("", 0));

    let it = Fixture::new();
    for change in [json!("old"), Value::Null] {
        let stale = it.proof(|_, claims| claims["nonce"] = change);
        assert_eq!(it.verify(&stale), Err(DpopError::UseNonce));
    }
    assert_eq!(DpopError::UseNonce.name(), "use_dpop_nonce");
}

#[test]
fn oa_002_the_challenge_is_the_hash_of_the_verifier() {
    // RFC 7636, appendix B
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    assert!(Pkce::matches(verifier, challenge));
    assert!(!Pkce::matches(verifier, verifier), "the method plain");
    assert!(!Pkce::matches(&verifier[1..], challenge));

    let (one, other) = (Pkce::generate(), Pkce::generate());
    assert!(Pkce::matches(one.verifier(), &one.challenge()));
    assert!(!Pkce::matches(other.verifier(), &one.challenge()));
    assert!(!format!("{one:?}").contains(one.verifier()));
    for short_or_strange in ["a", &"a".repeat(129), &" ".repeat(50)] {
        assert!(!Pkce::matches(short_or_strange, challenge));
    }
}

#[test]
fn thumbprints_are_those_of_the_rfc() {
    // The key of RFC 7517, appendix A.1; its thumbprint was computed by another program.
    let key: Jwk = serde_json::from_value(json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        "use": "enc",
    }))
    .unwrap();
    assert_eq!(key.thumbprint(), "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s");
}

#[test]
fn proofs_made_to_break_servers() {
    let Some(path) = shared::path("bad-input/jwt/control-dpop.json") else { return };
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let text = |name: &str| file[name].as_str().unwrap();
    let url = Url::parse(text("url")).unwrap();
    let request =
        DpopRequest { method: text("method"), url: &url, access_token: Some(text("access_token")) };
    let now = file["now"].as_u64().unwrap();
    let mut seen = 0;
    for case in file["proofs"].as_array().unwrap() {
        let (name, expected) = (case["name"].as_str().unwrap(), case["expect"].as_str().unwrap());
        let verifier = DpopVerifier::new(DpopNonces::only(text("expected_nonce")));
        let verify = || verifier.verify(case["proof"].as_str().unwrap(), &request, now);
        let first = verify();
        // What the file leaves open is chosen here: queries and default ports do not count.
        // Whose key it has to be is the token's to say.
        let is_other_key = name == "jkt-mismatch";
        let accepts = expected.starts_with("accept")
            || expected.starts_with("policy")
            || expected.starts_with("second")
            || is_other_key;
        assert_eq!(first.is_ok(), accepts, "{name}: {first:?}");
        match first {
            Ok(proof) => {
                assert_eq!(proof.jkt == text("expected_jkt"), !is_other_key, "{name}");
                assert_eq!(verify(), Err(DpopError::Replayed), "{name}");
            }
            Err(error) => {
                let asks_for_nonce = expected.contains("use_dpop_nonce");
                assert_eq!(error == DpopError::UseNonce, asks_for_nonce, "{name}: {error}");
            }
        }
        seen += 1;
    }
    assert!(seen >= 20, "only {seen} proofs");
}

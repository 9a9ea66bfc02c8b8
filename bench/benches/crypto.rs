//! Signatures and keys, beside the bare libraries that compute them.
//!
//! The message is what a service token signs, since the peer verifies tokens alone. Without
//! the feature `fast` ours is to be read against `k256` and `p256`, with it against
//! `secp256k1` and `ring`.

use std::hint::black_box;

use atproto_bench::CpuTime;
use atproto_core::crypto::{Curve, PublicKey, SecretKey, Signature, Signer};
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use data_encoding::BASE64URL_NOPAD;
use jacquard_common::{service_auth, types::crypto as peer};
use sha2::{Digest, Sha256};

const OURS: &str = if cfg!(feature = "fast") { "ours, fast" } else { "ours" };
const PEER: &str = "jacquard";

struct Case {
    key: SecretKey,
    public: PublicKey,
    message: String,
    signature: Signature,
}

impl Case {
    fn new(curve: Curve) -> Self {
        let key = SecretKey::from_bytes(curve, &[7; 32]).unwrap();
        let header = format!(r#"{{"typ":"JWT","alg":"{}"}}"#, curve.jwt_algorithm());
        let claims = r#"{"iss":"did:plc:ewvi7nxzyoun6zhxrhs64oiz","aud":"did:web:api.bsky.app","exp":1790000000,"iat":1789999940,"jti":"b4a1e4c2d90f4e65","lxm":"app.bsky.feed.getTimeline"}"#;
        let message = [header.as_str(), claims].map(|part| BASE64URL_NOPAD.encode(part.as_bytes()));
        let message = message.join(".");
        let signature = key.sign(message.as_bytes()).unwrap();
        Self { public: key.public_key(), key, message, signature }
    }

    fn token(&self) -> String {
        format!("{}.{}", self.message, BASE64URL_NOPAD.encode(self.signature.as_bytes()))
    }

    /// Ours, the peer, and hashing alone, which nobody can do without.
    fn verify(&self, group: &mut BenchmarkGroup<'_, CpuTime>, peer: &service_auth::PublicKey) {
        let message = self.message.as_bytes();
        group.bench_function(OURS, |b| {
            b.iter(|| self.public.verify(black_box(message), black_box(&self.signature)).unwrap())
        });
        let token = service_auth::parse_jwt(&self.token()).unwrap();
        group.bench_function(PEER, |b| {
            b.iter(|| service_auth::verify_signature(black_box(&token), peer).unwrap())
        });
        group.bench_function("sha-256", |b| b.iter(|| Sha256::digest(black_box(message))));
    }
}

fn verify_k256(c: &mut Criterion<CpuTime>) {
    let case = Case::new(Curve::K256);
    let (message, signature) = (case.message.as_bytes(), case.signature.as_bytes());
    let mut group = c.benchmark_group("crypto/verify k256");
    let peer = service_auth::PublicKey::from_k256_bytes(case.public.as_sec1()).unwrap();
    case.verify(&mut group, &peer);

    let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(case.public.as_sec1()).unwrap();
    group.bench_function("k256", |b| {
        use k256::ecdsa::{Signature, signature::Verifier};
        b.iter(|| {
            let signature = Signature::from_slice(black_box(signature)).unwrap();
            key.verify(black_box(message), &signature).unwrap();
        });
    });
    let key = secp256k1::PublicKey::from_slice(case.public.as_sec1()).unwrap();
    group.bench_function("secp256k1", |b| {
        b.iter(|| {
            let digest = Sha256::digest(black_box(message));
            let message = secp256k1::Message::from_digest(digest.into());
            let signature = secp256k1::ecdsa::Signature::from_compact(black_box(signature));
            signature.unwrap().verify(message, &key).unwrap();
        });
    });
}

fn verify_p256(c: &mut Criterion<CpuTime>) {
    let case = Case::new(Curve::P256);
    let (message, signature) = (case.message.as_bytes(), case.signature.as_bytes());
    let mut group = c.benchmark_group("crypto/verify p256");
    let peer = service_auth::PublicKey::from_p256_bytes(case.public.as_sec1()).unwrap();
    case.verify(&mut group, &peer);

    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(case.public.as_sec1()).unwrap();
    group.bench_function("p256", |b| {
        use p256::ecdsa::{Signature, signature::Verifier};
        b.iter(|| {
            let signature = Signature::from_slice(black_box(signature)).unwrap();
            key.verify(black_box(message), &signature).unwrap();
        });
    });
    let algorithm = &ring::signature::ECDSA_P256_SHA256_FIXED;
    let point = case.public.to_sec1_uncompressed();
    let key = ring::signature::UnparsedPublicKey::new(algorithm, point);
    group.bench_function("ring", |b| {
        b.iter(|| key.verify(black_box(message), black_box(signature)).unwrap());
    });
}

fn sign(c: &mut Criterion<CpuTime>) {
    let mut group = c.benchmark_group("crypto/sign");
    for curve in [Curve::K256, Curve::P256] {
        let case = Case::new(curve);
        let message = case.message.as_bytes();
        group.bench_function(format!("{OURS}, {curve}"), |b| {
            b.iter(|| case.key.sign(black_box(message)).unwrap())
        });
    }
    let message = Case::new(Curve::K256).message;
    let message = message.as_bytes();
    let key = k256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    group.bench_function("k256", |b| {
        use k256::ecdsa::{Signature, signature::Signer};
        b.iter(|| -> Signature { key.sign(black_box(message)) });
    });
    let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    group.bench_function("p256", |b| {
        use p256::ecdsa::{Signature, signature::Signer};
        b.iter(|| -> Signature { key.sign(black_box(message)) });
    });
    let key = secp256k1::SecretKey::from_secret_bytes([7; 32]).unwrap();
    group.bench_function("secp256k1", |b| {
        b.iter(|| {
            let digest = Sha256::digest(black_box(message));
            secp256k1::ecdsa::sign(secp256k1::Message::from_digest(digest.into()), &key)
        });
    });
}

fn parse(c: &mut Criterion<CpuTime>) {
    let mut group = c.benchmark_group("crypto/parse did:key");
    for curve in [Curve::K256, Curve::P256] {
        let public = Case::new(curve).public;
        let (did_key, multikey) = (public.to_did_key(), public.to_multikey());
        group.bench_function(format!("{OURS}, {curve}"), |b| {
            b.iter(|| PublicKey::from_did_key(black_box(&did_key)).unwrap())
        });
        // The peer leaves the prefix `did:key:` to its caller.
        group.bench_function(format!("{PEER}, {curve}"), |b| {
            b.iter(|| {
                let key = peer::PublicKey::decode(black_box(&multikey)).unwrap();
                match curve {
                    Curve::K256 => drop(black_box(key.to_k256().unwrap())),
                    Curve::P256 => drop(black_box(key.to_p256().unwrap())),
                }
            })
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = verify_k256, verify_p256, sign, parse
}
criterion_main!(benches);

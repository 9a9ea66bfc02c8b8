use atproto_core::{
    crypto::{Curve, PublicKey},
    syntax::Did,
};
use atproto_repo::{
    RepoPath, car,
    repo::{self, ProofError},
};

use crate::support::{shared_bytes, shared_json, text};

#[test]
fn recorded_proofs_hold() {
    let Some(proofs) = shared_json("ts-capture/proofs/index.json") else { return };
    let accounts = shared_json("ts-capture/repos.json").unwrap();
    for (index, proof) in proofs.as_array().unwrap().iter().enumerate() {
        let did = Did::new(text(proof, "did")).unwrap();
        let account =
            accounts.as_array().unwrap().iter().find(|a| a["did"] == did.as_str()).unwrap();
        let key = PublicKey::from_legacy(Curve::K256, text(account, "signingKey")).unwrap();
        let path = format!("{}/{}", text(proof, "collection"), text(proof, "rkey"));
        let path: RepoPath = path.parse().unwrap();
        let bytes = shared_bytes(&format!("ts-capture/proofs/{}", text(proof, "file"))).unwrap();
        let record = repo::verify_record_proof(bytes.clone(), &did, &key, &path).unwrap();
        assert_eq!(record.is_some(), index == 0, "{path}");

        // Ours, from the whole repository, is not smaller than it needs to be.
        let whole = shared_bytes(&format!("ts-capture/{}", text(account, "car"))).unwrap();
        let whole = repo::verify(whole, Some(&key)).unwrap();
        let ours = repo::record_proof(whole.blocks(), &whole.head, &path).unwrap();
        assert_eq!(repo::verify_record_proof(ours.clone(), &did, &key, &path).unwrap(), record);
        let (roots, blocks) = car::read_all(ours, &car::Limits::default()).unwrap();
        for gone in blocks.cids() {
            let rest = blocks.iter().filter(|(cid, _)| *cid != gone);
            let cut = car::write(&roots[0], rest);
            assert!(repo::verify_record_proof(cut, &did, &key, &path).is_err());
        }
        let other = Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz").unwrap();
        let refused = repo::verify_record_proof(bytes, &other, &key, &path);
        assert!(matches!(refused, Err(ProofError::Did { .. })));
    }
}

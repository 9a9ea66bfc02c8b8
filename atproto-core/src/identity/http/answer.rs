//! Reading what DNS and hosts say about a name.

use crate::identity::ResolveError;
use crate::syntax::{Did, UnsupportedDid};

/// The DID in TXT records. Values that do not begin with `did=` belong to others; the same
/// DID may be there twice.
pub(super) fn did_from_txt(name: &str, records: &[String]) -> Result<Did, ResolveError> {
    if records.iter().map(String::len).sum::<usize>() > MAX_TXT {
        return Err(ResolveError::InvalidAnswer { name: name.to_owned(), answer: String::new() });
    }
    let mut answers = records.iter().filter_map(|record| record.strip_prefix("did="));
    let first = answers.next().ok_or_else(|| ResolveError::NotFound(name.to_owned()))?;
    if answers.any(|other| other != first) {
        return Err(ResolveError::AmbiguousAnswer { name: name.to_owned() });
    }
    supported_did(name, first)
}

/// The DID in a `/.well-known/atproto-did` body; white space around it is tolerated.
pub(super) fn did_from_well_known(name: &str, body: &[u8]) -> Result<Did, ResolveError> {
    let text = String::from_utf8_lossy(body.trim_ascii());
    supported_did(name, &text)
}

fn supported_did(name: &str, answer: &str) -> Result<Did, ResolveError> {
    let did = Did::new(answer).map_err(|_| ResolveError::InvalidAnswer {
        name: name.to_owned(),
        answer: answer.chars().take(64).collect(),
    })?;
    match did.supported() {
        Ok(_) => Ok(did),
        Err(UnsupportedDid::Method) => Err(ResolveError::UnsupportedMethod(did)),
        Err(source) => Err(ResolveError::InvalidDid { did, source }),
    }
}

/// All texts of one answer, in bytes. Ours: a DID needs less than a tenth of it.
const MAX_TXT: usize = 4096;

#[cfg(test)]
mod tests {
    use super::{MAX_TXT, did_from_txt, did_from_well_known};
    use crate::identity::ResolveError;

    const DID: &str = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

    fn txt(records: &[&str]) -> Result<String, ResolveError> {
        let records: Vec<String> = records.iter().map(|record| (*record).to_owned()).collect();
        did_from_txt("_atproto.alice.example", &records).map(|did| did.as_str().to_owned())
    }

    #[test]
    fn id_002_other_txt_values_are_ignored() {
        let good = format!("did={DID}");
        assert_eq!(txt(&["v=spf1 -all", &good]).unwrap(), DID);
        assert_eq!(txt(&[&good, &good]).unwrap(), DID);
        assert!(matches!(txt(&[DID]), Err(ResolveError::NotFound(_))));
        assert!(matches!(txt(&[]), Err(ResolveError::NotFound(_))));
    }

    #[test]
    fn id_003_different_dids_fail() {
        let other = "did=did:web:example.com";
        let good = format!("did={DID}");
        assert!(matches!(txt(&[&good, other]), Err(ResolveError::AmbiguousAnswer { .. })));
    }

    #[test]
    fn t12_giant_answers_are_refused() {
        let good = format!("did={DID}");
        let fill = |length: usize| "x".repeat(length - good.len());
        assert_eq!(txt(&[&fill(MAX_TXT), &good]).unwrap(), DID);
        let outcome = txt(&[&good, &fill(MAX_TXT + 1)]);
        assert!(matches!(outcome, Err(ResolveError::InvalidAnswer { .. })), "{outcome:?}");
    }

    #[test]
    fn id_006_white_space_is_stripped_and_all_else_refused() {
        let read = |body: &str| did_from_well_known("alice.example", body.as_bytes());
        assert_eq!(read(&format!(" {DID}\r\n")).unwrap().as_str(), DID);
        for bad in
            ["", "<html>", "\u{feff}did:web:a.example", "did:web:a.example\ndid:web:b.example"]
        {
            assert!(matches!(read(bad), Err(ResolveError::InvalidAnswer { .. })), "{bad:?}");
        }
        assert!(matches!(read("did:key:zabc"), Err(ResolveError::UnsupportedMethod(_))));
        assert!(matches!(read("did:plc:abc"), Err(ResolveError::InvalidDid { .. })));
    }
}

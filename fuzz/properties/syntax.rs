//! Identifiers: what is parsed is displayed as text that parses to the same.

use std::{
    fmt::{Debug, Display},
    str::FromStr,
};

use atproto_core::{
    crypto::PublicKey,
    syntax::{
        AtIdentifier, AtUri, Cid, Datetime, Did, Handle, Language, Nsid, NsidPattern, RecordKey,
        Tid, Uri,
    },
};

pub(crate) fn check(data: &[u8]) {
    if let Ok(cid) = Cid::from_bytes(data) {
        assert_eq!(cid.to_bytes(), data);
        round_trip::<Cid>(&cid.to_string());
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    round_trip::<Cid>(text);
    round_trip::<Tid>(text);
    round_trip::<NsidPattern>(text);
    round_trip::<Uri>(text);
    if let Some(did) = round_trip::<Did>(text) {
        let _ = did.supported();
        assert_eq!(format!("did:{}:{}", did.method(), did.identifier()), text);
    }
    if let Some(handle) = round_trip::<Handle>(text) {
        assert!(handle.as_str().ends_with(handle.tld()));
        assert!(round_trip::<AtIdentifier>(text).is_some());
    }
    round_trip::<AtIdentifier>(text);
    if let Some(nsid) = round_trip::<Nsid>(text) {
        assert_eq!(format!("{}.{}", nsid.authority(), nsid.name()), text);
        round_trip::<Nsid>(nsid.to_normalized().as_str());
    }
    if let Some(key) = round_trip::<RecordKey>(text) {
        assert_eq!(key.as_str(), text);
    }
    if let Some(uri) = round_trip::<AtUri>(text) {
        let _ = (uri.authority(), uri.collection());
        assert!(uri.rkey().is_none() || uri.collection().is_some());
        round_trip::<AtUri>(uri.to_normalized().as_str());
    }
    if let Some(datetime) = round_trip::<Datetime>(text) {
        assert_eq!(datetime.as_str(), text);
        if let Some(micros) = datetime.unix_micros() {
            assert_eq!(Datetime::from_unix_micros(micros).unix_micros(), Some(micros), "{text}");
        }
    }
    if let Some(language) = round_trip::<Language>(text) {
        let _ = (language.primary(), language.is_strict());
    }
    if let Ok(key) = PublicKey::from_did_key(text) {
        assert_eq!(PublicKey::from_did_key(&key.to_did_key()), Ok(key));
    }
}

fn round_trip<T>(text: &str) -> Option<T>
where
    T: FromStr + Display + Debug + PartialEq,
    T::Err: Debug,
{
    let parsed: T = text.parse().ok()?;
    let again: T = parsed.to_string().parse().expect("what was displayed can be parsed");
    assert_eq!(again, parsed);
    Some(parsed)
}

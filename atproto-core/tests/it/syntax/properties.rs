//! Properties of the parsers and generators that hold for any input.

use atproto_core::syntax::{
    AtIdentifier, AtUri, Cid, Codec, Datetime, Did, Handle, Language, Nsid, RecordKey, Tid,
    TidClock, Uri,
};
use proptest::{collection::vec, option, prelude::*};

/// Text near enough to identifiers that parsers get beyond the first byte.
fn near_misses() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-zA-Z0-9]{1,8}",
        "[.:/#%~_-]",
        Just("did:".to_owned()),
        Just("at://".to_owned()),
        Just("1985-04-12T23:20:50".to_owned()),
        any::<char>().prop_map(String::from),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_is_accepted_comes_back_unchanged(text in near_misses()) {
        if let Ok(value) = Did::new(&text) { prop_assert_eq!(value.as_str(), &text); }
        if let Ok(value) = Nsid::new(&text) { prop_assert_eq!(value.as_str(), &text); }
        if let Ok(value) = RecordKey::new(&text) { prop_assert_eq!(value.as_str(), &text); }
        if let Ok(value) = Datetime::new(&text) { prop_assert_eq!(value.as_str(), &text); }
        if let Ok(value) = Language::new(&text) { prop_assert_eq!(value.as_str(), &text); }
        if let Ok(value) = Uri::new(&text) { prop_assert_eq!(value.as_str(), &text); }
        if let Ok(value) = Tid::new(&text) { prop_assert_eq!(value.to_string(), text.clone()); }
        if let Ok(value) = Cid::new(&text) { prop_assert_eq!(value.to_string(), text.clone()); }
        if let Ok(value) = Handle::new(&text) {
            prop_assert_eq!(value.as_str(), text.to_lowercase());
        }
        if let Ok(value) = AtUri::new(&text) {
            prop_assert_eq!(value.as_str(), &text);
            let normal = value.to_normalized();
            prop_assert_eq!(AtUri::new(&normal).unwrap().rkey(), value.rkey());
        }
        let either = Did::new(&text).is_ok() || Handle::new(&text).is_ok();
        prop_assert_eq!(AtIdentifier::new(&text).is_ok(), either);
    }

    #[test]
    fn cids_survive_both_forms(digest: [u8; 32], raw: bool) {
        let cid = Cid::from_digest(if raw { Codec::Raw } else { Codec::DagCbor }, digest);
        prop_assert_eq!(Cid::from_bytes(&cid.to_bytes()), Ok(cid));
        prop_assert_eq!(Cid::new(cid.to_string()), Ok(cid));
        prop_assert_eq!(cid::Cid::from(cid).to_string(), cid.to_string());
    }

    #[test]
    fn a_cid_has_one_text(digest: [u8; 32], at in 0..Cid::TEXT, byte in 0x20u8..0x7F) {
        let cid = Cid::from_digest(Codec::Raw, digest);
        let mut text = cid.to_string().into_bytes();
        text[at] = byte;
        let text = String::from_utf8(text).unwrap();
        prop_assert!(Cid::new(&text).is_ok_and(|other| other == cid) == (text == cid.to_string()));
    }

    #[test]
    fn a_clock_only_goes_forward(
        clock_id: u16,
        calls in vec((0..1u64 << 50, option::of(0..1u64 << 60)), 1..50),
    ) {
        let mut clock = TidClock::new(clock_id);
        let mut last = None;
        for (now, previous) in calls {
            let tid = clock.next(now);
            prop_assert!(last.is_none_or(|last| tid > last));
            last = Some(tid);
            if let Some(previous) = previous.map(Tid::from_u64) {
                prop_assert!(clock.next_after(now, Some(previous)) > previous);
            }
        }
    }

    #[test]
    fn tids_survive_the_text(number: u64, other: u64) {
        let tid = Tid::from_u64(number);
        prop_assert_eq!(Tid::new(tid.to_string()), Ok(tid));
        let other = Tid::from_u64(other);
        prop_assert_eq!(tid.cmp(&other), tid.to_string().cmp(&other.to_string()));
    }

    #[test]
    fn moments_survive_the_text(micros in -62_167_219_200_000_000i64..=253_402_300_799_999_999) {
        let time = Datetime::from_unix_micros(micros);
        prop_assert_eq!(Datetime::new(&time).unwrap().unix_micros(), Some(micros));
    }
}

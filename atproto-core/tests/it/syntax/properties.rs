//! Properties of the parsers and generators that hold for any input.

use std::fmt::Display;

use atproto_core::syntax::{
    AtIdentifier, AtUri, Cid, Codec, Datetime, Did, Handle, Language, Nsid, NsidPattern, RecordKey,
    SyntaxError, Tid, TidClock, Uri,
};
use proptest::{collection::vec, option, prelude::*};

/// A well-formed text of some type. What kind of text it is, the parsers do not learn.
fn well_formed() -> impl Strategy<Value = String> {
    let label = "[a-zA-Z0-9]([a-zA-Z0-9-]{0,20}[a-zA-Z0-9])?";
    let did = "did:[a-z]{1,8}:[a-zA-Z0-9._:%-]{0,40}[a-zA-Z0-9._-]";
    let handle = format!("({label}\\.){{1,4}}[a-z]{{2,10}}");
    let nsid = format!("[a-z]{{2,5}}(\\.{label}){{1,3}}\\.[a-zA-Z][a-zA-Z0-9]{{0,20}}");
    let key = "[a-zA-Z0-9_:~-][a-zA-Z0-9._:~-]{0,40}";
    let time = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3])(:[0-5][0-9]){2}";
    let zone = "(\\.[0-9]{1,20})?(Z|[+-]0[1-9]:[0-5][0-9])";
    let tag =
        "[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2}|-[0-9]{3})?(-[0-9a-z]{5,8})?(-a-[0-9a-z]{2,8})?";
    let texts = [
        did.to_owned(),
        format!("at://({did}|{handle})(/{nsid}(/{key})?)?"),
        format!("{time}{zone}"),
        format!("{tag}(-x-[a-z0-9]{{1,8}})?"),
        format!("https://{handle}(/[a-z]{{1,9}}){{0,3}}"),
        "[2-7a-j][2-7a-z]{12}".to_owned(),
        handle,
        nsid,
        key.to_owned(),
    ];
    let texts = texts.map(|pattern| proptest::string::string_regex(&pattern).expect("a pattern"));
    let cid =
        any::<[u8; 32]>().prop_map(|digest| Cid::from_digest(Codec::DagCbor, digest).to_string());
    prop_oneof![9 => proptest::strategy::Union::new(texts), 1 => cid]
}

/// What the type of a well-formed text is good for: accepted by at least one parser, and
/// written again as it was. Gives how many parsers accept a text.
fn readings(text: &str) -> usize {
    fn reading<T: Display>(value: Result<T, SyntaxError>, text: &str, same_case: bool) -> usize {
        let Ok(value) = value else { return 0 };
        let written = value.to_string();
        assert!(if same_case { written == text } else { written.eq_ignore_ascii_case(text) });
        1
    }
    reading(Did::new(text), text, true)
        + reading(Handle::new(text), text, false)
        + reading(AtIdentifier::new(text), text, false)
        + reading(Nsid::new(text), text, true)
        + reading(NsidPattern::new(text), text, true)
        + reading(RecordKey::new(text), text, true)
        + reading(Tid::new(text), text, true)
        + reading(AtUri::new(text), text, true)
        + reading(Datetime::new(text), text, true)
        + reading(Language::new(text), text, true)
        + reading(Uri::new(text), text, true)
        + reading(Cid::new(text), text, true)
}

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
    fn well_formed_texts_come_back(text in well_formed()) {
        prop_assert!(readings(&text) > 0, "{text:?}");
    }

    #[test]
    fn mutated_texts_are_refused_or_come_back(
        text in well_formed(),
        at: prop::sample::Index,
        end in 0..3usize,
        stranger in prop_oneof![
            "[a-zA-Z0-9./:%#?@_~+-]{0,3}",
            any::<char>().prop_map(String::from),
        ],
    ) {
        let at = at.index(text.len());
        let end = (at + end).min(text.len());
        readings(&format!("{}{stranger}{}", &text[..at], &text[end..]));
    }

    #[test]
    fn any_text_is_refused_or_comes_back(text in prop_oneof![near_misses(), any::<String>()]) {
        readings(&text);
        let either = Did::new(&text).is_ok() || Handle::new(&text).is_ok();
        prop_assert_eq!(AtIdentifier::new(&text).is_ok(), either);
    }

    #[test]
    fn checks_and_parsers_agree(text in prop_oneof![near_misses(), well_formed()]) {
        prop_assert_eq!(AtIdentifier::check(&text), AtIdentifier::new(&text).map(drop));
        prop_assert_eq!(AtUri::check(&text), AtUri::new(&text).map(drop));
        prop_assert_eq!(Datetime::check(&text), Datetime::new(&text).map(drop));
        prop_assert_eq!(Did::check(&text), Did::new(&text).map(drop));
        prop_assert_eq!(Handle::check(&text), Handle::new(&text).map(drop));
        prop_assert_eq!(Language::check(&text), Language::new(&text).map(drop));
        prop_assert_eq!(Nsid::check(&text), Nsid::new(&text).map(drop));
        prop_assert_eq!(NsidPattern::check(&text), NsidPattern::new(&text).map(drop));
        prop_assert_eq!(RecordKey::check(&text), RecordKey::new(&text).map(drop));
        prop_assert_eq!(Uri::check(&text), Uri::new(&text).map(drop));
    }

    #[test]
    fn a_normal_form_is_its_own(text in well_formed()) {
        if let Ok(uri) = AtUri::new(&text) {
            let normal = uri.to_normalized();
            prop_assert_eq!(AtUri::new(&normal), Ok(normal.clone()));
            prop_assert_eq!(&normal.to_normalized(), &normal);
            prop_assert_eq!((normal.authority(), normal.rkey()), (uri.authority(), uri.rkey()));
        }
        if let Ok(nsid) = Nsid::new(&text) {
            let normal = nsid.to_normalized();
            prop_assert_eq!(&normal.to_normalized(), &normal);
            prop_assert_eq!(normal.name(), nsid.name());
        }
    }

    #[test]
    fn parts_of_an_address_are_its_text(text in well_formed()) {
        let Ok(uri) = AtUri::new(&text) else { return Ok(()) };
        let tail = |part: Option<String>| part.map(|part| format!("/{part}")).unwrap_or_default();
        let collection = tail(uri.collection().map(String::from));
        let whole = format!("at://{}{collection}{}", uri.authority(), tail(uri.rkey().map(String::from)));
        prop_assert!(whole.eq_ignore_ascii_case(&text));
    }

    #[test]
    fn any_bytes_are_a_cid_or_none(bytes in vec(any::<u8>(), 0..80), prefixed: bool) {
        let prefix: &[u8] = if prefixed { &[1, 0x71, 0x12, 32] } else { &[] };
        let bytes = [prefix, &bytes].concat();
        match Cid::from_bytes(&bytes) {
            Ok(cid) => prop_assert_eq!(&cid.to_bytes()[..], &bytes[..]),
            Err(_) => prop_assert!(!prefixed || bytes.len() != Cid::BYTES),
        }
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

/// Texts of 8 KiB on which parsers that look back would be at it for very long. That they
/// come to an end within a test's patience is what can be said without a clock; the
/// verdicts are exact.
#[test]
fn long_texts_are_read_to_the_end() {
    let long = |part: &str| part.repeat(8192 / part.len());
    for part in ["a", "-", "a-", "a.", "a-a.", ":", "a:", "%", "/", "0", "\u{e9}"] {
        let text = long(part);
        readings(&text);
        for prefix in ["did:a:", "at://", "at://a.com/", "at://did:a:", "a-", "x-", "https:"] {
            readings(&format!("{prefix}{}", &text[..8192 - 16]));
        }
    }
    assert!(Uri::new(format!("a:{}", &long("b")[2..])).is_ok());
    assert!(Language::new(format!("de-x{}", long("-a"))).is_ok());
    let tag = format!("de{}", long("-1901"));
    assert!(!Language::new(&tag).unwrap().is_strict());
    assert!(Language::new(tag + "-").is_err());
}

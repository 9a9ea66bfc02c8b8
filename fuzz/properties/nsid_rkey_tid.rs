//! NSIDs and patterns of them, record keys and TIDs: the grammar, and what the parts say.

use atproto_core::syntax::{Nsid, NsidPattern, RecordKey, Tid, TidClock};

use super::identifier::{compare, is_nsid, is_record_key, lines, parse_verbatim};

pub(crate) fn check(data: &[u8]) {
    lines(data, one, two);
    if let Some((numbers, _)) = data.split_first_chunk::<16>() {
        clock(numbers);
    }
}

fn one(text: &str) {
    let nsid = parse_verbatim::<Nsid>(text, Nsid::check);
    assert_eq!(nsid.is_some(), is_nsid(text), "NSID {text:?}");
    let pattern = parse_verbatim::<NsidPattern>(text, NsidPattern::check);
    assert!(pattern.is_some() || nsid.is_none());
    if let Some(nsid) = nsid {
        assert_eq!(format!("{}.{}", nsid.authority(), nsid.name()), text);
        let normalized = nsid.to_normalized();
        assert_eq!(parse_verbatim(normalized.as_str(), Nsid::check).as_ref(), Some(&normalized));
        assert_eq!(normalized.name(), nsid.name());
        assert_eq!(normalized.authority_domain(), nsid.authority_domain());
        assert!(pattern.is_some_and(|pattern| pattern.matches(&normalized)));
    }
    let tid = parse_verbatim::<Tid>(text, |text| Tid::new(text).map(drop));
    assert_eq!(tid.is_some(), is_tid(text), "TID {text:?}");
    let key = parse_verbatim::<RecordKey>(text, RecordKey::check);
    assert_eq!(key.is_some(), is_record_key(text), "record key {text:?}");
    if let Some(tid) = tid {
        assert_eq!(Tid::from_u64(tid.as_u64()), tid);
        assert_eq!(key, Some(RecordKey::from(tid)));
        if tid <= Tid::MAX {
            assert_eq!(Tid::from_parts(tid.micros(), tid.clock_id()), tid);
        }
    }
}

fn two(left: &str, right: &str) {
    compare::<Nsid>(left, right);
    compare::<NsidPattern>(left, right);
    compare::<RecordKey>(left, right);
    compare::<Tid>(left, right);
    if let (Ok(pattern), Ok(nsid)) = (left.parse::<NsidPattern>(), right.parse::<Nsid>()) {
        let prefix = left.strip_suffix('*').map(str::to_ascii_lowercase);
        let expected = match prefix {
            Some(prefix) => right.to_ascii_lowercase().starts_with(&prefix),
            None => left.parse::<Nsid>().is_ok_and(|l| l.to_normalized() == nsid.to_normalized()),
        };
        assert_eq!(pattern.matches(&nsid), expected, "{left:?} {right:?}");
    }
}

/// Whatever the clock says, TIDs increase, and stand above the one before.
fn clock(numbers: &[u8; 16]) {
    let (first, second) = numbers.split_at(8);
    let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let (first, second) = (number(first), number(second));
    let mut clock = TidClock::new(first as u16);
    let tids = [first, second, 0].map(|now| clock.next(now >> 12));
    assert!(tids.is_sorted_by(|left, right| left < right), "{tids:?}");
    let previous = Tid::from_u64(second >> 1);
    let next = clock.next_after(first >> 12, Some(previous));
    assert!(next > previous || next == Tid::MAX, "{previous} {next}");
}

fn is_tid(text: &str) -> bool {
    let digit = |c: char| matches!(c, '2'..='7' | 'a'..='z');
    text.len() == 13
        && text.chars().all(digit)
        && matches!(text.as_bytes()[0], b'2'..=b'7' | b'a'..=b'j')
}

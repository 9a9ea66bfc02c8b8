//! TIDs: the statements TID-001 to TID-008.

use std::collections::BTreeSet;

use atproto_core::syntax::{Tid, TidClock};

/// An ordinary moment, in microseconds.
const NOW: u64 = 1_700_000_000_000_000;

#[test]
fn tid_001_thirteen_characters_of_the_sortable_alphabet() {
    assert!(Tid::new("3jzfcijpj2z2a").is_ok());
    for bad in [
        "",
        "3jzfcijpj2z2",
        "3jzfcijpj2z2aa",
        "3jzfcijpj2z21",
        "3JZFCIJPJ2Z2A",
        "3jzfcijpj2z2\u{e4}",
    ] {
        assert!(Tid::new(bad).is_err(), "{bad}");
    }
}

#[test]
fn tid_002_first_character() {
    for first in "234567abcdefghij".chars() {
        assert!(Tid::new(format!("{first}222222222222")).is_ok());
    }
    for first in "klmnopqrstuvwxyz".chars() {
        assert!(Tid::new(format!("{first}222222222222")).is_err());
    }
}

#[test]
fn tid_003_layout() {
    let tid = Tid::from_parts(NOW, 1023);
    assert_eq!((tid.micros(), tid.clock_id()), (NOW, 1023));
    assert_eq!(tid.as_u64(), NOW << 10 | 1023);
    let most = Tid::from_parts(u64::MAX, u16::MAX);
    assert_eq!(most, Tid::MAX);
    assert_eq!(most.as_u64() >> 63, 0);
}

#[test]
fn tid_004_zero() {
    assert_eq!(Tid::MIN.to_string(), "2222222222222");
    assert_eq!("2222222222222".parse(), Ok(Tid::MIN));
}

#[test]
fn tid_005_hyphens() {
    assert!(Tid::new("3jzf-cij-pj2z-2a").is_err());
}

#[test]
fn tid_006_strictly_increasing() {
    let mut clock = TidClock::new(3);
    let times = [NOW, NOW, NOW - 5_000_000, NOW + 1, NOW, 0, u64::MAX >> 12];
    let tids: Vec<_> = times.into_iter().map(|now| clock.next(now)).collect();
    assert!(tids.is_sorted_by(|a, b| a < b), "{tids:?}");
    assert!(tids.iter().all(|tid| tid.clock_id() == 3));

    let now: Vec<_> = (0..1000).map(|_| Tid::now()).collect();
    assert!(now.is_sorted_by(|a, b| a < b));
}

#[test]
fn tid_006_never_twice_from_many_threads() {
    let batches: Vec<Vec<Tid>> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| (0..5_000).map(|_| Tid::now()).collect())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(batches.iter().all(|batch| batch.is_sorted_by(|a, b| a < b)));
    let distinct: BTreeSet<_> = batches.iter().flatten().collect();
    assert_eq!(distinct.len(), 8 * 5_000);
    let clock_ids: BTreeSet<_> = distinct.iter().map(|tid| tid.clock_id()).collect();
    assert_eq!(clock_ids.len(), 1, "one clock for the process");
}

#[test]
fn tid_006_after_a_previous_one() {
    let mut clock = TidClock::new(3);
    let ahead = Tid::from_parts(NOW + 60_000_000, 900);
    let next = clock.next_after(NOW, Some(ahead));
    assert!(next > ahead);
    // One revision far ahead leaves the clock, and with it everybody else, where it was.
    assert!(clock.next_after(NOW + 10, None) < ahead);
    assert_eq!(clock.next_after(NOW, Some(Tid::MAX)), Tid::MAX);
}

#[test]
fn tid_007_clock_id_is_ten_bits() {
    assert_eq!(TidClock::new(1024 + 5).next(NOW).clock_id(), 5);
}

#[test]
fn tid_008_the_author_may_claim_any_time() {
    let far = Tid::from_parts(u64::MAX >> 11, 0);
    assert_eq!(Tid::new(far.to_string()), Ok(far));
    assert_eq!(Tid::new("2222222222222").unwrap().micros(), 0);
    // Nor is a time that somebody claims taken over as one's own.
    let mut clock = TidClock::new(3);
    assert!(clock.next_after(NOW, Some(far)) > far);
    assert_eq!(clock.next(NOW + 1).micros(), NOW + 1);
}

#[test]
fn order_of_numbers_is_order_of_texts() {
    let tids = [0, 1, 31, 32, 1 << 40, u64::MAX >> 1, u64::MAX].map(Tid::from_u64);
    let texts = tids.map(|tid| tid.to_string());
    assert!(texts.is_sorted());
}

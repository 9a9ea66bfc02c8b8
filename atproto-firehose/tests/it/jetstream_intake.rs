//! Events whose numbers are times: what an intake makes of those of a Jetstream server.

use std::time::Duration;

use atproto_core::syntax::NsidPattern;
use atproto_firehose::{
    checkpoint::Checkpoint,
    event::{Event, Gap},
    filter::Filter,
    intake::{Intake, IntakeConfig, Settlement, Start, Wire},
};
use bytes::Bytes;

use crate::support::{
    random::Random,
    rig::{Rig, account, letter, unverified},
};

fn config() -> IntakeConfig {
    let mut config = unverified();
    config.wire = Wire::Jetstream;
    config
}

/// The creation of a record at a time.
fn created(time_us: i64, letter: char, collection: &str, rkey: i64) -> Bytes {
    let cid = "bafyreidqpc7si3dbimffi64lz3xsx2qt45ip7rpna2qpslcddp23itjjzm";
    let commit = format!(
        r#"{{"rev":"3jzfcijpj2z2a","operation":"create","collection":"{collection}","rkey":"{rkey}","record":{{"n":{rkey}}},"cid":"{cid}"}}"#
    );
    let did = account(letter);
    format!(r#"{{"did":"{did}","time_us":{time_us},"kind":"commit","commit":{commit}}}"#).into()
}

/// Reads events of the account `a`, numbered by their record keys, and works on all there is.
fn read(rig: &mut Rig, events: &[(i64, i64)]) -> Vec<(i64, i64)> {
    for (time, rkey) in events {
        rig.intake.handle_frame(rig.now, created(*time, 'a', "com.example.note", *rkey));
        rig.act();
    }
    work(rig)
}

/// Works on all there is: numbers and record keys.
fn work(rig: &mut Rig) -> Vec<(i64, i64)> {
    let mut worked = Vec::new();
    while let Some(delivered) = rig.intake.poll_delivery(rig.now) {
        let Event::Commit(commit) = &*delivered.event else { panic!("{:?}", delivered.event) };
        let [change] = commit.changes() else { panic!("{commit:?}") };
        assert!(change.record.is_some());
        worked.push((commit.seq().unwrap(), change.path.rkey.as_str().parse().unwrap()));
        rig.settle(delivered.id, Settlement::Ack);
    }
    worked
}

const T: i64 = 1_783_175_888_000_000;

#[test]
fn an_event_whose_time_is_taken_has_a_number_of_its_own() {
    let mut rig = Rig::new(config());
    let told = [(T, 1), (T, 2), (T, 3), (T + 9, 4), (T + 5, 5), (T + 20, 6)];
    let expected = [(T, 1), (T + 1, 2), (T + 2, 3), (T + 9, 4), (T + 10, 5), (T + 20, 6)];
    assert_eq!(read(&mut rig, &told), expected);
    // All of it comes again with the next connection, and is known.
    rig.intake.handle_closed(rig.now, "test");
    rig.wait(Duration::from_secs(1));
    assert_eq!(rig.cursors, [Some(0), Some(T + 20 - 5_000_000)]);
    assert_eq!(read(&mut rig, &told), []);
    assert_eq!(read(&mut rig, &[(T + 20, 7)]), [(T + 21, 7)]);
    assert_eq!(rig.intake.stats().disconnects["test"], 1);
    assert_eq!(rig.intake.stats().duplicates, 6);
}

#[test]
fn what_was_not_received_comes_with_the_next_connection_wherever_it_was_cut() {
    let told = [(T, 1), (T, 2), (T + 7, 3), (T + 1, 4), (T + 1, 5), (T + 30, 6), (T + 29, 7)];
    for cut in 0..=told.len() {
        let mut rig = Rig::new(config());
        let mut worked = read(&mut rig, &told[..cut]);
        rig.intake.handle_closed(rig.now, "cut");
        rig.wait(Duration::from_secs(1));
        worked.extend(read(&mut rig, &told));
        let keys: Vec<i64> = worked.iter().map(|(_, rkey)| *rkey).collect();
        assert_eq!(keys, [1, 2, 3, 4, 5, 6, 7], "cut after {cut}");
    }
}

/// Random times, cuts and restarts: each event is worked on at least once and in order, and
/// what was saved as settled not again.
#[test]
fn nothing_is_lost_and_nothing_settled_comes_again_by_any_history() {
    for seed in 0..300 {
        let mut random = Random::seeded(seed);
        let mut time = T;
        let told: Vec<(i64, i64)> = (1..=60)
            .map(|rkey| {
                time += [0, 0, 0, 1, 2, 40, 5_000][random.below(7)];
                (time - [0, 0, 0, 1, 30][random.below(5)], rkey)
            })
            .collect();
        let (mut rig, mut worked, mut held) = (Rig::new(config()), Vec::new(), Vec::new());
        let (mut at, mut breaks) = (0, 6);
        while at < told.len() {
            let (time, rkey) = told[at];
            let letter = char::from(b'a' + (rkey % 3) as u8);
            rig.intake.handle_frame(rig.now, created(time, letter, "com.example.note", rkey));
            rig.act();
            at += 1;
            while let Some(delivered) = rig.intake.poll_delivery(rig.now) {
                held.push(delivered);
            }
            while !held.is_empty() && random.below(3) > 0 {
                let delivered = held.swap_remove(random.below(held.len()));
                worked.push(told_by(&delivered.event));
                rig.settle(delivered.id, Settlement::Ack);
            }
            match random.below(12) {
                _ if breaks == 0 => {}
                0 => {
                    rig.intake.handle_closed(rig.now, "cut");
                    rig.wait(Duration::from_secs(60));
                    (at, breaks) = (0, breaks - 1);
                }
                1 => {
                    // What is settled is saved before the process dies.
                    rig.wait(Duration::from_secs(1));
                    held.clear();
                    rig.restart(config());
                    (at, breaks) = (0, breaks - 1);
                }
                _ => {}
            }
        }
        while let Some(delivered) = held.pop().or_else(|| rig.intake.poll_delivery(rig.now)) {
            worked.push(told_by(&delivered.event));
            rig.settle(delivered.id, Settlement::Ack);
        }
        for letter in ['a', 'b', 'c'] {
            let of: Vec<i64> =
                worked.iter().filter(|(one, _)| *one == letter).map(|(_, rkey)| *rkey).collect();
            assert!(of.is_sorted_by(|one, next| one < next), "seed {seed}: {letter} {of:?}");
        }
        assert_eq!(worked.len(), told.len(), "seed {seed}: {worked:?}");
    }
}

/// The account, and the record key.
fn told_by(event: &Event) -> (char, i64) {
    let Event::Commit(commit) = event else { panic!("{event:?}") };
    (letter(commit.did()), commit.changes()[0].path.rkey.as_str().parse().unwrap())
}

#[test]
fn another_filter_begins_a_little_before_the_cursor_and_loses_nothing() {
    let notes = || Filter::collections([NsidPattern::new("com.example.note").unwrap()]);
    let mut rig = Rig::new(config());
    // Two events of the same time, between which the filter changes.
    rig.intake.handle_frame(rig.now, created(T, 'a', "com.example.follow", 1));
    rig.act();
    rig.intake.set_filter(rig.now, notes());
    rig.act();
    rig.wait(Duration::from_secs(1));
    assert_eq!(rig.cursors.len(), 2, "it has connected again");
    // By the new filter the second alone comes, under the number of the first.
    assert_eq!(read(&mut rig, &[(T - 2_000_000, 0), (T, 2), (T + 5, 3)]).len(), 3);
    // From then on all is as before.
    rig.intake.handle_closed(rig.now, "cut");
    rig.wait(Duration::from_secs(1));
    assert_eq!(read(&mut rig, &[(T, 2), (T + 5, 3), (T + 6, 4)]), [(T + 6, 4)]);
    rig.intake.handle_frame(rig.now, created(T + 7, 'a', "com.example.follow", 5));
    rig.act();
    assert_eq!(work(&mut rig), [], "the consumer filters too");
    assert_eq!(rig.intake.stats().ignored["filtered"], 1);
    assert_eq!(rig.intake.stats().cursor, Some(T + 7));
}

#[test]
fn what_is_no_event_of_the_data_model_is_a_gap_of_its_account() {
    let mut rig = Rig::new(config());
    let torn = |time: i64, broken: &str| -> Bytes {
        let frame = created(time, 'a', "com.example.note", 1);
        std::str::from_utf8(&frame).unwrap().replace(r#"{"n":1}"#, broken).into()
    };
    rig.intake.handle_frame(rig.now, torn(T, r#"{"n":1.5}"#));
    rig.act();
    let delivered = rig.intake.poll_delivery(rig.now).unwrap();
    let Event::Gap(Gap::Repo { did, .. }) = &*delivered.event else { panic!("{delivered:?}") };
    assert_eq!(*did, account('a'));
    rig.settle(delivered.id, Settlement::Ack);
    let unknown = format!(r#"{{"did":"{}","time_us":{},"kind":"mood"}}"#, account('a'), T + 5);
    rig.intake.handle_frame(rig.now, unknown.into());
    rig.act();
    assert_eq!(rig.intake.stats().ignored["unknown_kind"], 1);
    assert_eq!(rig.intake.stats().cursor, Some(T + 5));
    rig.wait(Duration::from_secs(1));
    assert_eq!(rig.saved.iter().map(|saved| saved.rejects.len()).sum::<usize>(), 1);
    rig.intake.handle_frame(rig.now, Bytes::from_static(b"no json"));
    rig.act();
    assert_eq!(rig.intake.stats().disconnects["malformed_frame"], 1);
}

#[test]
fn an_absence_longer_than_servers_keep_events_is_a_gap() {
    for (hours, is_gap) in [(23, false), (25, true)] {
        let mut rig = Rig::new(config());
        read(&mut rig, &[(T, 1)]);
        rig.wait(Duration::from_secs(1));
        let mut later = config();
        later.started_at = T + hours * 3_600_000_000;
        rig.restart(later);
        let gap = rig.intake.poll_delivery(rig.now);
        assert_eq!(gap.is_some(), is_gap, "{hours} hours");
        let Some(gap) = gap else { continue };
        assert!(
            matches!(*gap.event, Event::Gap(Gap::OutdatedCursor { cursor: T })),
            "{:?}",
            gap.event
        );
        rig.settle(gap.id, Settlement::Ack);
        // It is said once, not with each connection.
        rig.intake.handle_closed(rig.now, "cut");
        rig.wait(Duration::from_secs(60));
        assert!(rig.intake.poll_delivery(rig.now).is_none());
        assert_eq!(read(&mut rig, &[(T + hours * 3_600_000_000, 2)]).len(), 1);
    }
}

/// The cursor would pass over everything until then, and no reader would notice.
#[test]
fn an_event_of_the_far_future_ends_the_connection() {
    let mut today = config();
    today.started_at = T;
    let mut rig = Rig::new(today);
    let day = 86_400_000_000;
    assert_eq!(read(&mut rig, &[(T, 1), (T + day / 2, 2), (T + 2 * day, 3)]).len(), 2);
    assert_eq!(rig.intake.stats().disconnects["time_in_future"], 1);
    assert_eq!(rig.intake.stats().cursor, Some(T + day / 2));
}

#[test]
fn a_number_that_is_none_is_not_asked_for_again() {
    let mut rig = Rig::new(config());
    read(&mut rig, &[(T, 1), (i64::MAX - 1, 2)]);
    assert_eq!(rig.intake.stats().disconnects["seq_not_increasing"], 1);
    rig.wait(Duration::from_secs(60));
    assert_eq!(rig.cursors, [Some(0), Some(T - 5_000_000)]);
}

#[test]
fn a_long_silence_is_no_jump_and_live_is_live() {
    let mut live = config();
    live.start = Some(Start::Live);
    let mut rig = Rig::new(live);
    assert_eq!(rig.cursors, [None]);
    let day = 86_400_000_000;
    assert_eq!(read(&mut rig, &[(T, 1), (T + day, 2)]), [(T, 1), (T + day, 2)]);
    assert_eq!(rig.intake.stats().cursor, Some(T + day));
    assert!(rig.intake.stats().gaps.is_empty());
}

#[test]
fn spooled_parked_and_rejected_events_are_read_again() {
    let mut small = config();
    small.max_account_bytes = 1;
    small.max_spool_bytes = 1 << 20;
    let mut rig = Rig::new(small);
    let told: Vec<(i64, i64)> = (0..5).map(|number| (T, number)).collect();
    let expected: Vec<(i64, i64)> = (0..5).map(|number| (T + number, number)).collect();
    assert_eq!(read(&mut rig, &told), expected);
    assert!(rig.intake.stats().unspooled > 0);

    let mut parking = config();
    parking.max_parked_bytes = 1 << 20;
    let mut rig = Rig::new(parking);
    for (time, rkey) in &told {
        rig.intake.handle_frame(rig.now, created(*time, 'a', "com.example.note", *rkey));
    }
    rig.act();
    let first = rig.intake.poll_delivery(rig.now).unwrap();
    rig.settle(first.id, Settlement::Park);
    rig.wait(Duration::from_secs(1));
    assert_eq!((rig.parked.len(), rig.intake.stats().cursor), (5, Some(T + 4)));
    assert!(rig.intake.unpark(rig.now, &account('a')));
    let mut worked = Vec::new();
    while worked.len() < 5 {
        rig.wait(Duration::from_secs(1));
        worked.extend(work(&mut rig));
    }
    assert_eq!(worked, expected);

    let mut rig = Rig::new(config());
    rig.intake.handle_frame(rig.now, created(T, 'a', "com.example.note", 7));
    rig.act();
    let delivered = rig.intake.poll_delivery(rig.now).unwrap();
    rig.settle(delivered.id, Settlement::Reject("no".into()));
    rig.wait(Duration::from_secs(1));
    let reject = rig.saved.iter().flat_map(|saved| &saved.rejects).next().unwrap().clone();
    rig.intake.handle_replay(rig.now, 1, &reject).unwrap();
    assert_eq!(work(&mut rig), [(T, 7)]);
}

#[test]
fn a_checkpoint_of_the_stream_goes_on_with_what_is_unsettled() {
    let mut rig = Rig::new(config());
    for (time, letter, rkey) in [(T, 'a', 1), (T, 'b', 2), (T, 'c', 3)] {
        rig.intake.handle_frame(rig.now, created(time, letter, "com.example.note", rkey));
    }
    rig.act();
    let deliveries: Vec<_> = std::iter::from_fn(|| rig.intake.poll_delivery(rig.now)).collect();
    rig.settle(deliveries[1].id, Settlement::Ack);
    rig.wait(Duration::from_secs(1));
    let saved: &Checkpoint = rig.saved.last().unwrap();
    assert_eq!(saved.cursor, Some(T - 1));
    rig.intake = Intake::new(config(), &saved.clone(), rig.now);
    rig.act();
    for (time, letter, rkey) in [(T, 'a', 1), (T, 'b', 2), (T, 'c', 3)] {
        rig.intake.handle_frame(rig.now, created(time, letter, "com.example.note", rkey));
    }
    rig.act();
    assert_eq!(work(&mut rig), [(T, 1), (T + 2, 3)]);
}

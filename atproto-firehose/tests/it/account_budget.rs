//! One account with nearly all of the traffic: what it may hold, and what the
//! others get.

use std::{fs, time::Duration};

use atproto_firehose::intake::{IntakeConfig, Settlement};

use crate::{
    consumer::{open, strict},
    support::{
        network::{Account, Directory, Upstream},
        rig::{Rig, cost, unverified},
    },
};

/// Room for forty events, of which one account may hold eight.
fn small() -> IntakeConfig {
    let mut config = unverified();
    config.max_in_flight_bytes = 40 * cost();
    config.max_account_bytes = 8 * cost();
    config
}

fn spooled(events: usize) -> IntakeConfig {
    let mut config = small();
    config.max_spool_bytes = (events * crate::support::rig::frame(1, 'a').len()) as u64;
    config
}

#[test]
fn a_hot_account_gets_one_turn_of_each_round() {
    let mut rig = Rig::new(unverified());
    let mut seq = 0;
    // Nine of ten events are of one account.
    for round in 0..20 {
        for letter in std::iter::repeat_n('a', 81).chain('b'..='j') {
            seq += 1;
            assert!(rig.read(seq, letter), "round {round}");
        }
    }
    // One worker: after 200 deliveries each of ten accounts had 20.
    let served: Vec<char> = (0..200).map(|_| rig.work().unwrap().0).collect();
    for letter in 'a'..='j' {
        assert_eq!(served.iter().filter(|one| **one == letter).count(), 20, "account {letter}");
    }
    // Then the hot one is alone, and has all turns.
    assert_eq!(rig.work_off().len(), 20 * 90 - 200);
}

#[test]
fn without_a_spool_an_account_above_its_budget_holds_up_reading_only_when_all_is_full() {
    let mut rig = Rig::new(small());
    assert!(rig.read(1, 'a'));
    let (_, _, stuck) = rig.next().unwrap();
    let mut seq = 1;
    // The others go on, although one account is stuck and above its budget.
    for letter in std::iter::repeat_n(['a', 'b'], 30).flatten() {
        assert!(rig.read(seq + 1, letter), "at {seq}: {:?}", rig.intake.stats());
        seq += 1;
        if letter == 'b' {
            assert_eq!(rig.work(), Some(('b', seq)));
        }
    }
    assert_eq!(rig.intake.stats().over_account_budget, 31 - 8);
    while rig.read(seq + 1, 'a') {
        seq += 1;
    }
    let stats = rig.intake.stats();
    assert_eq!(stats.pressure, Some("bytes"));
    assert_eq!(stats.stalls.get("bytes"), Some(&1));
    assert!(stats.in_flight_bytes <= 40 * cost() as u64, "{stats:?}");
    // Nothing was dropped, and the order is that of the stream.
    rig.settle(stuck, Settlement::Ack);
    let rest: Vec<i64> = rig.work_off().into_iter().map(|(_, seq)| seq).collect();
    assert!(rest.is_sorted() && rest.last() == Some(&seq));
    assert_eq!(rest.len() as u64, stats.in_flight - 1);
    assert_eq!(rig.intake.pressure(), None);
}

#[test]
fn with_a_spool_a_stuck_hot_account_starves_nobody() {
    let mut config = spooled(1_000);
    config.max_in_flight_bytes = 300 * cost();
    let mut rig = Rig::new(config);
    rig.read(1, 'a');
    let (_, _, stuck) = rig.next().unwrap();
    for seq in 2..=900 {
        let letter = if seq % 100 == 0 { 'b' } else { 'a' };
        assert!(rig.read(seq, letter), "at {seq}: {:?}", rig.intake.stats());
        if letter == 'b' {
            assert_eq!(rig.work(), Some(('b', seq)));
        }
    }
    let stats = rig.intake.stats();
    assert_eq!((stats.in_flight, stats.in_spool), (900 - 9, 900 - 9 - 8));
    let held = 8 * cost() + stats.in_spool as usize * 256;
    assert!(stats.in_flight_bytes <= held as u64, "eight in memory, and the list of the others");
    assert_eq!(stats.cursor, Some(0), "what is in the spool is not settled");
    rig.settle(stuck, Settlement::Ack);
    let rest: Vec<i64> = rig.work_off().into_iter().map(|(_, seq)| seq).collect();
    let hot: Vec<i64> = (2..=900).filter(|seq| seq % 100 != 0).collect();
    assert_eq!(rest, hot);
    let stats = rig.intake.stats();
    assert_eq!((stats.in_spool_bytes, stats.in_flight_bytes, stats.cursor), (0, 0, Some(900)));
    assert_eq!((stats.spooled, stats.unspooled), (883, 883));
    assert!(rig.spool.is_empty());
}

#[test]
fn a_full_spool_is_backpressure() {
    let mut rig = Rig::new(spooled(20));
    let mut seq = 0;
    while rig.read(seq + 1, 'a') {
        seq += 1;
        assert!(seq < 100);
    }
    let stats = rig.intake.stats();
    assert_eq!(stats.pressure, Some("spool"));
    assert!(stats.in_spool_bytes <= spooled(20).max_spool_bytes, "{stats:?}");
    // Each event that is done makes room for another.
    let mut done = Vec::new();
    while seq < 200 {
        done.push(rig.work().unwrap().1);
        while rig.read(seq + 1, 'a') {
            seq += 1;
        }
    }
    done.extend(rig.work_off().into_iter().map(|(_, seq)| seq));
    assert!(done.into_iter().eq(1..=seq), "each once and in order");
}

#[test]
fn what_the_spool_cannot_write_is_read_again() {
    let mut rig = Rig::new(spooled(1_000));
    for seq in 1..=8 {
        rig.read(seq, 'a');
    }
    rig.spool_writes_fail = true;
    rig.read(9, 'a');
    let stats = rig.intake.stats();
    assert!(!stats.connected);
    assert_eq!(stats.disconnects.get("spool"), Some(&1));
    assert_eq!(stats.spool_failures.get("write"), Some(&1));
    let checkpoint = rig.intake.checkpoint_with(&[]);
    assert_eq!((checkpoint.cursor, checkpoint.received), (Some(0), 0));
    rig.spool_writes_fail = false;
    rig.wait(Duration::from_secs(1));
    assert_eq!(rig.cursors, [Some(0), Some(8)], "from just below what is missing");
    for seq in 9..=20 {
        assert!(rig.read(seq, 'a'));
    }
    assert!(rig.work_off().into_iter().map(|(_, seq)| seq).eq(1..=20));
}

#[test]
fn what_the_spool_cannot_read_is_read_again_with_all_behind_it() {
    let mut rig = Rig::new(spooled(1_000));
    for seq in 1..=20 {
        rig.read(seq, if seq == 15 { 'b' } else { 'a' });
    }
    rig.spool_reads_fail = true;
    assert_eq!(rig.work(), Some(('a', 1)));
    assert!(rig.spool.is_empty(), "what is behind the loss is read again too");
    rig.spool_reads_fail = false;
    rig.wait(Duration::from_secs(1));
    assert_eq!(rig.cursors, [Some(0), Some(8)]);
    for seq in 9..=25 {
        assert!(rig.read(seq, if seq == 15 { 'b' } else { 'a' }));
    }
    let done = rig.work_off();
    let of = |letter| done.iter().filter(move |(one, _)| *one == letter).map(|(_, seq)| *seq);
    assert!(of('a').eq((2..=25).filter(|seq| *seq != 15)), "{done:?}");
    assert!(of('b').eq([15]), "it was still there, and does not come twice");
}

#[test]
fn what_is_forgotten_while_connecting_is_not_skipped_by_that_connection() {
    let mut rig = Rig::new(spooled(1_000));
    for seq in 1..=8 {
        rig.read(seq, 'a');
    }
    rig.intake.handle_frame(rig.now, crate::support::rig::frame(9, 'a'));
    let Some(atproto_firehose::intake::Action::Spool { id, .. }) = rig.intake.poll_action(rig.now)
    else {
        panic!()
    };
    // While it is written the connection ends, and the next is being opened.
    rig.intake.handle_closed(rig.now, "reset");
    rig.now += Duration::from_secs(1);
    let Some(atproto_firehose::intake::Action::Connect { cursor: Some(9), .. }) =
        rig.intake.poll_action(rig.now)
    else {
        panic!()
    };
    rig.intake.handle_spool_failed(id);
    rig.intake.handle_connected(rig.now);
    rig.act();
    rig.wait(Duration::from_secs(2));
    assert_eq!(rig.cursors.last(), Some(&Some(8)));
    rig.read(9, 'a');
    assert!(rig.work_off().into_iter().map(|(_, seq)| seq).eq(1..=9));
}

#[tokio::test(start_paused = true)]
async fn the_spool_is_a_directory_that_is_empty_again_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let spool = dir.path().join("spool");
    let files = || fs::read_dir(&spool).unwrap().count() - 1;
    let (mut hot, mut other) = (Account::new('a'), Account::new('b'));
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&hot, &other]));
    for _ in 0..100 {
        upstream.send(hot.commit());
    }
    upstream.send(other.commit());
    let options = || {
        let memory = strict(&directory).max_in_flight_bytes(90 << 10).max_frame_bytes(10_000);
        memory.max_account_bytes(30 << 10).spool(&spool, 4 << 20)
    };
    let path = dir.path().join("state");
    let mut consumer = open(&upstream, &path, options()).await;
    let stuck = consumer.next().await.unwrap();
    let free = consumer.next().await.unwrap();
    assert_eq!(free.event().did(), Some(&other.did), "it is behind a hundred events");
    assert!(free.ack().await);
    assert!(files() > 50, "{} files", files());
    assert!(consumer.stats().in_flight_bytes <= 90 << 10);
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop((stuck, consumer));
    tokio::time::sleep(Duration::from_secs(1)).await;

    // A process that dies leaves files; the next one reads the events anew.
    fs::write(spool.join("77.spooled"), b"left").unwrap();
    let mut consumer = open(&upstream, &path, options()).await;
    let first = consumer.next().await.unwrap();
    assert_eq!(first.event().seq(), Some(1));
    while consumer.stats().received < 101
        || files() == 0
        || files() as u64 != consumer.stats().in_spool
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The clock goes on when the files are written.
    tokio::time::sleep(Duration::from_secs(1)).await;
    // One file is damaged.
    let damaged = fs::read_dir(&spool).unwrap().map(|file| file.unwrap().path());
    let damaged = damaged.filter(|path| path.extension().is_some()).min().unwrap();
    let mut bytes = fs::read(&damaged).unwrap();
    bytes[10] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    assert!(first.ack().await);
    for seq in 2..=100 {
        let delivery = consumer.next().await.unwrap();
        assert_eq!(delivery.event().seq(), Some(seq));
        assert!(delivery.ack().await);
    }
    assert_eq!(consumer.stats().spool_failures.get("read"), Some(&1));
    assert_eq!((files(), consumer.stats().in_spool), (0, 0));
}

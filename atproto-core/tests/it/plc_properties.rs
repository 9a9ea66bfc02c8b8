//! did:plc: random logs against the rule in its simplest form, and logs that were touched.

use atproto_core::crypto::{Curve, SecretKey};
use atproto_core::identity::plc::{
    self, AuditEntry, History, LogError, Operation, OperationError, SignedOperation, Tombstone,
    verify_log,
};
use atproto_core::syntax::{Cid, Datetime, Did};

const HOUR: i64 = 3_600_000_000;

/// An operation as the rule sees it: keys are numbers, and so are operations.
#[derive(Clone)]
struct Fact {
    prev: usize,
    signer: usize,
    /// The rotation keys that it declares; `None` is a tombstone.
    keys: Option<Vec<usize>>,
    at: i64,
}

/// The rule, over the numbers of the operations in force.
fn is_acceptable(facts: &[Fact], in_force: &[usize], next: &Fact) -> bool {
    let Some(place) = in_force.iter().position(|number| *number == next.prev) else { return false };
    let Some(keys) = &facts[next.prev].keys else { return false };
    let authority = |key: usize| keys.iter().position(|other| *other == key);
    let Some(rank) = authority(next.signer) else { return false };
    let Some(displaced) = in_force.get(place + 1).map(|number| &facts[*number]) else {
        return true;
    };
    let newest = &facts[*in_force.last().unwrap()];
    rank < authority(displaced.signer).unwrap()
        && next.at > newest.at
        && next.at - displaced.at <= 72 * HOUR
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % limit
    }

    fn keys(&mut self, of: usize) -> Vec<usize> {
        let mut keys: Vec<_> = (0..of).collect();
        for index in (1..of).rev() {
            keys.swap(index, self.below(index + 1));
        }
        keys.truncate(1 + self.below(of));
        keys
    }
}

#[test]
fn plc_009_010_random_logs_follow_the_rule_and_no_other() {
    let keys: Vec<_> = [Curve::K256, Curve::P256, Curve::K256, Curve::P256]
        .into_iter()
        .map(SecretKey::generate)
        .collect();
    let (mut accepted_count, mut refused, mut displaced) = (0, 0, 0);
    for seed in 0..40 {
        let mut random = Random(seed);
        let declared = random.keys(keys.len());
        let signer = declared[random.below(declared.len())];
        let mut operation = operation(&keys, &declared, 0);
        let (did, genesis) = plc::create(operation.clone(), &keys[signer]).unwrap();

        let mut facts = vec![Fact { prev: usize::MAX, signer, keys: Some(declared), at: 0 }];
        let mut operations = vec![genesis.clone()];
        let (mut in_force, mut order) = (vec![0], vec![0]);
        let mut history = History::new(did.clone());
        let _ = history.accept(genesis, 0).unwrap();
        let mut now = 0;
        for number in 1..16 {
            now += [0, 1, HOUR, 36 * HOUR, 72 * HOUR][random.below(5)];
            let prev = match random.below(3) {
                0 => random.below(number),
                _ => *in_force.last().unwrap(),
            };
            let declared = (random.below(8) > 0).then(|| random.keys(keys.len()));
            let fact = Fact { prev, signer: random.below(keys.len()), keys: declared, at: now };
            let prev = operations[prev].cid();
            let signed = match &fact.keys {
                Some(declared) => {
                    operation = self::operation(&keys, declared, number);
                    operation.prev = Some(prev);
                    operation.sign(&keys[fact.signer]).unwrap()
                }
                None => Tombstone { prev }.sign(&keys[fact.signer]).unwrap(),
            };
            let expected = is_acceptable(&facts, &in_force, &fact);
            let result = history.accept(signed.clone(), now);
            assert_eq!(result.is_ok(), expected, "seed {seed}, operation {number}: {result:?}");
            if expected {
                let kept = in_force.iter().position(|other| *other == fact.prev).unwrap() + 1;
                let cids: Vec<Cid> =
                    in_force[kept..].iter().map(|number| operations[*number].cid()).collect();
                assert_eq!(result.unwrap().nullified, cids);
                displaced += cids.len();
                in_force.truncate(kept);
                in_force.push(number);
                order.push(number);
                accepted_count += 1;
            } else {
                refused += 1;
            }
            facts.push(fact);
            operations.push(signed);
        }
        let log: Vec<_> = order
            .iter()
            .map(|number| {
                entry(&did, &operations[*number], !in_force.contains(number), facts[*number].at)
            })
            .collect();
        let verified = verify_log(&did, &log).unwrap();
        assert_eq!(verified.history.newest(), Some(&operations[*in_force.last().unwrap()]));
        assert_eq!(verified.nullified.len(), order.len() - in_force.len());
    }
    assert!(accepted_count > 50 && refused > 50 && displaced > 10, "all of it happened");
}

#[test]
fn t14_a_log_that_was_touched_is_refused() {
    let keys = [SecretKey::generate(Curve::K256), SecretKey::generate(Curve::P256)];
    let (did, genesis) = plc::create(operation(&keys, &[0, 1], 0), &keys[1]).unwrap();
    let follow = |prev: &SignedOperation, number, key: &SecretKey| {
        let operation = operation(&keys, &[0, 1], number);
        Operation { prev: Some(prev.cid()), ..operation }.sign(key).unwrap()
    };
    let theft = follow(&genesis, 1, &keys[1]);
    let recovery = follow(&genesis, 2, &keys[0]);
    let latest = follow(&recovery, 3, &keys[1]);
    let log = [
        entry(&did, &genesis, false, 0),
        entry(&did, &theft, true, HOUR),
        entry(&did, &recovery, false, 73 * HOUR),
        entry(&did, &latest, false, 74 * HOUR),
    ];
    assert!(verify_log(&did, &log).is_ok(), "exactly 72 hours");

    // Bytes. Times are the directory's word; only their order and distance are checked.
    let json = serde_json::to_string(&log).unwrap();
    let times: Vec<_> =
        json.match_indices("\"createdAt\":").map(|(at, name)| at + name.len()).collect();
    let is_time = |at: usize| times.iter().any(|time| (*time..*time + 26).contains(&at));
    let mut touched = 0;
    for at in (0..json.len()).step_by(5).filter(|at| !is_time(*at)) {
        let mut bytes = json.clone().into_bytes();
        bytes[at] ^= 1;
        let read = serde_json::from_slice::<Vec<AuditEntry>>(&bytes);
        let verified = read.map(|log| verify_log(&did, &log).map(drop));
        assert!(
            !matches!(verified, Ok(Ok(()))),
            "byte {at}: {}",
            &json[at..(at + 20).min(json.len())]
        );
        touched += 1;
    }
    assert!(touched > 300);

    // Order, and entries left out. What nothing refers to can be withheld: the newest, and
    // what was displaced.
    for left in 0..log.len() {
        for right in left + 1..log.len() {
            let mut log = log.clone();
            log.swap(left, right);
            assert!(verify_log(&did, &log).is_err(), "{left} and {right} swapped");
            let (a, b) = (log[left].created_at.clone(), log[right].created_at.clone());
            (log[left].created_at, log[right].created_at) = (b, a);
            assert!(verify_log(&did, &log).is_err(), "{left} and {right}, with their times");
        }
        let mut log = log.to_vec();
        log.remove(left);
        assert_eq!(verify_log(&did, &log).is_ok(), [1, 3].contains(&left), "without {left}");
    }

    // Times.
    let at = |index: usize, micros: i64| {
        let mut log = log.clone();
        log[index].created_at = Datetime::from_unix_micros(micros);
        verify_log(&did, &log).map(drop)
    };
    assert_eq!(at(3, 73 * HOUR - 1), Err(LogError::Time { index: 3 }));
    let late = OperationError::LateRecovery { elapsed_micros: 72 * HOUR + 1000 };
    assert_eq!(at(2, 73 * HOUR + 1000), Err(LogError::Operation { index: 2, source: late }));
    assert_eq!(
        at(2, HOUR),
        Err(LogError::Operation { index: 2, source: OperationError::Misordered })
    );
}

fn operation(keys: &[SecretKey], declared: &[usize], number: usize) -> Operation {
    Operation {
        rotation_keys: declared.iter().map(|key| keys[*key].public_key().to_did_key()).collect(),
        // No two operations of a log are alike.
        also_known_as: vec![format!("at://u{number}.test")],
        ..Operation::default()
    }
}

fn entry(did: &Did, operation: &SignedOperation, nullified: bool, at: i64) -> AuditEntry {
    AuditEntry {
        did: did.clone(),
        operation: operation.clone(),
        cid: operation.cid(),
        nullified,
        created_at: Datetime::from_unix_micros(at),
    }
}

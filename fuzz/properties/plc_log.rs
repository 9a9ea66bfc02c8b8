//! Histories of did:plc: operations by several keys at several times, held against a model
//! of the rule, which knows who signed what.

use std::sync::LazyLock;

use atproto_core::{
    crypto::{Curve, SecretKey},
    identity::plc::{
        AuditEntry, History, Operation, SignedOperation, Tombstone, did_of_genesis, verify_log,
    },
    syntax::{Cid, Datetime, Did},
};

use super::entropy::Entropy;

static KEYS: LazyLock<[SecretKey; 4]> = LazyLock::new(|| {
    [1, 2, 3, 4].map(|number| {
        let curve = if number % 2 == 0 { Curve::K256 } else { Curve::P256 };
        SecretKey::from_bytes(curve, &[number; 32]).expect("a key")
    })
});

pub(crate) fn check(data: &[u8]) {
    let mut entropy = Entropy::new(data);
    let genesis = Step::take(&mut entropy, None);
    let did = did_of_genesis(&genesis.operation);
    let mut history = History::new(did.clone());
    let mut model = Model::default();
    let mut made = vec![genesis.operation.cid()];
    let mut now = START;
    let mut next = Some(genesis);
    while let Some(step) = next.take() {
        let expected = model.judge(&step, now);
        let accepted = history.accept(step.operation.clone(), now);
        assert_eq!(accepted.as_ref().map(|_| ()).ok(), expected.map(|_| ()), "{accepted:?}");
        if let (Ok(accepted), Some(displaced)) = (accepted, expected) {
            assert_eq!(accepted.cid, step.operation.cid());
            assert_eq!(accepted.nullified.len(), displaced);
            model.push(step, now, displaced);
        }
        if entropy.is_empty() || made.len() == MAX_STEPS {
            break;
        }
        now += DELAYS[entropy.below(DELAYS.len())];
        let prev = made[entropy.below(made.len())];
        let step = Step::take(&mut entropy, Some(prev));
        made.push(step.operation.cid());
        next = Some(step);
    }
    verify(&did, &history, &model);
}

/// The whole log verifies, and does not once a line is changed.
fn verify(did: &Did, history: &History, model: &Model) {
    let mut log: Vec<_> = model.log.iter().map(|logged| logged.entry(did)).collect();
    if log.is_empty() || !log.is_sorted_by_key(|entry| entry.created_at.unix_micros()) {
        assert!(verify_log(did, &log).is_err());
        return;
    }
    let verified = verify_log(did, &log).expect("every line was accepted");
    assert_eq!(verified.state, history.state());
    assert_eq!(verified.nullified.len(), log.iter().filter(|entry| entry.nullified).count());
    if let Some(state) = verified.state {
        assert!(state.to_document().signing_key().is_ok());
    }

    let last = log.len() - 1;
    log[last].nullified ^= true;
    assert!(verify_log(did, &log).is_err(), "a line marked wrongly");
    log[last].nullified ^= true;
    log[last].cid = Cid::dag_cbor(b"another");
    assert!(verify_log(did, &log).is_err(), "the CID of another operation");
    log[last].cid = log[last].operation.cid();
    let foreign = Did::new("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa").expect("a DID");
    assert!(verify_log(&foreign, &log).is_err(), "the log of another identity");
    assert!(verify_log(did, &log[1..]).is_err(), "a log without its genesis");
}

/// An operation, and what the model needs to know of it.
#[derive(Clone)]
struct Step {
    operation: SignedOperation,
    prev: Option<Cid>,
    signer: usize,
    /// Indices into the keys, of which none occurs twice; none in a tombstone.
    rotation: Option<Vec<usize>>,
}

impl Step {
    fn take(entropy: &mut Entropy<'_>, prev: Option<Cid>) -> Self {
        let kind = entropy.byte();
        let signer = usize::from(kind & 3);
        if let Some(prev) = prev.filter(|_| kind > 0xe0) {
            let operation = Tombstone { prev }.sign(&KEYS[signer]).expect(SIGNS);
            return Self { operation, prev: Some(prev), signer, rotation: None };
        }
        let mut rotation = Vec::new();
        for _ in 0..entropy.below(4) + 1 {
            let key = entropy.below(4);
            if !rotation.contains(&key) {
                rotation.push(key);
            }
        }
        let mut operation = Operation { prev, ..Operation::default() };
        let name = |key: &usize| KEYS[*key].public_key().to_did_key();
        operation.rotation_keys = rotation.iter().map(name).collect();
        operation.set_signing_key(&KEYS[usize::from(kind >> 2 & 3)].public_key());
        let operation = operation.sign(&KEYS[signer]).expect(SIGNS);
        Self { operation, prev, signer, rotation: Some(rotation) }
    }
}

/// The rule of did:plc once more.
#[derive(Default)]
struct Model {
    /// All that was accepted.
    log: Vec<Logged>,
}

struct Logged {
    step: Step,
    at: i64,
    nullified: bool,
}

impl Logged {
    fn entry(&self, did: &Did) -> AuditEntry {
        AuditEntry {
            did: did.clone(),
            operation: self.step.operation.clone(),
            cid: self.step.operation.cid(),
            nullified: self.nullified,
            created_at: Datetime::from_unix_micros(self.at),
        }
    }
}

impl Model {
    /// How many operations the step displaces, or none if it is to be refused.
    fn judge(&self, step: &Step, now: i64) -> Option<usize> {
        let in_force: Vec<_> = self.log.iter().filter(|logged| !logged.nullified).collect();
        let Some(newest) = in_force.last() else {
            let own = step.rotation.as_ref()?.contains(&step.signer);
            return (own && step.prev.is_none()).then_some(0);
        };
        let fork = in_force.iter().position(|l| Some(l.step.operation.cid()) == step.prev)?;
        let keys = in_force[fork].step.rotation.as_ref()?;
        let rank = |step: &Step| keys.iter().position(|key| *key == step.signer);
        let own = rank(step)?;
        let Some(disputed) = in_force.get(fork + 1) else { return Some(0) };
        let outranks = own < rank(&disputed.step)?;
        let in_time = now > newest.at && now - disputed.at <= 72 * HOUR;
        (outranks && in_time).then_some(in_force.len() - fork - 1)
    }

    fn push(&mut self, step: Step, at: i64, displaced: usize) {
        let in_force = self.log.iter_mut().rev().filter(|logged| !logged.nullified);
        in_force.take(displaced).for_each(|logged| logged.nullified = true);
        self.log.push(Logged { step, at, nullified: false });
    }
}

const START: i64 = 1_735_689_600_000_000;
const HOUR: i64 = 3_600_000_000;

/// Around the limits of the rule.
const DELAYS: [i64; 8] = [0, 1, HOUR, 24 * HOUR, 48 * HOUR, 72 * HOUR, 72 * HOUR + 1, -1];

const SIGNS: &str = "a key in memory always signs";

/// Enough for a recovery of a recovery.
const MAX_STEPS: usize = 8;

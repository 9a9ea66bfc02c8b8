use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

macro_rules! faults {
    ($($point:ident { $($(#[doc = $doc:literal])+ $variant:ident $name:literal)+ })+) => {
        /// Something that goes wrong, or that a service has to cope with. Each has its place
        /// where it happens, a [`Point`]: kinds whose point is not in use are not planned.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Fault {
            $($($(#[doc = $doc])+ $variant,)+)+
        }

        impl Fault {
            /// All of them.
            pub const ALL: &'static [Self] = &[$($(Self::$variant,)+)+];

            /// A short name, for logs and reports.
            pub fn name(self) -> &'static str {
                match self {
                    $($(Self::$variant => $name,)+)+
                }
            }

            /// Where it happens.
            pub fn point(self) -> Point {
                match self {
                    $($(Self::$variant)|+ => Point::$point,)+
                }
            }
        }
    };
}

/// Where faults come in. A point is in use once the part was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Point {
    /// The stream: [`Net::relay`](super::Net::relay).
    Stream,
    /// The directory of identities: [`Net::directory`](super::Net::directory).
    Directory,
    /// The wall clock: [`Net::clock`](super::Net::clock).
    Clock,
    /// What a consumer keeps: [`Net::state`](super::Net::state).
    Store,
    /// What works on events: [`Net::trouble`](super::Net::trouble).
    Handler,
    /// A service that can be crashed: [`Net::service`](super::Net::service).
    Service,
    /// A service with a store: both of them.
    ServiceStore,
    /// Somebody who decides what a consumer cannot: [`Net::operator`](super::Net::operator).
    Operator,
}

faults! {
    Stream {
        /// The connection breaks.
        Reset "reset"
        /// The upstream closes the connection in an orderly way.
        Close "close"
        /// A connection cannot be opened.
        DialFailure "dial_failure"
        /// A frame comes some seconds late, and all behind it.
        Delay "delay"
        /// A frame comes twice.
        Duplicate "duplicate"
        /// Two frames change places.
        Reorder "reorder"
        /// The connection breaks in the middle of a frame, of which a part is delivered.
        Truncate "truncate"
        /// The connection is silent and stays open, until its deadline breaks it.
        Stall "stall"
        /// The upstream ends the stream with `ConsumerTooSlow`.
        ConsumerTooSlow "consumer_too_slow"
        /// The upstream is away for a while, and has dropped events when it is back.
        OutdatedCursor "outdated_cursor"
        /// Sequence numbers jump ahead by hundreds of millions.
        SequenceJump "sequence_jump"
        /// The upstream loses a commit of an account, and later says where the account stands.
        LostEvent "lost_event"
        /// A message of a kind that nobody knows yet.
        UnknownKind "unknown_kind"
        /// A commit that is signed by another key than the account's.
        BadSignature "bad_signature"
        /// A commit of one account in the name of another.
        WrongAccount "wrong_account"
        /// A commit whose message leaves an operation out.
        DroppedOp "dropped_op"
        /// A commit whose message has an operation that did not happen.
        InventedOp "invented_op"
        /// A commit that says that it follows another state than it does.
        WrongPrevData "wrong_prev_data"
        /// A commit without the blocks that prove it.
        MissingBlock "missing_block"
        /// A true commit of long ago, once more.
        Rollback "rollback"
        /// A commit from tomorrow.
        FutureRev "future_rev"
        /// A message without a field that it must have.
        InvalidMessage "invalid_message"
        /// A commit that is marked as too big, which is no longer allowed.
        TooBig "too_big"
        /// An account changes its signing key.
        KeyRotation "key_rotation"
        /// An account moves to another host, with a new key; then the old host goes on
        /// speaking for it.
        Migration "migration"
        /// An account is deactivated, taken down or suspended, and comes back.
        AccountPause "account_pause"
        /// An account is deleted.
        AccountDeletion "account_deletion"
    }
    Directory {
        /// The directory of identities cannot be reached for minutes.
        DirectoryOutage "directory_outage"
    }
    Clock {
        /// The wall clock is wrong by up to twenty hours, for minutes.
        ClockJump "clock_jump"
    }
    Store {
        /// A save fails.
        SaveFailure "save_failure"
        /// The disk is full for minutes: every save fails.
        DiskFull "disk_full"
        /// A save takes seconds.
        SlowSave "slow_save"
        /// What is stored of an account cannot be read.
        UnreadableState "unreadable_state"
    }
    Handler {
        /// A handler takes seconds.
        SlowHandler "slow_handler"
        /// A handler takes longer than a delivery may.
        HangingHandler "hanging_handler"
        /// A handler fails, and says so.
        FailingHandler "failing_handler"
        /// What handlers need is down for minutes.
        HandlerOutage "handler_outage"
    }
    Service {
        /// The service dies, and is started again.
        Crash "crash"
    }
    ServiceStore {
        /// The service dies during a save, of which nothing is left.
        LostWrite "lost_write"
        /// The service dies during a save, of which a part is written: the store finds that
        /// out by its checksum, and has the value before.
        TornWrite "torn_write"
        /// The service dies after a save, and has not heard that it succeeded.
        UnheardWrite "unheard_write"
    }
    Operator {
        /// The upstream lost its data and counts from one again.
        SequenceReset "sequence_reset"
    }
}

impl Fault {
    /// How often it happens, compared with others: what makes a consumer read everything again
    /// would hide what else is lost, if it happened often.
    pub(super) fn weight(self) -> f64 {
        match self {
            Self::OutdatedCursor | Self::SequenceReset => 0.2,
            Self::SequenceJump | Self::AccountDeletion => 0.5,
            _ => 1.0,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Kinds of faults to plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(BTreeSet<Fault>);

impl Faults {
    /// Every kind.
    pub fn all() -> Self {
        Self(Fault::ALL.iter().copied().collect())
    }

    /// None.
    pub fn none() -> Self {
        Self::default()
    }

    /// These, and one more.
    #[must_use]
    pub fn with(mut self, fault: Fault) -> Self {
        self.0.insert(fault);
        self
    }

    /// These without one.
    #[must_use]
    pub fn without(mut self, fault: Fault) -> Self {
        self.0.remove(&fault);
        self
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = Fault> + '_ {
        self.0.iter().copied()
    }
}

/// Which faults wait for their chance, and which have happened.
#[derive(Debug, Default)]
pub(crate) struct Armory {
    armed: BTreeMap<Fault, u32>,
    pub(crate) planned: BTreeMap<Fault, u64>,
    pub(crate) fired: BTreeMap<Fault, u64>,
}

impl Armory {
    pub(crate) fn arm(&mut self, fault: Fault) {
        *self.armed.entry(fault).or_default() += 1;
    }

    pub(crate) fn is_armed(&self, fault: Fault) -> bool {
        self.armed.contains_key(&fault)
    }

    /// Whether the fault is to happen here and now.
    pub(crate) fn take(&mut self, fault: Fault) -> bool {
        let taken = self.withdraw(fault);
        if taken {
            self.fire(fault);
        }
        taken
    }

    /// The same for a fault that begins here and happens later.
    pub(crate) fn withdraw(&mut self, fault: Fault) -> bool {
        let Some(armed) = self.armed.get_mut(&fault) else { return false };
        *armed -= 1;
        if *armed == 0 {
            self.armed.remove(&fault);
        }
        true
    }

    pub(crate) fn fire(&mut self, fault: Fault) {
        *self.fired.entry(fault).or_default() += 1;
    }

    pub(crate) fn disarm(&mut self) {
        self.armed.clear();
    }
}

use std::{
    fmt,
    str::FromStr,
    sync::{LazyLock, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Serialize, Serializer};

use super::{Fault, SyntaxError, base32::Alphabet};

/// A timestamp identifier: the usual record key, and the revision of a repository.
///
/// A number of 64 bits: 53 bits of microseconds since the Unix epoch, then 10 bits of
/// clock identifier, written as 13 characters that sort like the number does. Nothing
/// keeps an author from choosing any time at all, so a TID is never evidence of when
/// something happened.
///
/// The textual syntax admits all 64 bits; only the generator leaves the top bit zero.
///
/// See the [specification](https://atproto.com/specs/tid).
///
/// ```
/// use atproto_core::syntax::Tid;
///
/// let tid: Tid = "3jzfcijpj2z2a".parse()?;
/// assert_eq!(tid.micros(), 1_688_137_381_887_007);
/// assert_eq!(tid.clock_id(), 6);
/// assert_eq!(Tid::from_parts(tid.micros(), tid.clock_id()), tid);
/// # Ok::<(), atproto_core::syntax::SyntaxError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tid(u64);

string_deserialize!(Tid, "a TID");

impl Tid {
    /// The length of the text in bytes. Source: <https://atproto.com/specs/tid#tid-syntax>.
    pub const LEN: usize = 13;

    /// The smallest TID, number zero: `2222222222222`.
    pub const MIN: Self = Self(0);

    /// The greatest TID of which the generator's layout is capable.
    pub const MAX: Self = Self(u64::MAX >> 1);

    /// Parses a TID.
    pub fn new(text: impl AsRef<str>) -> Result<Self, SyntaxError> {
        let text = text.as_ref().as_bytes();
        decode(text).map(Self).ok_or_else(|| SyntaxError::Tid(fault(text)))
    }

    /// Puts a TID together. Of `micros`, microseconds since the Unix epoch, the low 53
    /// bits count (enough until the year 2255), of `clock_id` the low 10.
    pub const fn from_parts(micros: u64, clock_id: u16) -> Self {
        Self((micros & MICROS_MASK) << CLOCK_BITS | clock_id as u64 & CLOCK_MASK)
    }

    /// A TID later than every other that this function has given in this process, from
    /// the system's clock and a clock identifier chosen at random once.
    pub fn now() -> Self {
        static CLOCK: LazyLock<Mutex<TidClock>> =
            LazyLock::new(|| Mutex::new(TidClock::new(random_clock_id())));
        CLOCK.lock().unwrap_or_else(PoisonError::into_inner).next(unix_micros())
    }

    /// Microseconds since the Unix epoch, as the author claims.
    pub const fn micros(self) -> u64 {
        self.0 >> CLOCK_BITS & MICROS_MASK
    }

    /// The identifier of the clock that made it, below 1024.
    pub const fn clock_id(self) -> u16 {
        (self.0 & CLOCK_MASK) as u16
    }

    /// The number. It sorts as the text does.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The TID with that number.
    pub const fn from_u64(number: u64) -> Self {
        Self(number)
    }

    /// Writes the text into a buffer of the caller, without an allocation.
    pub fn encode(self, buffer: &mut [u8; Self::LEN]) -> &str {
        ALPHABET.encode(self.0, buffer);
        str::from_utf8(buffer).expect("the alphabet is ASCII")
    }
}

impl fmt::Display for Tid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.encode(&mut [0; Self::LEN]))
    }
}

impl fmt::Debug for Tid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tid({self})")
    }
}

impl Serialize for Tid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.encode(&mut [0; Self::LEN]))
    }
}

impl FromStr for Tid {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        Self::new(text)
    }
}

impl TryFrom<&str> for Tid {
    type Error = SyntaxError;

    fn try_from(text: &str) -> Result<Self, SyntaxError> {
        Self::new(text)
    }
}

impl TryFrom<String> for Tid {
    type Error = SyntaxError;

    fn try_from(text: String) -> Result<Self, SyntaxError> {
        Self::new(text)
    }
}

impl From<Tid> for String {
    fn from(tid: Tid) -> Self {
        tid.encode(&mut [0; Tid::LEN]).to_owned()
    }
}

/// Makes TIDs that strictly increase, whatever the clock that feeds it does: several
/// calls within one microsecond, and a clock that steps back, both move on by one
/// microsecond from the TID before.
///
/// The time is an argument, so the clock can be simulated.
///
/// ```
/// use atproto_core::syntax::TidClock;
///
/// let mut clock = TidClock::new(7);
/// let first = clock.next(1_700_000_000_000_000);
/// let second = clock.next(1_600_000_000_000_000);
/// assert!(second > first);
/// ```
#[derive(Debug, Clone)]
pub struct TidClock {
    clock_id: u16,
    /// The microsecond before which no TID is given any more.
    earliest: u64,
}

impl TidClock {
    /// A clock with that identifier, of which the low 10 bits count. Clocks that run side
    /// by side should have different ones.
    pub const fn new(clock_id: u16) -> Self {
        Self { clock_id, earliest: 0 }
    }

    /// The next TID, at `now_micros` microseconds since the Unix epoch or just after the
    /// last one. Times beyond the 53 bits of a TID count as the last that fits.
    pub fn next(&mut self, now_micros: u64) -> Tid {
        let micros = now_micros.max(self.earliest).min(MICROS_MASK);
        self.earliest = micros + 1;
        Tid::from_parts(micros, self.clock_id)
    }

    /// The next TID, which is also later than `previous`, for example than the revision
    /// that a repository has now.
    ///
    /// A `previous` in the future raises this one answer and not the clock: one
    /// repository with a revision far ahead must not take along all others that share
    /// the clock. Nothing is later than [`Tid::MAX`]; after that, it is the answer.
    pub fn next_after(&mut self, now_micros: u64, previous: Option<Tid>) -> Tid {
        let next = self.next(now_micros);
        match previous {
            Some(previous) if previous >= next => {
                if previous.0 >= Tid::from_parts(MICROS_MASK, 0).0 {
                    return Tid::MAX;
                }
                Tid::from_parts(previous.micros() + 1, self.clock_id)
            }
            _ => next,
        }
    }
}

/// Microseconds since the Unix epoch by the system's clock.
pub(super) fn unix_micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Without a source of randomness the process number must do: the identifier only makes
/// collisions between processes unlikely.
fn random_clock_id() -> u16 {
    getrandom::u32().unwrap_or_else(|_| std::process::id()) as u16
}

/// The number, if the text is a TID. What is wrong with it is left to [`fault`], so that
/// the usual answer fits registers.
fn decode(text: &[u8]) -> Option<u64> {
    let text: &[u8; Tid::LEN] = text.try_into().ok()?;
    // Neither half waits for the other.
    let (high, low) = text.split_at(Tid::LEN - LOW_DIGITS);
    let (high, low) = (ALPHABET.decode(high), ALPHABET.decode(low));
    // Thirteen digits hold 65 bits; the first of them has to be zero.
    let fits = low >= 0 && (0..1 << (64 - 5 * LOW_DIGITS)).contains(&high);
    fits.then_some((high << (5 * LOW_DIGITS) | low) as u64)
}

/// Why text is no TID.
#[cold]
fn fault(text: &[u8]) -> Fault {
    if text.len() == Tid::LEN {
        Fault::BadCharacter { at: ALPHABET.first_stranger(text).unwrap_or_default() }
    } else {
        Fault::BadLength { expected: Tid::LEN, found: text.len() }
    }
}

/// Base32 in the order of ASCII. Source: <https://atproto.com/specs/tid#tid-syntax>.
static ALPHABET: Alphabet = Alphabet::new(*b"234567abcdefghijklmnopqrstuvwxyz");

/// How many of the digits are read as one number. Source: a group of [`Alphabet`].
const LOW_DIGITS: usize = 8;

const CLOCK_BITS: u32 = 10;
const CLOCK_MASK: u64 = (1 << CLOCK_BITS) - 1;
const MICROS_MASK: u64 = (1 << 53) - 1;

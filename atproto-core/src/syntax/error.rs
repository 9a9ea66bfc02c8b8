use thiserror::Error;

/// A string that is not what it was taken for: which kind was expected, and why it is not.
///
/// The offending text is not kept, so refusing foreign input allocates nothing. Byte
/// positions count from the start of the whole text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum SyntaxError {
    /// Not an AT-URI.
    #[error("not an AT-URI: {0}")]
    AtUri(Fault),
    /// Not a CID of the only form that the protocol admits.
    #[error("not a CID: {0}")]
    Cid(Fault),
    /// Not a datetime.
    #[error("not a datetime: {0}")]
    Datetime(Fault),
    /// Not a DID.
    #[error("not a DID: {0}")]
    Did(Fault),
    /// Not a handle.
    #[error("not a handle: {0}")]
    Handle(Fault),
    /// Not a well-formed language tag.
    #[error("not a language tag: {0}")]
    Language(Fault),
    /// Not an NSID.
    #[error("not an NSID: {0}")]
    Nsid(Fault),
    /// Not a pattern of NSIDs.
    #[error("not an NSID pattern: {0}")]
    NsidPattern(Fault),
    /// Not a record key.
    #[error("not a record key: {0}")]
    RecordKey(Fault),
    /// Not a TID.
    #[error("not a TID: {0}")]
    Tid(Fault),
    /// Not a URI.
    #[error("not a URI: {0}")]
    Uri(Fault),
}

impl SyntaxError {
    /// What is wrong with the text.
    pub fn fault(&self) -> Fault {
        match *self {
            Self::AtUri(fault)
            | Self::Cid(fault)
            | Self::Datetime(fault)
            | Self::Did(fault)
            | Self::Handle(fault)
            | Self::Language(fault)
            | Self::Nsid(fault)
            | Self::NsidPattern(fault)
            | Self::RecordKey(fault)
            | Self::Tid(fault)
            | Self::Uri(fault) => fault,
        }
    }
}

/// What is wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Fault {
    /// A CID of another version, codec or hash function.
    #[error("version, codec or hash function is not one that the protocol uses")]
    BadCidPrefix,
    /// A character outside the alphabet, or in a place where it may not stand.
    #[error("character not allowed at byte {at}")]
    BadCharacter {
        /// Where it stands, in bytes from the start.
        at: usize,
    },
    /// A character at the end that may not stand there.
    #[error("ends in a character that may not stand at the end")]
    BadEnd,
    /// The length is not the only one that is possible.
    #[error("length {found} instead of {expected}")]
    BadLength {
        /// The only possible length, in bytes.
        expected: usize,
        /// The length found, in bytes.
        found: usize,
    },
    /// A date or time that no calendar or clock shows.
    #[error("no such date or time: {field} out of range")]
    BadTime {
        /// The part that is out of range.
        field: &'static str,
    },
    /// The time lies before the year 0 once its offset is applied.
    #[error("lies before the year 0")]
    BeforeYearZero,
    /// Nothing there, or a part that must not be empty is.
    #[error("{part} is empty")]
    Empty {
        /// The part that is empty.
        part: &'static str,
    },
    /// A prefix that every such text has is absent.
    #[error("does not begin with {expected:?}")]
    MissingPrefix {
        /// The prefix.
        expected: &'static str,
    },
    /// A part that may be there once is there again.
    #[error("a part occurs twice")]
    Repeated,
    /// The name is reserved and refused.
    #[error("reserved and not allowed")]
    Reserved,
    /// A segment begins with a digit where that is not allowed.
    #[error("segment at byte {at} begins with a digit")]
    SegmentStartsWithDigit {
        /// Where the segment begins, in bytes from the start.
        at: usize,
    },
    /// A part is over its limit.
    #[error("{part} is longer than {limit} bytes")]
    TooLong {
        /// The part that is too long.
        part: &'static str,
        /// The limit in bytes.
        limit: usize,
    },
    /// Too few segments.
    #[error("fewer than {least} segments")]
    TooFewSegments {
        /// The least number of segments.
        least: usize,
    },
    /// Bits behind the value that are not zero, or anything else that follows the end.
    #[error("something follows the end")]
    Trailing,
}

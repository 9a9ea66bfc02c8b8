/// The head of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentHead {
    /// Where the blocks end, in bytes from the beginning.
    pub blocks_end: u64,
    /// How many blocks there are.
    pub blocks: u32,
    /// The lowest number that a row has, or has had.
    pub min_seq: u64,
    /// The highest number that a row has, or has had.
    pub max_seq: u64,
}

/// Why bytes are no segment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// It begins with something else.
    #[error("not a segment")]
    Magic,
    /// It is not finished, and its head is empty.
    #[error("the segment is still being written")]
    Active,
    /// Its form is another than the one that is known.
    #[error("a segment of version {0}, not {VERSION}")]
    Version(u16),
    /// It ends before its last block.
    #[error("the segment is cut off")]
    Truncated,
    /// A block is longer than the limit.
    #[error("a block of {bytes} bytes, more than {limit}")]
    TooLarge {
        /// Its length.
        bytes: u64,
        /// The limit.
        limit: usize,
    },
}

impl SegmentHead {
    /// Reads the first [`HEAD_LEN`] bytes.
    ///
    /// # Errors
    /// [`SegmentError`].
    pub fn parse(head: &[u8; HEAD_LEN]) -> Result<Self, SegmentError> {
        if !head.starts_with(MAGIC) {
            return Err(SegmentError::Magic);
        }
        if u64::from_le_bytes(part(head, 4)) == 0 {
            return Err(SegmentError::Active);
        }
        let version = u16::from_le_bytes(part(head, 12));
        if version != VERSION {
            return Err(SegmentError::Version(version));
        }
        Ok(Self {
            blocks: u32::from_le_bytes(part(head, 14)),
            min_seq: u64::from_le_bytes(part(head, 26)),
            max_seq: u64::from_le_bytes(part(head, 34)),
            blocks_end: u64::from_le_bytes(part(head, 58)),
        })
    }
}

fn part<const N: usize>(head: &[u8; HEAD_LEN], at: usize) -> [u8; N] {
    head.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

/// Bytes before the first block.
pub const HEAD_LEN: usize = 256;

const MAGIC: &[u8] = b"jss0";
const VERSION: u16 = 1;

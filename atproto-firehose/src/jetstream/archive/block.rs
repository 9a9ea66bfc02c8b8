use zstd::bulk::Decompressor;

use super::{Row, RowKind};

/// The rows of one block, decompressed. Iterating over a reference reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    bytes: Vec<u8>,
    count: usize,
    /// Where each column ends.
    ends: Ends,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ends {
    collections: usize,
    dids: usize,
    rkeys: usize,
    revs: usize,
}

/// Why bytes are no block.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// It is no zstd frame, damaged, or longer than the limit.
    #[error("not a zstd frame of {limit} bytes at most")]
    Decompress {
        /// The limit that was given.
        limit: usize,
        /// What is wrong.
        #[source]
        source: std::io::Error,
    },
    /// The columns are not as long as they say.
    #[error("the columns of a block do not fit together")]
    Columns,
    /// A number, a kind or a text is none.
    #[error("row {0} of a block cannot be read")]
    Row(usize),
}

impl Rows {
    /// Reads a block: at most `limit` bytes come out, whatever goes in.
    ///
    /// # Errors
    /// [`BlockError`].
    pub fn decompress(frame: &[u8], limit: usize) -> Result<Self, BlockError> {
        let bytes = Decompressor::new()
            .and_then(|mut decompressor| {
                // What the frame says of its own length saves memory, and is not believed.
                let told = Decompressor::upper_bound(frame).unwrap_or(limit);
                decompressor.decompress(frame, told.min(limit))
            })
            .map_err(|source| BlockError::Decompress { limit, source })?;
        Self::parse(bytes)
    }

    /// Reads the rows of a block that is decompressed.
    ///
    /// # Errors
    /// [`BlockError::Columns`], [`BlockError::Row`].
    pub fn parse(bytes: Vec<u8>) -> Result<Self, BlockError> {
        let count = bytes.first_chunk().map(|count| u32::from_le_bytes(*count));
        let count = count.and_then(|count| usize::try_from(count).ok());
        let count = count.ok_or(BlockError::Columns)?;
        let fixed = count.checked_mul(ROW_LEN).and_then(|len| len.checked_add(COUNT_LEN));
        let fixed = fixed.filter(|fixed| *fixed <= bytes.len()).ok_or(BlockError::Columns)?;
        let mut rows = Self { bytes, count, ends: Ends::default() };
        let total = |len: fn(&Self, usize) -> usize| {
            // At most four gigabytes for each row that is there.
            (0..count).map(|row| len(&rows, row) as u64).sum::<u64>()
        };
        let lengths =
            [Self::collection_len, Self::did_len, Self::rkey_len, Self::rev_len, Self::payload_len];
        let [collections, dids, rkeys, revs, payloads] = lengths.map(total);
        let whole = fixed as u64 + collections + dids + rkeys + revs + payloads;
        if whole != rows.bytes.len() as u64 {
            return Err(BlockError::Columns);
        }
        // All of it is within the bytes.
        let collections = fixed + collections as usize;
        let dids = collections + dids as usize;
        let rkeys = dids + rkeys as usize;
        rows.ends = Ends { collections, dids, rkeys, revs: rkeys + revs as usize };
        let mut newest = -1;
        for (index, row) in rows.iter().enumerate() {
            let row = row.filter(|row| row.seq > newest).ok_or(BlockError::Row(index))?;
            newest = row.seq;
        }
        Ok(rows)
    }

    /// How many there are. Of a block that was compacted there may be none.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The rows, in order. They were read once, so that none is `None`.
    fn iter(&self) -> impl Iterator<Item = Option<Row<'_>>> {
        let fixed = COUNT_LEN + self.count * ROW_LEN;
        let Ends { collections, dids, rkeys, revs } = self.ends;
        let mut at = [fixed, collections, dids, rkeys, revs];
        (0..self.count).map(move |row| {
            let lens = [
                self.collection_len(row),
                self.did_len(row),
                self.rkey_len(row),
                self.rev_len(row),
                self.payload_len(row),
            ];
            let mut parts = [&[][..]; 5];
            for ((part, at), len) in parts.iter_mut().zip(&mut at).zip(lens) {
                *part = self.bytes.get(*at..*at + len)?;
                *at += len;
            }
            let text = |part| std::str::from_utf8(part).ok();
            Some(Row {
                seq: i64::from_le_bytes(self.field(0, row)),
                witnessed_at: i64::from_le_bytes(self.field(8, row)),
                indexed_at: i64::from_le_bytes(self.field(16, row)),
                kind: RowKind::of(u8::from_le_bytes(self.field(24, row)))?,
                collection: text(parts[0])?,
                did: text(parts[1])?,
                rkey: text(parts[2])?,
                rev: text(parts[3])?,
                payload: parts[4],
            })
        })
    }

    /// A number of a column that begins `before` bytes of a row's after the count.
    fn field<const N: usize>(&self, before: usize, row: usize) -> [u8; N] {
        let at = COUNT_LEN + before * self.count + N * row;
        let field = self.bytes.get(at..).and_then(|rest| rest.first_chunk());
        field.copied().unwrap_or([0; N])
    }

    fn collection_len(&self, row: usize) -> usize {
        u8::from_le_bytes(self.field(25, row)).into()
    }

    fn did_len(&self, row: usize) -> usize {
        u16::from_le_bytes(self.field(26, row)).into()
    }

    fn rkey_len(&self, row: usize) -> usize {
        u8::from_le_bytes(self.field(28, row)).into()
    }

    fn rev_len(&self, row: usize) -> usize {
        u8::from_le_bytes(self.field(29, row)).into()
    }

    fn payload_len(&self, row: usize) -> usize {
        u32::from_le_bytes(self.field(30, row)) as usize
    }
}

impl<'r> IntoIterator for &'r Rows {
    type Item = Row<'r>;
    type IntoIter = Box<dyn Iterator<Item = Row<'r>> + Send + 'r>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter().flatten())
    }
}

const COUNT_LEN: usize = 4;

/// Bytes of one row in the columns of fixed length.
const ROW_LEN: usize = 8 + 8 + 8 + 1 + 1 + 2 + 1 + 1 + 4;

use std::ops::Range;

use atproto_core::{data::cbor::Reader, syntax::Cid};

use super::{CarError, error::HeaderError};

/// What a reader admits. Lengths are checked before anything is allocated for them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest header in bytes. Ours, 4 KiB: a header with one root has 58.
    pub max_header: usize,
    /// The longest block in bytes. Ours, 1 MiB: the specification ends records at
    /// 1,000,000 bytes, and no tree node within our limits is longer.
    pub max_block: usize,
    /// The most blocks, duplicates included. Ours, 2²⁵: four times what a repository of
    /// millions of records has, and a bound on an archive of empty blocks.
    pub max_blocks: u64,
    /// The most bytes of the whole archive. Ours, 16 GiB: a reader that spills fills a disk,
    /// and repositories of millions of records have one or two.
    pub max_archive: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_header: 4 << 10, max_block: 1 << 20, max_blocks: 1 << 25, max_archive: 16 << 30 }
    }
}

/// The recogniser under every reader: no I/O, no buffer, no allocation but the roots.
///
/// Give it what is unread, take an [`Item`], and drop as many bytes as it says.
#[derive(Debug)]
pub(super) struct Decoder {
    limits: Limits,
    blocks: u64,
    /// Of the archive so far, its header included.
    bytes: u64,
}

/// What stands at the front of the unread bytes.
#[derive(Debug)]
pub(super) enum Item {
    /// A whole block; the range is its place in the bytes that were given.
    Block { cid: Cid, bytes: Range<usize> },
    /// Not enough is there: at least this many bytes from the front are needed.
    Need(usize),
    /// Nothing is left.
    End,
}

impl Decoder {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { limits: limits.clone(), blocks: 0, bytes: 0 }
    }

    /// The header's roots and its length, or how many bytes are needed to read it.
    pub(super) fn header(
        &mut self,
        unread: &[u8],
    ) -> Result<Result<(Vec<Cid>, usize), usize>, CarError> {
        let section = match section(unread, self.limits.max_header)? {
            Section::Whole(section) => section,
            Section::Need(bytes) => return Ok(Err(bytes)),
        };
        self.bytes = section.end as u64;
        Ok(Ok((roots(&unread[section.clone()])?, section.end)))
    }

    /// The next block, hash checked.
    pub(super) fn block(&mut self, unread: &[u8]) -> Result<Item, CarError> {
        if unread.is_empty() {
            return Ok(Item::End);
        }
        let section = match section(unread, self.limits.max_block + Cid::BYTES)? {
            Section::Whole(section) => section,
            Section::Need(bytes) => return Ok(Item::Need(bytes)),
        };
        let (cid, bytes) =
            unread[section.clone()].split_at_checked(Cid::BYTES).ok_or(CarError::Cid)?;
        let cid = Cid::from_bytes(cid).map_err(|_| CarError::Cid)?;
        if !cid.matches(bytes) {
            return Err(CarError::BlockHash { cid });
        }
        self.blocks += 1;
        if self.blocks > self.limits.max_blocks {
            return Err(CarError::TooManyBlocks { limit: self.limits.max_blocks });
        }
        self.bytes += section.end as u64;
        if self.bytes > self.limits.max_archive {
            return Err(CarError::ArchiveTooLarge { limit: self.limits.max_archive });
        }
        Ok(Item::Block { cid, bytes: section.start + Cid::BYTES..section.end })
    }
}

enum Section {
    Whole(Range<usize>),
    Need(usize),
}

/// The place of the section whose length stands at the front.
fn section(unread: &[u8], limit: usize) -> Result<Section, CarError> {
    let Some((length, start)) = varint(unread)? else {
        return Ok(Section::Need(unread.len() + 1));
    };
    if length == 0 {
        return Err(CarError::EmptySection);
    }
    if length > limit as u64 {
        return Err(CarError::TooLarge { limit: limit as u64, found: length });
    }
    let end = start + length as usize;
    Ok(if end <= unread.len() { Section::Whole(start..end) } else { Section::Need(end) })
}

/// An unsigned LEB128 number and how many bytes it takes; `None` if it is cut off.
fn varint(bytes: &[u8]) -> Result<Option<(u64, usize)>, CarError> {
    let mut number = 0u64;
    for (index, byte) in bytes.iter().take(MAX_VARINT).enumerate() {
        let bits = u64::from(byte & 0x7f);
        if index == MAX_VARINT - 1 && *byte > 1 {
            return Err(CarError::VarintTooLong);
        }
        number |= bits << (7 * index);
        if byte & 0x80 == 0 {
            if *byte == 0 && index > 0 {
                return Err(CarError::VarintNotMinimal);
            }
            return Ok(Some((number, index + 1)));
        }
    }
    if bytes.len() >= MAX_VARINT { Err(CarError::VarintTooLong) } else { Ok(None) }
}

fn roots(header: &[u8]) -> Result<Vec<Cid>, CarError> {
    let (roots, version) = header_fields(header)?;
    match version {
        1 if roots.is_empty() => Err(CarError::NoRoots),
        1 => Ok(roots),
        other => Err(CarError::Version(other)),
    }
}

fn header_fields(header: &[u8]) -> Result<(Vec<Cid>, i64), HeaderError> {
    let mut reader = Reader::new(header);
    let (mut roots, mut version) = (None, None);
    for _ in 0..reader.map_len()? {
        match reader.text()? {
            "roots" if roots.is_none() => {
                let count = reader.array_len()?;
                if count > MAX_ROOTS {
                    return Err(HeaderError::TooManyRoots(MAX_ROOTS));
                }
                roots = Some((0..count).map(|_| reader.link()).collect::<Result<Vec<_>, _>>()?);
            }
            "version" if version.is_none() => version = Some(reader.int()?),
            _ => return Err(HeaderError::UnknownField),
        }
    }
    reader.finish()?;
    let version = version.ok_or(HeaderError::Missing("version"))?;
    Ok((roots.ok_or(HeaderError::Missing("roots"))?, version))
}

/// Ten groups of seven bits hold 64. Source: <https://dasl.ing/car.html>.
const MAX_VARINT: usize = 10;

/// Ours: what fits the header limit with room to spare. Only the first root is used.
const MAX_ROOTS: usize = 64;

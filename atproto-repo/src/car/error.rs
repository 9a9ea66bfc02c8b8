use atproto_core::{data::cbor::CborError, syntax::Cid};

/// Why bytes are not an archive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CarError {
    /// The archive is longer than the reader admits.
    #[error("the archive has more than {limit} bytes")]
    ArchiveTooLarge {
        /// The most that is admitted, in bytes.
        limit: u64,
    },
    /// A block does not hash to its CID.
    #[error("the block at {cid} has another hash")]
    BlockHash {
        /// The CID it was filed under.
        cid: Cid,
    },
    /// A section does not begin with a CID of the protocol: version 1, DAG-CBOR or raw,
    /// SHA-256.
    #[error("a section does not begin with a CID that the protocol admits")]
    Cid,
    /// A length of zero, which would be a header or a section without content.
    #[error("a length is zero")]
    EmptySection,
    /// The header is not DAG-CBOR of the expected form.
    #[error("malformed header: {0}")]
    Header(#[from] HeaderError),
    /// The archive could not be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The header names no root, so nothing says where the repository begins.
    #[error("the header names no root")]
    NoRoots,
    /// A block is longer than the reader admits.
    #[error("a section of {found} bytes; at most {limit} are read")]
    TooLarge {
        /// The most that is admitted, in bytes.
        limit: u64,
        /// What the archive announces, in bytes.
        found: u64,
    },
    /// There are more blocks than the reader admits.
    #[error("more than {limit} blocks")]
    TooManyBlocks {
        /// The most that are admitted.
        limit: u64,
    },
    /// The archive ends within a header or a section.
    #[error("the archive is cut off")]
    Truncated,
    /// A length is written with more bytes than it needs.
    #[error("a length is not written in its shortest form")]
    VarintNotMinimal,
    /// A length does not fit 64 bits.
    #[error("a length exceeds 64 bits")]
    VarintTooLong,
    /// The version is not 1.
    #[error("version {0}; only version 1 is read")]
    Version(i64),
}

/// Why a header is not `{ roots: [CID, …], version: 1 }`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// Not strict DAG-CBOR, or a field of another type.
    #[error(transparent)]
    Cbor(#[from] CborError),
    /// A field is missing.
    #[error("field {0} is missing")]
    Missing(&'static str),
    /// More roots than a header may name.
    #[error("more than {0} roots")]
    TooManyRoots(usize),
    /// A field that the format does not have.
    #[error("an unknown field")]
    UnknownField,
}

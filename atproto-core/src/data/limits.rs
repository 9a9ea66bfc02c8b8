//! Every limit of the data model, with its source.
//!
//! "Guide" is the [data validation guide](https://atproto.com/guides/data-validation).
//! The decoders enforce nesting, element counts and key lengths themselves; the sizes of
//! records and frames are the business of whoever receives them, because one decoder
//! serves records, tree nodes and messages alike.

/// Bytes of one record as DAG-CBOR: 1 MiB (guide).
pub const MAX_RECORD_CBOR: usize = 1024 * 1024;

/// Bytes of one record as JSON: 2 MiB (guide).
pub const MAX_RECORD_JSON: usize = 2 * 1024 * 1024;

/// Bytes of one event-stream message, header and body together: 5,000,000
/// ([synchronisation](https://atproto.com/specs/sync#firehose), a hard limit there).
pub const MAX_FRAME: usize = 5_000_000;

/// Containers inside one another that are read at all: 100. A list in a map counts two;
/// links and bytes count nothing, although JSON writes them as objects.
///
/// Ours. The guide says 32, but the reference PDS stores records nested twice as deep, and
/// a repository must not become unreadable over one of them. Parsers for typed values end
/// at 127 levels, so whatever is accepted here is readable by them.
pub const MAX_DEPTH: usize = 100;

/// Containers inside one another in a record that is written: 32 (guide). Whoever takes in
/// new records compares it with [`Value::depth`](super::Value::depth).
pub const MAX_RECORD_DEPTH: usize = 32;

/// Elements of one list, or entries of one map: 131,072 (guide).
pub const MAX_ELEMENTS: usize = 131_072;

/// Bytes of one map key: 8,192 (guide). The least is one.
pub const MAX_KEY: usize = 8_192;

/// Bytes of memory that the DAG-CBOR decoder reserves, for each byte of its input, on the
/// mere word of lengths in it: 3. Ours: enough for nearly every record to be read without
/// growing anything, and hostile lengths cost less than the input itself did.
pub const RESERVED_PER_BYTE: usize = 3;

/// The largest integer that survives a JavaScript program, 2⁵³ − 1
/// ([data model](https://atproto.com/specs/data-model)). A recommendation to writers:
/// readers accept the whole of `i64`.
pub const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

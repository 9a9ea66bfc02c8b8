//! Parameters that pages have in common.

use atproto_core::syntax::Cid;
use atproto_xrpc::XrpcError;

/// The size of a page. The lexicon has checked the range already; clamping covers a server
/// without a catalog.
pub(crate) fn limit(asked: i64, maximum: i64) -> usize {
    usize::try_from(asked.clamp(1, maximum)).unwrap_or(1)
}

/// A cursor that is a CID.
pub(crate) fn cid_cursor(cursor: Option<&str>) -> Result<Option<Cid>, XrpcError> {
    let parse = |text| Cid::new(text).map_err(|_| XrpcError::invalid_request("Malformed cursor"));
    cursor.map(parse).transpose()
}

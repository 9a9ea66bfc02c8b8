//! Parameters that pages have in common.

use atproto_core::syntax::Cid;
use atproto_xrpc::XrpcError;

/// The size of a page: what the client asks for, or the default. The lexicon has checked
/// the range already; clamping covers a server without a catalog.
pub(crate) fn limit(asked: Option<i64>, (default, maximum): (i64, i64)) -> usize {
    usize::try_from(asked.unwrap_or(default).clamp(1, maximum)).unwrap_or(1)
}

/// A cursor that is a CID.
pub(crate) fn cid_cursor(cursor: Option<&str>) -> Result<Option<Cid>, XrpcError> {
    let parse = |text| Cid::new(text).map_err(|_| XrpcError::invalid_request("Malformed cursor"));
    cursor.map(parse).transpose()
}

//! Where clients find images.

use atproto_core::syntax::{Cid, Uri};

/// Makes the URLs under which this service shows blobs.
#[derive(Debug, Clone)]
pub(crate) struct ImageUrls {
    base: String,
}

impl ImageUrls {
    pub(crate) fn new(public_url: &str) -> Self {
        Self { base: public_url.trim_end_matches('/').to_owned() }
    }

    /// The URL of a blob of an account, if it makes a valid one.
    pub(crate) fn url(&self, did: &str, cid: Cid) -> Option<Uri> {
        Uri::new(format!("{}/img/{did}/{cid}", self.base)).ok()
    }
}

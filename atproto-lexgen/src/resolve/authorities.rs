use std::collections::HashMap;

use atproto_core::{
    identity::{ResolveError, TxtLookup, http::SystemTxt},
    syntax::Did,
};
use futures::future::BoxFuture;

/// Answers for some domains in place of DNS: for lexicons whose TXT record does not exist
/// yet. All other questions go to the system's name servers.
///
/// Give it to a resolver as
/// [`HttpResolverConfig::txt`](atproto_core::identity::HttpResolverConfig::txt).
#[derive(Default)]
pub struct Authorities {
    known: HashMap<String, Did>,
    system: SystemTxt,
}

impl Authorities {
    /// Says which account publishes the lexicons of a domain: `example.com` for
    /// `com.example.*`.
    #[must_use]
    pub fn with(mut self, domain: &str, did: Did) -> Self {
        self.known.insert(format!("_lexicon.{}", domain.to_ascii_lowercase()), did);
        self
    }
}

impl TxtLookup for Authorities {
    fn txt<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<String>, ResolveError>> {
        match self.known.get(&name.to_ascii_lowercase()) {
            Some(did) => Box::pin(std::future::ready(Ok(vec![format!("did={did}")]))),
            None => self.system.txt(name),
        }
    }
}

//! TXT records.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::future::BoxFuture;
use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::RData;

use crate::identity::ResolveError;

/// Looks up TXT records.
pub trait TxtLookup: Send + Sync {
    /// The texts of a name's TXT records, each with its parts joined.
    /// No records is [`ResolveError::NotFound`], no answer [`ResolveError::Unavailable`].
    fn txt<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<String>, ResolveError>>;
}

/// TXT records from the system's name servers. Its settings are read at the first question.
#[derive(Default)]
pub struct SystemTxt {
    resolver: OnceLock<Result<TokioResolver, NetError>>,
}

impl SystemTxt {
    async fn lookup(&self, name: &str) -> Result<Vec<String>, ResolveError> {
        let resolver = self
            .resolver
            .get_or_init(build)
            .as_ref()
            .map_err(|error| ResolveError::Unavailable(Arc::new(error.clone())))?;
        // The final dot keeps the search domains of this machine out of it.
        let lookup = resolver.txt_lookup(format!("{name}.")).await.map_err(|error| {
            if error.is_no_records_found() {
                ResolveError::NotFound(name.to_owned())
            } else {
                ResolveError::Unavailable(Arc::new(error))
            }
        })?;
        let mut texts = Vec::new();
        let mut budget = MAX_ANSWER;
        for record in lookup.answers() {
            let RData::TXT(txt) = &record.data else { continue };
            let text = txt.txt_data.concat();
            budget = budget.checked_sub(text.len()).ok_or_else(|| ResolveError::InvalidAnswer {
                name: name.to_owned(),
                answer: String::new(),
            })?;
            texts.push(String::from_utf8_lossy(&text).into_owned());
        }
        Ok(texts)
    }
}

impl TxtLookup for SystemTxt {
    fn txt<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<String>, ResolveError>> {
        Box::pin(self.lookup(name))
    }
}

/// All texts of one answer, in bytes. Ours: a DID needs less than a tenth of it.
const MAX_ANSWER: usize = 4096;

/// How long one name server is given, and how often it is asked.
const TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 2;

fn build() -> Result<TokioResolver, NetError> {
    let mut builder = TokioResolver::builder_tokio()?;
    let options = builder.options_mut();
    options.timeout = TIMEOUT;
    options.attempts = ATTEMPTS;
    // What is remembered, and for how long, is the caching resolver's to decide.
    options.cache_size = 0;
    builder.build()
}

//! TXT records.

use std::sync::Arc;

use futures::future::BoxFuture;
use hickory_resolver::proto::rr::RData;

use crate::identity::ResolveError;
use crate::identity::safe_client::dns::{SystemResolver, absolute};

/// Looks up TXT records.
pub trait TxtLookup: Send + Sync {
    /// The texts of a name's TXT records, each with its parts joined.
    /// No records is [`ResolveError::NotFound`], no answer [`ResolveError::Unavailable`].
    fn txt<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<String>, ResolveError>>;
}

/// TXT records from the system's name servers. Its settings are read at the first question.
#[derive(Default)]
pub struct SystemTxt {
    resolver: SystemResolver,
}

impl SystemTxt {
    async fn lookup(&self, name: &str) -> Result<Vec<String>, ResolveError> {
        let unavailable = |error| ResolveError::Unavailable(Arc::new(error));
        let resolver = self.resolver.get().map_err(unavailable)?;
        let lookup = resolver.txt_lookup(absolute(name)).await.map_err(|error| {
            if error.is_no_records_found() {
                ResolveError::NotFound(name.to_owned())
            } else {
                unavailable(error)
            }
        })?;
        let records = lookup.answers().iter().filter_map(|record| match &record.data {
            RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
            _ => None,
        });
        Ok(records.collect())
    }
}

impl TxtLookup for SystemTxt {
    fn txt<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<String>, ResolveError>> {
        Box::pin(self.lookup(name))
    }
}

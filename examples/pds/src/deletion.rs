//! The end of an account.
//!
//! It begins with one transaction that makes the account unusable, and goes on in steps,
//! each of which may be repeated: the outside is told; when the event has its number the
//! repository and the blobs are removed; last the account's row. A start takes up again
//! what was interrupted.

use std::{sync::Arc, time::Duration};

use atproto_core::syntax::Did;
use atproto_xrpc::XrpcError;

use crate::{accounts::Status, app::App, database::DatabaseError};

/// How often is looked whether the last event has its number.
const POLL: Duration = Duration::from_millis(100);
/// The pause after a failure.
const PAUSE: Duration = Duration::from_secs(10);

impl App {
    /// Deletes an account. When it returns nobody can use the account any more; its data
    /// is removed soon after.
    pub async fn delete_account(self: &Arc<Self>, did: &Did) -> Result<(), XrpcError> {
        self.accounts.begin_deletion(did).await?;
        self.end_apps(did).await?;
        tracing::info!(%did, "account deleted");
        self.continue_deletion(did);
        Ok(())
    }

    /// Goes on with a deletion that has begun.
    pub(crate) fn continue_deletion(self: &Arc<Self>, did: &Did) {
        let (app, did) = (Arc::clone(self), did.clone());
        tokio::spawn(async move {
            while let Err(error) = app.remove_data(&did).await {
                tracing::error!(%did, %error, "the data of a deleted account is still there");
                tokio::time::sleep(PAUSE).await;
            }
            tracing::info!(%did, "data of a deleted account removed");
        });
    }

    async fn remove_data(&self, did: &Did) -> Result<(), DatabaseError> {
        if let Some(store) = self.stores.open(did).await? {
            store
                .write(|edit| {
                    // Under the handle that was announced: the account is gone, not renamed.
                    let handle = edit.announced()?.and_then(|last| last.handle);
                    edit.announce(handle, Status::Deleted)
                })
                .await?;
            while store.read(|view| view.has_waiting()).await? {
                tokio::time::sleep(POLL).await;
            }
            drop(store);
            self.stores.destroy(did).await?;
        }
        self.accounts.remove(did).await?;
        self.resolver.purge(did);
        Ok(())
    }
}

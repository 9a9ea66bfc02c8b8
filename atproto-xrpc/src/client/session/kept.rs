use std::{future::Future, sync::Arc};

use tokio::sync::{Mutex, watch};

use super::SessionError;
use crate::client::{
    RequestError,
    store::{SavedSession, SessionStore, StoreError, session_key},
};

/// What a session has to keep: tokens, of which the access token tells whether they have
/// been renewed meanwhile.
pub(in crate::client) trait Tokens: Clone + Send + Sync + 'static {
    fn access_token(&self) -> &str;
    fn save(self) -> SavedSession;
    fn restore(saved: SavedSession) -> Option<Self>;
}

/// The tokens of a session, which all its clones share, and their place in a store.
pub(in crate::client) struct Kept<T> {
    tokens: watch::Sender<T>,
    /// Held while the tokens are renewed.
    renewal: Arc<Mutex<()>>,
    store: Option<Arc<dyn SessionStore>>,
}

impl<T: Tokens> Kept<T> {
    pub(in crate::client) fn new(tokens: T, store: Option<Arc<dyn SessionStore>>) -> Self {
        Self { tokens: watch::Sender::new(tokens), renewal: Arc::default(), store }
    }

    pub(in crate::client) fn current(&self) -> T {
        self.tokens.borrow().clone()
    }

    pub(in crate::client) fn read<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        read(&self.tokens.borrow())
    }

    pub(in crate::client) fn changes(&self) -> watch::Receiver<T> {
        self.tokens.subscribe()
    }

    /// Writes the tokens down, if there is a store.
    pub(in crate::client) async fn save(&self) -> Result<(), StoreError> {
        match &self.store {
            Some(store) => self.current().save().save(&**store).await,
            None => Ok(()),
        }
    }

    /// Obtains the next tokens, unless `used` is the access token no longer: then somebody
    /// else has done so meanwhile, here or in another program with the same store.
    ///
    /// The exchange runs in a task of its own. A caller that gives up in its middle must not
    /// lose the new refresh token, for the old one is used up.
    pub(in crate::client) async fn renew<F, A>(
        self: &Arc<Self>,
        used: &str,
        exchange: F,
    ) -> Result<(), RequestError>
    where
        F: FnOnce(T) -> A + Send + 'static,
        A: Future<Output = Result<T, RequestError>> + Send,
    {
        let guard = Arc::clone(&self.renewal).lock_owned().await;
        if self.read(|tokens| tokens.access_token() != used) {
            return Ok(());
        }
        let kept = Arc::clone(self);
        let used = used.to_owned();
        let renewal = tokio::spawn(async move {
            let _guard = guard;
            kept.renew_alone(&used, exchange).await
        });
        // The only way for the task to end without an answer is the end of the runtime.
        renewal.await.unwrap_or_else(|_| Err(SessionError::ShuttingDown.into()))
    }

    async fn renew_alone<F, A>(&self, used: &str, exchange: F) -> Result<(), RequestError>
    where
        F: FnOnce(T) -> A,
        A: Future<Output = Result<T, RequestError>>,
    {
        let _lock = match &self.store {
            None => None,
            Some(store) => {
                let lock = store.lock(&self.key()).await.map_err(SessionError::from)?;
                let stored = self.stored(&**store).await?;
                if stored.access_token() != used {
                    self.tokens.send_replace(stored);
                    return Ok(());
                }
                Some(lock)
            }
        };
        let next = exchange(self.current()).await?;
        // Also if they cannot be written down: the former ones are used up.
        self.tokens.send_replace(next);
        Ok(self.save().await.map_err(SessionError::from)?)
    }

    async fn stored(&self, store: &dyn SessionStore) -> Result<T, SessionError> {
        let did = self.read(|tokens| tokens.clone().save().did().clone());
        let saved = SavedSession::load(store, &did).await?;
        saved.and_then(T::restore).ok_or(SessionError::Ended)
    }

    /// Ends the session: no renewal is under way meanwhile, and none comes afterwards from
    /// the store.
    pub(in crate::client) async fn end<A>(
        &self,
        end: impl FnOnce(T) -> A,
    ) -> Result<(), RequestError>
    where
        A: Future<Output = Result<(), RequestError>>,
    {
        let _guard = self.renewal.lock().await;
        let ended = end(self.current()).await;
        if let Some(store) = &self.store {
            store.take(&self.key()).await.map_err(SessionError::from)?;
        }
        ended
    }

    fn key(&self) -> String {
        self.read(|tokens| session_key(tokens.clone().save().did()))
    }
}

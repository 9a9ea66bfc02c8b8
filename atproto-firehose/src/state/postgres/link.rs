//! One connection, opened when it is needed.

use std::{fmt, sync::Arc};

use futures::{FutureExt, future::BoxFuture};
use tokio_postgres::{Client, Config, Socket, tls::MakeTlsConnect};

use super::ANSWER_DEADLINE;
use crate::state::StoreError;

/// A connection that comes back.
pub(super) struct Link {
    connect: Connect,
    client: Option<Client>,
}

type Connect = Arc<dyn Fn() -> BoxFuture<'static, Result<Client, StoreError>> + Send + Sync>;

impl Link {
    pub(super) fn new<T>(config: Config, tls: T) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send,
        T::TlsConnect: Send,
        <T::TlsConnect as tokio_postgres::tls::TlsConnect<Socket>>::Future: Send,
    {
        let connect = move || open(config.clone(), tls.clone()).boxed();
        Self { connect: Arc::new(connect), client: None }
    }

    /// Another connection to the same database.
    pub(super) fn another(&self) -> Self {
        Self { connect: Arc::clone(&self.connect), client: None }
    }

    /// Asks the database, in time. Whatever does not end well costs the connection: nobody knows
    /// then in what state that is.
    pub(super) async fn ask<T>(
        &mut self,
        question: impl AsyncFnOnce(&mut Client) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let known = self.client.take().filter(|client| !client.is_closed());
        let answered = async {
            let mut client = match known {
                Some(client) => client,
                None => (self.connect)().await?,
            };
            let answer = question(&mut client).await?;
            Ok((client, answer))
        };
        let answered = tokio::time::timeout(ANSWER_DEADLINE, answered).await;
        let (client, answer) = answered.map_err(StoreError::new)??;
        self.client = Some(client);
        Ok(answer)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("open", &self.client.is_some()).finish_non_exhaustive()
    }
}

async fn open<T>(config: Config, tls: T) -> Result<Client, StoreError>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let (client, connection) = config.connect(tls).await.map_err(StoreError::new)?;
    tokio::spawn(async move {
        // Whoever asks next hears of it, and connects anew.
        if let Err(error) = connection.await {
            tracing::warn!(%error, "a connection to the database ended");
        }
    });
    client.batch_execute(DURABLE).await.map_err(StoreError::new)?;
    Ok(client)
}

/// A save promises durability. Stronger settings of the database's own are left alone.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off'";

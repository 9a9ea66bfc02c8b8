//! Batches as transactions.

use atproto_firehose::{
    consumer::Batch,
    event::{Decoded, Event},
    state::postgres::Tables,
};
use tokio_postgres::{Client, Config, NoTls};

use crate::Indexed;

/// The schema of all tables, ours and the consumer's.
pub(crate) const SCHEMA: &str = "indexer";

/// A connection that is opened anew after each failure.
pub(crate) struct Store {
    config: Config,
    client: Option<Client>,
}

/// What a batch changes.
#[derive(Default)]
struct Changes {
    uris: Vec<String>,
    dids: Vec<String>,
    texts: Vec<String>,
    /// Posts that were deleted.
    gone: Vec<String>,
    /// Accounts that were.
    left: Vec<String>,
}

impl Store {
    pub(crate) fn new(config: Config) -> Self {
        Self { config, client: None }
    }

    /// Stores a batch, with its checkpoint, or nothing of it.
    pub(crate) async fn put(&mut self, batch: &Batch) -> anyhow::Result<()> {
        let mut client = match self.client.take() {
            Some(client) => client,
            None => connect(&self.config).await?,
        };
        let Changes { uris, dids, texts, gone, left } = changes(batch);
        let transaction = client.transaction().await?;
        transaction.execute(DELETE, &[&gone, &left]).await?;
        transaction.execute(UPSERT, &[&uris, &dids, &texts]).await?;
        Tables::in_schema(SCHEMA)?.save(&transaction, batch.checkpoint()).await?;
        transaction.commit().await?;
        self.client = Some(client);
        Ok(())
    }
}

/// An account has at most one event in a batch, and a commit one change of a record: the order
/// does not matter.
fn changes(batch: &Batch) -> Changes {
    let mut all = Changes::default();
    for event in batch.events() {
        match event {
            Event::Commit(commit) => {
                for change in commit.changes() {
                    let uri = format!("at://{}/{}", commit.did(), change.path);
                    match change.decode() {
                        Decoded::Known(Indexed::Post(post)) => {
                            all.uris.push(uri);
                            all.dids.push(commit.did().to_string());
                            // Of all characters PostgreSQL does not store this one.
                            all.texts.push(post.text.replace('\0', "\u{FFFD}"));
                        }
                        Decoded::Other(_) => {}
                        // Deleted, or replaced by something that is no post.
                        _ => all.gone.push(uri),
                    }
                }
            }
            Event::Account(account) if account.status.as_deref() == Some("deleted") => {
                all.left.push(account.did.to_string());
            }
            Event::Gap(gap) => tracing::warn!(?gap, "something is missing from the index"),
            _ => {}
        }
    }
    all
}

async fn connect(config: &Config) -> anyhow::Result<Client> {
    let (client, connection) = config.connect(NoTls).await?;
    // Its error is that of the call that waits.
    tokio::spawn(connection);
    client.batch_execute(TABLE).await?;
    Ok(client)
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS
    indexer.post (uri text PRIMARY KEY, did text NOT NULL, text text NOT NULL);
    CREATE INDEX IF NOT EXISTS post_did ON indexer.post (did)";

const DELETE: &str =
    "DELETE FROM indexer.post WHERE uri = ANY ($1::text[]) OR did = ANY ($2::text[])";

const UPSERT: &str = "INSERT INTO indexer.post
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
    ON CONFLICT (uri) DO UPDATE SET text = excluded.text";

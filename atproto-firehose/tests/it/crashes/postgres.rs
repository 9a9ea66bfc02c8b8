use atproto_firehose::{
    consumer::Batch,
    state::{PostgresState, SavedByCaller, Store, StoreError, postgres::Tables},
};
use futures::{FutureExt, future::BoxFuture};
use tokio_postgres::{Client, NoTls};

use super::{
    child::Points,
    ledger::{ADD, Ledger, Sums, items},
};

/// A schema of the shared server, if there is one.
pub(super) fn place(schema: &str) -> Option<String> {
    let server = atproto_testkit::Postgres::shared()?;
    Some(format!("postgres:{schema}:{}", server.parameters()))
}

pub(super) struct Postgres {
    schema: String,
    parameters: String,
    client: Client,
}

impl Postgres {
    pub(super) async fn open(place: &str) -> Self {
        let (schema, parameters) = place.split_once(':').unwrap();
        let (client, connection) = tokio_postgres::connect(parameters, NoTls).await.unwrap();
        tokio::spawn(connection);
        Tables::in_schema(schema).unwrap().create(&client).await.unwrap();
        let table = format!(
            "SET search_path TO {schema}; CREATE TABLE IF NOT EXISTS
             sums (did text PRIMARY KEY, count bigint, sum bigint)"
        );
        client.batch_execute(&table).await.unwrap();
        Self { schema: schema.to_owned(), parameters: parameters.to_owned(), client }
    }

    async fn store(&mut self, batch: &Batch, points: &Points) -> Result<(), StoreError> {
        let tables = Tables::in_schema(&self.schema)?;
        let transaction = self.client.transaction().await.map_err(StoreError::new)?;
        for (did, seq) in items(batch) {
            transaction.execute(ADD, &[&did, &seq]).await.map_err(StoreError::new)?;
        }
        points.pass("effects");
        tables.save(&transaction, batch.checkpoint()).await?;
        points.pass("checkpoint");
        transaction.commit().await.map_err(StoreError::new)
    }
}

impl Ledger for Postgres {
    fn state(&self) -> BoxFuture<'_, Box<dyn Store>> {
        async {
            let config = self.parameters.parse().unwrap();
            let state = PostgresState::open(config, NoTls, &self.schema).await.unwrap();
            Box::new(SavedByCaller(state)) as Box<dyn Store>
        }
        .boxed()
    }

    fn store<'a>(
        &'a mut self,
        batch: &'a Batch,
        points: &'a Points,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.store(batch, points).boxed()
    }

    fn sums(&mut self) -> BoxFuture<'_, Sums> {
        async {
            let rows = self.client.query("SELECT did, count, sum FROM sums", &[]).await.unwrap();
            rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect()
        }
        .boxed()
    }
}

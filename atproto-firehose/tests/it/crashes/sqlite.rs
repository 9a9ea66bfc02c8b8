use std::path::Path;

use atproto_firehose::{
    consumer::Batch,
    state::{SavedByCaller, SqliteState, Store, StoreError, sqlite},
};
use futures::{FutureExt, future::BoxFuture};
use rusqlite::{Connection, params};

use super::{
    child::Points,
    ledger::{ADD, Ledger, Sums, items},
};

pub(super) fn place(dir: &Path) -> String {
    format!("sqlite:{}", dir.join("ledger").display())
}

pub(super) struct Sqlite {
    path: String,
    connection: Connection,
}

impl Sqlite {
    pub(super) fn open(path: &str) -> Self {
        // With the pragmas that make it durable.
        SqliteState::open(path).unwrap();
        let connection = Connection::open(path).unwrap();
        connection.pragma_update(None, "synchronous", "FULL").unwrap();
        let table = "CREATE TABLE IF NOT EXISTS sums (did TEXT PRIMARY KEY, count, sum)";
        connection.execute_batch(table).unwrap();
        Self { path: path.to_owned(), connection }
    }

    fn store(&mut self, batch: &Batch, points: &Points) -> Result<(), StoreError> {
        let transaction = self.connection.transaction().map_err(StoreError::new)?;
        for (did, seq) in items(batch) {
            transaction.execute(ADD, params![did, seq]).map_err(StoreError::new)?;
        }
        points.pass("effects");
        sqlite::save(&transaction, batch.checkpoint())?;
        points.pass("checkpoint");
        transaction.commit().map_err(StoreError::new)
    }
}

impl Ledger for Sqlite {
    fn state(&self) -> BoxFuture<'_, Box<dyn Store>> {
        let state = SavedByCaller(SqliteState::open(&self.path).unwrap());
        async { Box::new(state) as Box<dyn Store> }.boxed()
    }

    fn store<'a>(
        &'a mut self,
        batch: &'a Batch,
        points: &'a Points,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let stored = self.store(batch, points);
        async { stored }.boxed()
    }

    fn sums(&mut self) -> BoxFuture<'_, Sums> {
        let mut query = self.connection.prepare("SELECT did, count, sum FROM sums").unwrap();
        let rows = query.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))));
        let sums = rows.unwrap().map(Result::unwrap).collect();
        async { sums }.boxed()
    }
}

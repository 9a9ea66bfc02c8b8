//! Labels in SQLite.
//!
//! [`SqliteLabels`] keeps them in a file of their own. The functions work on a table in a
//! database of yours, in a transaction of yours:
//!
//! ```
//! use atproto_core::{crypto::{Curve, SecretKey}, syntax::Datetime};
//! use atproto_firehose::label::{self, store::sqlite};
//! use atproto_lexicons::com::atproto::label::defs::Label;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut connection = rusqlite::Connection::open_in_memory()?;
//! sqlite::create(&connection)?;
//! let labeler = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
//! let subject = "did:plc:44ybard66vv44zksje25o7dz".parse()?;
//! let spam = Label::new(labeler, subject, "spam", "2026-01-01T00:00:00Z".parse()?);
//! let transaction = connection.transaction()?;
//! sqlite::apply(&transaction, &[spam.clone()])?;
//! transaction.commit()?;
//! assert_eq!(sqlite::in_force(&connection, &spam.uri, &Datetime::now())?, [spam]);
//! # Ok(()) }
//! ```

use std::path::Path;

use atproto_core::data::cbor;
use atproto_core::syntax::{Datetime, Uri};
use atproto_lexicons::com::atproto::label::defs::Label;
use futures::FutureExt;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::LabelStore;
use crate::label::{is_active, supersedes};
use crate::state::sqlite::database::Database;
use crate::state::{StoreError, Stored};

/// Labels in a SQLite file, used within a tokio runtime. They are durable when [`LabelStore::apply`]
/// has returned.
#[derive(Clone, Debug)]
pub struct SqliteLabels(Database);

impl SqliteLabels {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Database::open(path, create).map(Self)
    }
}

impl LabelStore for SqliteLabels {
    fn apply<'a>(&'a self, labels: &'a [Label]) -> Stored<'a, usize> {
        let labels = labels.to_vec();
        self.0.write(move |transaction| apply(transaction, &labels))
    }

    /// Reads at once: a file at hand answers sooner than another thread would begin.
    fn in_force<'a>(&'a self, uri: &'a Uri, now: &'a Datetime) -> Stored<'a, Vec<Label>> {
        std::future::ready(in_force(&self.0.reader(), uri, now)).boxed()
    }
}

/// Creates the table `firehose_label`, unless it is there.
///
/// # Errors
/// [`StoreError`].
pub fn create(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch(TABLE).map_err(StoreError::new)
}

/// As [`LabelStore::apply`], within a transaction.
///
/// # Errors
/// [`StoreError`].
pub fn apply(transaction: &Transaction<'_>, labels: &[Label]) -> Result<usize, StoreError> {
    let mut taken = 0;
    for label in labels {
        let known = known(transaction, label)?;
        if known.is_none_or(|known| supersedes(label, &known)) {
            let encoded = cbor::to_vec(label).map_err(StoreError::new)?;
            transaction
                .prepare_cached(REPLACE)
                .and_then(|mut replace| {
                    let Label { uri, src, val, .. } = label;
                    replace.execute(params![uri.as_str(), src.as_str(), val, encoded])
                })
                .map_err(StoreError::new)?;
            taken += 1;
        }
    }
    Ok(taken)
}

/// As [`LabelStore::in_force`].
///
/// # Errors
/// [`StoreError`].
pub fn in_force(
    connection: &Connection,
    uri: &Uri,
    now: &Datetime,
) -> Result<Vec<Label>, StoreError> {
    let mut said = connection.prepare_cached(SAID).map_err(StoreError::new)?;
    let rows =
        said.query_map([uri.as_str()], |row| row.get::<_, Vec<u8>>(0)).map_err(StoreError::new)?;
    let mut active = Vec::new();
    for row in rows {
        let label = decode(&row.map_err(StoreError::new)?)?;
        if is_active(&label, now) {
            active.push(label);
        }
    }
    Ok(active)
}

/// The current label of the same key.
fn known(connection: &Connection, label: &Label) -> Result<Option<Label>, StoreError> {
    let row: Option<Vec<u8>> = connection
        .prepare_cached(KNOWN)
        .and_then(|mut known| {
            let Label { uri, src, val, .. } = label;
            known.query_row(params![uri.as_str(), src.as_str(), val], |row| row.get(0)).optional()
        })
        .map_err(StoreError::new)?;
    row.map(|encoded| decode(&encoded)).transpose()
}

fn decode(encoded: &[u8]) -> Result<Label, StoreError> {
    cbor::from_slice(encoded).map_err(StoreError::new)
}

/// Labels are kept as they came, so that they can be handed on.
const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS firehose_label (
        uri TEXT NOT NULL,
        src TEXT NOT NULL,
        val TEXT NOT NULL,
        label BLOB NOT NULL,
        PRIMARY KEY (uri, src, val)
    ) WITHOUT ROWID";
const KNOWN: &str = "SELECT label FROM firehose_label WHERE uri = ?1 AND src = ?2 AND val = ?3";
const REPLACE: &str =
    "INSERT OR REPLACE INTO firehose_label (uri, src, val, label) VALUES (?1, ?2, ?3, ?4)";
const SAID: &str = "SELECT label FROM firehose_label WHERE uri = ?1 ORDER BY src, val";

//! What is kept for a [`Tracker`](crate::tracker::Tracker).

use std::collections::BTreeSet;

use atproto_core::syntax::{Cid, Did, Tid};
use atproto_repo::RepoPath;
use futures::{FutureExt, future::ready};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{SqliteState, tables::did};
use crate::checkpoint::{Due, GAP, Known, TrackingDelta, Wanted};
use crate::state::{Counts, Listing, Postponed, StoreError, Stored, TrackingStore, Want};

impl TrackingStore for SqliteState {
    /// Reads at once, as for a head.
    fn known<'a>(
        &'a self,
        did: &'a Did,
        after: Option<&'a RepoPath>,
        max: usize,
    ) -> Stored<'a, Vec<(RepoPath, Cid)>> {
        ready(known(&self.0.reader(), did, after, max)).boxed()
    }

    fn want(&self, wanted: Vec<Wanted>, which: Want, read: Option<Listing>) -> Stored<'_, ()> {
        self.0.write(move |transaction| {
            let wanted = wanted.iter().try_for_each(|wanted| want(transaction, wanted, which));
            wanted.and_then(|()| save_listing(transaction, read)).map_err(StoreError::new)
        })
    }

    fn due(&self, now: i64, max: usize, except: BTreeSet<String>) -> Stored<'_, Vec<Due>> {
        ready(due(&self.0.reader(), now, max, &except).map_err(StoreError::new)).boxed()
    }

    fn postpone(&self, postponed: Vec<Postponed>) -> Stored<'_, ()> {
        self.0.write(move |transaction| postpone(transaction, &postponed).map_err(StoreError::new))
    }

    fn listings(&self) -> Stored<'_, Vec<Listing>> {
        ready(listings(&self.0.reader()).map_err(StoreError::new)).boxed()
    }

    fn counts(&self) -> Stored<'_, Counts> {
        ready(counts(&self.0.reader()).map_err(StoreError::new)).boxed()
    }
}

/// Saves what a checkpoint has of it.
pub(super) fn save(transaction: &Transaction<'_>, delta: &TrackingDelta) -> rusqlite::Result<()> {
    if delta.is_empty() {
        return Ok(());
    }
    save_known(transaction, &delta.known)?;
    let mut fetched =
        transaction.prepare_cached("DELETE FROM firehose_wanted WHERE did = ?1 AND token = ?2")?;
    for (did, token) in &delta.fetched {
        fetched.execute(params![did.as_str(), token])?;
    }
    if delta.all_wanted {
        transaction.execute(WANT_ALL, [GAP])?;
    }
    delta.wanted.iter().try_for_each(|wanted| want(transaction, wanted, Want::All))
}

fn save_known(transaction: &Transaction<'_>, known: &[Known]) -> rusqlite::Result<()> {
    let mut put = transaction.prepare_cached(
        "INSERT INTO firehose_known (account, path, cid) VALUES (?1, ?2, ?3)
         ON CONFLICT (account, path) DO UPDATE SET cid = excluded.cid",
    )?;
    let mut remove = transaction
        .prepare_cached("DELETE FROM firehose_known WHERE account = ?1 AND path = ?2")?;
    let mut last: Option<(&Did, i64)> = None;
    for one in known {
        let account = match last {
            Some((did, account)) if did == one.did() => account,
            _ => account_of(transaction, one.did())?,
        };
        last = Some((one.did(), account));
        match one {
            Known::Record { path, cid: Some(cid), .. } => {
                put.execute(params![account, path.to_string(), &cid.to_bytes()[..]])?;
            }
            Known::Record { path, cid: None, .. } => {
                remove.execute(params![account, path.to_string()])?;
            }
            Known::Nothing { .. } => {
                transaction.execute("DELETE FROM firehose_known WHERE account = ?1", [account])?;
            }
        }
    }
    Ok(())
}

/// The number of an account, which it has from now on.
fn account_of(transaction: &Transaction<'_>, did: &Did) -> rusqlite::Result<i64> {
    let found = transaction
        .prepare_cached("SELECT id FROM firehose_account WHERE did = ?1")?
        .query_row([did.as_str()], |row| row.get(0))
        .optional()?;
    if let Some(account) = found {
        return Ok(account);
    }
    transaction
        .prepare_cached("INSERT INTO firehose_account (did) VALUES (?1)")?
        .insert([did.as_str()])
}

fn want(transaction: &Transaction<'_>, wanted: &Wanted, which: Want) -> rusqlite::Result<()> {
    let Wanted { did, rev, reason, host } = wanted;
    let statement = match which {
        Want::All => WANT,
        Want::Unknown => WANT_UNKNOWN,
    };
    let rev = rev.map(|rev| rev.to_string());
    transaction.prepare_cached(statement)?.execute(params![did.as_str(), rev, reason, host])?;
    Ok(())
}

fn known(
    connection: &Connection,
    did: &Did,
    after: Option<&RepoPath>,
    max: usize,
) -> Result<Vec<(RepoPath, Cid)>, StoreError> {
    let query = || {
        let mut statement = connection.prepare_cached(
            "SELECT path, cid FROM firehose_known
             WHERE account = (SELECT id FROM firehose_account WHERE did = ?1) AND path > ?2
             ORDER BY path LIMIT ?3",
        )?;
        let after = after.map(RepoPath::to_string).unwrap_or_default();
        let rows = statement.query_map(params![did.as_str(), after, max], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?))
        })?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    let rows = query().map_err(StoreError::new)?;
    let parse = |(path, cid): (String, Vec<u8>)| {
        let path = RepoPath::parse(&path).map_err(StoreError::new)?;
        Ok((path, Cid::from_bytes(&cid).map_err(StoreError::new)?))
    };
    rows.into_iter().map(parse).collect()
}

fn due(
    connection: &Connection,
    now: i64,
    max: usize,
    except: &BTreeSet<String>,
) -> rusqlite::Result<Vec<Due>> {
    let except = serde_json::to_string(except).unwrap_or_default();
    let mut statement = connection.prepare_cached(
        "SELECT did, rev, reason, host, token, attempts FROM firehose_wanted
         WHERE at <= ?1 AND (host IS NULL OR host NOT IN (SELECT value FROM json_each(?2)))
         ORDER BY at, id LIMIT ?3",
    )?;
    let rows = statement.query_map(params![now, except, max], |row| {
        let reason: String = row.get(2)?;
        let wanted = Wanted::new(did(row, 0)?, reason).rev(rev(row, 1)?).host(row.get(3)?);
        Ok(Due::new(wanted, row.get(4)?, row.get(5)?))
    })?;
    rows.collect()
}

fn rev(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Tid>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| text.parse()).transpose().map_err(|error: atproto_core::syntax::SyntaxError| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(column, kind, error.into())
    })
}

fn postpone(transaction: &Transaction<'_>, postponed: &[Postponed]) -> rusqlite::Result<()> {
    let mut update = transaction.prepare_cached(
        "UPDATE firehose_wanted SET at = ?3, attempts = ?4, host = ?5, error = ?6
         WHERE did = ?1 AND token = ?2",
    )?;
    for Postponed { did, token, attempts, at, host, error } in postponed {
        update.execute(params![did.as_str(), token, at, attempts, host, error])?;
    }
    Ok(())
}

fn save_listing(transaction: &Transaction<'_>, read: Option<Listing>) -> rusqlite::Result<()> {
    let Some(Listing { name, cursor, done }) = read else { return Ok(()) };
    let statement =
        "INSERT OR REPLACE INTO firehose_listing (name, cursor, done) VALUES (?1, ?2, ?3)";
    transaction.prepare_cached(statement)?.execute(params![name, cursor, done])?;
    Ok(())
}

fn listings(connection: &Connection) -> rusqlite::Result<Vec<Listing>> {
    let mut statement =
        connection.prepare_cached("SELECT name, cursor, done FROM firehose_listing")?;
    let rows = statement.query_map([], |row| {
        Ok(Listing::new(row.get::<_, String>(0)?, row.get(1)?, row.get(2)?))
    })?;
    rows.collect()
}

fn counts(connection: &Connection) -> rusqlite::Result<Counts> {
    let count = |query: &str| connection.prepare_cached(query)?.query_row([], |row| row.get(0));
    Ok(Counts::new(
        count("SELECT count(*) FROM firehose_head WHERE rev IS NOT NULL")?,
        count("SELECT count(*) FROM firehose_wanted")?,
        count("SELECT count(*) FROM firehose_wanted WHERE error IS NOT NULL")?,
    ))
}

pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS firehose_account (
        id INTEGER PRIMARY KEY,
        did TEXT NOT NULL UNIQUE
    ) STRICT;
    CREATE TABLE IF NOT EXISTS firehose_known (
        account INTEGER NOT NULL,
        path TEXT NOT NULL,
        cid BLOB NOT NULL,
        PRIMARY KEY (account, path)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS firehose_wanted (
        id INTEGER PRIMARY KEY,
        did TEXT NOT NULL UNIQUE,
        token INTEGER NOT NULL DEFAULT 0,
        rev TEXT,
        reason TEXT NOT NULL,
        host TEXT,
        at INTEGER NOT NULL DEFAULT 0,
        attempts INTEGER NOT NULL DEFAULT 0,
        error TEXT
    ) STRICT;
    CREATE INDEX IF NOT EXISTS firehose_wanted_at ON firehose_wanted (at, id);
    CREATE TABLE IF NOT EXISTS firehose_listing (
        name TEXT PRIMARY KEY,
        cursor TEXT,
        done INTEGER NOT NULL
    ) STRICT;
";

/// What is wanted again gets another token; of two revisions the later one counts, and a gap is
/// no reason beside another.
const WANT: &str = "
    INSERT INTO firehose_wanted (did, rev, reason, host) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (did) DO UPDATE SET
        token = token + 1,
        rev = nullif(max(coalesce(rev, ''), coalesce(excluded.rev, '')), ''),
        reason = iif(excluded.reason = 'gap', reason, excluded.reason),
        host = coalesce(excluded.host, host), at = 0, attempts = 0, error = NULL";

const WANT_UNKNOWN: &str = "
    INSERT INTO firehose_wanted (did, rev, reason, host)
    SELECT ?1, ?2, ?3, ?4
    WHERE NOT EXISTS (SELECT 1 FROM firehose_head WHERE did = ?1 AND rev IS NOT NULL)
    ON CONFLICT (did) DO NOTHING";

const WANT_ALL: &str = "
    INSERT INTO firehose_wanted (did, reason)
    SELECT did, ?1 FROM firehose_head WHERE rev IS NOT NULL
    ON CONFLICT (did) DO UPDATE SET token = token + 1, at = 0, attempts = 0";

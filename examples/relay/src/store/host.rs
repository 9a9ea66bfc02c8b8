//! What is stored of hosts.

use std::fmt;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Store, StoreError};
use crate::clock;
use crate::hostname::Hostname;

/// How a host is doing, in the words of `com.atproto.sync.defs#hostStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HostStatus {
    /// Subscribed to, or about to be.
    Active,
    /// Left alone until somebody asks for it: its stream is behind our cursor.
    Idle,
    /// Not reached for a while; still tried, less often.
    Offline,
    /// Slowed down because it exceeds its limits.
    Throttled,
    /// Not subscribed to, by the operator's decision.
    Banned,
}

/// A host as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRow {
    /// Its place in the list of hosts.
    pub id: i64,
    /// Its name.
    pub hostname: Hostname,
    /// How it is doing.
    pub status: HostStatus,
    /// Every event up to here is settled; 0 before the first.
    pub cursor: i64,
    /// Accounts that are not deleted.
    pub accounts: i64,
    /// Why the last connection ended, where that was a fault.
    pub fault: Option<String>,
}

const COLUMNS: &str = "SELECT id, hostname, status, cursor, accounts, fault FROM host";

impl Store {
    /// A host.
    pub async fn host(&self, hostname: &Hostname) -> Result<Option<HostRow>, StoreError> {
        let hostname = hostname.clone();
        self.read(move |connection| {
            let mut query = connection.prepare_cached(&format!("{COLUMNS} WHERE hostname = ?1"))?;
            query.query_row([hostname.as_str()], HostRow::of).optional()
        })
        .await
    }

    /// At most `limit` hosts after a place in the list.
    pub async fn hosts(&self, after: i64, limit: i64) -> Result<Vec<HostRow>, StoreError> {
        self.read(move |connection| {
            let sql = format!("{COLUMNS} WHERE id > ?1 ORDER BY id LIMIT ?2");
            let mut query = connection.prepare_cached(&sql)?;
            query.query_map(params![after, limit], HostRow::of)?.collect()
        })
        .await
    }

    /// Adds a host, if it is not known, and returns it.
    pub async fn add_host(&self, hostname: &Hostname) -> Result<HostRow, StoreError> {
        let hostname = hostname.clone();
        self.write(move |connection| {
            id_of(connection, &hostname)?;
            let mut query = connection.prepare_cached(&format!("{COLUMNS} WHERE hostname = ?1"))?;
            query.query_row([hostname.as_str()], HostRow::of)
        })
        .await
    }

    /// Notes how a host is doing.
    pub async fn set_host_status(
        &self,
        hostname: &Hostname,
        status: HostStatus,
        fault: Option<String>,
    ) -> Result<(), StoreError> {
        let hostname = hostname.clone();
        self.write(move |connection| {
            let sql = "UPDATE host SET status = ?2, fault = ?3 WHERE hostname = ?1";
            let mut update = connection.prepare_cached(sql)?;
            update.execute(params![hostname.as_str(), status.as_str(), fault]).map(drop)
        })
        .await
    }

    /// Sets a host's cursor by hand: after the host has begun a new sequence.
    pub async fn reset_host(&self, hostname: &Hostname, cursor: i64) -> Result<(), StoreError> {
        let hostname = hostname.clone();
        self.write(move |connection| {
            let host = id_of(connection, &hostname)?;
            connection
                .execute("UPDATE host SET cursor = ?2 WHERE id = ?1", params![host, cursor])?;
            // What was settled is told by numbers of the old sequence.
            connection.execute("UPDATE account SET host_seq = 0 WHERE host = ?1", [host])?;
            Ok(())
        })
        .await
    }

    /// How many hosts there are of each status.
    pub async fn host_counts(&self) -> Result<Vec<(HostStatus, i64)>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT status, count(*) FROM host GROUP BY status";
            let mut query = connection.prepare_cached(sql)?;
            let count =
                |row: &Row<'_>| Ok((HostStatus::stored(row.get_ref(0)?.as_str()?), row.get(1)?));
            query.query_map([], count)?.collect()
        })
        .await
    }

    /// How many hosts have become known since a time in seconds.
    pub async fn hosts_since(&self, time: i64) -> Result<i64, StoreError> {
        self.read(move |connection| {
            let sql = "SELECT count(*) FROM host WHERE created_at > ?1";
            connection.prepare_cached(sql)?.query_row([time], |row| row.get(0))
        })
        .await
    }
}

/// The id of a host, which is added if it is not known: replaying the log must find it.
pub(super) fn id_of(connection: &Connection, hostname: &Hostname) -> rusqlite::Result<i64> {
    let mut query = connection.prepare_cached("SELECT id FROM host WHERE hostname = ?1")?;
    if let Some(id) = query.query_row([hostname.as_str()], |row| row.get(0)).optional()? {
        return Ok(id);
    }
    connection.execute(
        "INSERT INTO host (hostname, created_at) VALUES (?1, ?2)",
        params![hostname.as_str(), clock::now_seconds()],
    )?;
    Ok(connection.last_insert_rowid())
}

impl HostRow {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            hostname: Hostname::stored(row.get_ref(1)?.as_str()?),
            status: HostStatus::stored(row.get_ref(2)?.as_str()?),
            cursor: row.get(3)?,
            accounts: row.get(4)?,
            fault: row.get(5)?,
        })
    }
}

impl HostStatus {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Active, Self::Idle, Self::Offline, Self::Throttled, Self::Banned];

    /// The protocol's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Idle => "idle",
            Self::Offline => "offline",
            Self::Throttled => "throttled",
            Self::Banned => "banned",
        }
    }

    fn stored(text: &str) -> Self {
        Self::ALL.into_iter().find(|status| status.as_str() == text).unwrap_or(Self::Active)
    }
}

impl fmt::Display for HostStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

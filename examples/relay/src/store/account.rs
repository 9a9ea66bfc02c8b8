//! What is stored of accounts.

use atproto_core::syntax::{Cid, Did, Nsid, Tid};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Store, StoreError, unreadable};
use crate::change::{Repo, Standing};
use crate::hostname::Hostname;

/// An account as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its place in the list of accounts.
    pub id: i64,
    /// The account.
    pub did: Did,
    /// The host that it was last seen at, with proof.
    pub host: Hostname,
    /// The newest event of that host about the account that is settled.
    pub host_seq: i64,
    /// The newest state of the repository, once there was one.
    pub repo: Option<Repo>,
    /// What the host says.
    pub standing: Standing,
    /// Whether the operator has taken it down.
    pub taken_down: bool,
    /// The last #identity that was passed on, where it is known.
    pub identity: Option<IdentityMark>,
}

/// Tells whether an #identity message says something new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentityMark {
    /// Of what it said.
    pub digest: [u8; 32],
    /// When it was passed on, in seconds since 1970.
    pub at: i64,
}

pub(super) const COLUMNS: &str = "
    SELECT account.id, did, hostname, host_seq, rev, data, head, active, account.status,
           taken_down, identity, identity_at
    FROM account JOIN host ON host.id = account.host";

impl Store {
    /// An account.
    pub async fn account(&self, did: &Did) -> Result<Option<Account>, StoreError> {
        let did = did.clone();
        self.read(move |connection| find(connection, &did)).await
    }

    /// At most `limit` accounts that have a repository, after a place in the list.
    pub async fn repos(&self, after: i64, limit: i64) -> Result<Vec<Account>, StoreError> {
        self.read(move |connection| {
            let sql = format!(
                "{COLUMNS} WHERE account.id > ?1 AND rev IS NOT NULL ORDER BY account.id LIMIT ?2"
            );
            let mut query = connection.prepare_cached(&sql)?;
            query.query_map(params![after, limit], Account::of)?.collect()
        })
        .await
    }

    /// At most `limit` accounts that have records in a collection and may be shown, after a
    /// place in the list; each with its place.
    pub async fn repos_of_collection(
        &self,
        collection: &Nsid,
        after: i64,
        limit: i64,
    ) -> Result<Vec<(i64, Did)>, StoreError> {
        let collection = collection.clone();
        self.read(move |connection| {
            let mut query = connection.prepare_cached(
                "SELECT account.id, did FROM collection
                 JOIN account ON account.id = collection.account
                 WHERE collection = ?1 AND account.id > ?2 AND active AND NOT taken_down
                 ORDER BY collection.account LIMIT ?3",
            )?;
            let params = params![collection.as_str(), after, limit];
            query.query_map(params, |row| Ok((row.get(0)?, did_at(row, 1)?)))?.collect()
        })
        .await
    }

    /// The accounts that the operator has taken down.
    pub async fn taken_down(&self) -> Result<Vec<Did>, StoreError> {
        self.read(|connection| {
            let mut query =
                connection.prepare("SELECT did FROM account WHERE taken_down ORDER BY id")?;
            query.query_map([], |row| did_at(row, 0))?.collect()
        })
        .await
    }

    /// How many pairs of account and collection are known.
    pub async fn collection_pairs(&self) -> Result<i64, StoreError> {
        self.read(|connection| {
            connection.query_row("SELECT count(*) FROM collection", [], |row| row.get(0))
        })
        .await
    }
}

pub(super) fn find(connection: &Connection, did: &Did) -> rusqlite::Result<Option<Account>> {
    let mut query = connection.prepare_cached(&format!("{COLUMNS} WHERE did = ?1"))?;
    query.query_row([did.as_str()], Account::of).optional()
}

impl Account {
    /// What the relay itself says: the operator's word before the host's.
    pub fn public_standing(&self) -> Standing {
        if self.taken_down {
            return Standing { active: false, status: Some("takendown".to_owned()) };
        }
        self.standing.clone()
    }

    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let rev: Option<String> = row.get(4)?;
        let repo = match rev {
            Some(rev) => Some(Repo {
                rev: Tid::new(rev).map_err(|error| unreadable(4, error))?,
                data: cid_at(row, 5)?,
                head: cid_at(row, 6)?,
            }),
            None => None,
        };
        let digest: Option<[u8; 32]> = row.get(10)?;
        let at = row.get(11)?;
        Ok(Self {
            id: row.get(0)?,
            did: did_at(row, 1)?,
            host: Hostname::stored(row.get_ref(2)?.as_str()?),
            host_seq: row.get(3)?,
            repo,
            standing: Standing { active: row.get(7)?, status: row.get(8)? },
            taken_down: row.get(9)?,
            identity: digest.map(|digest| IdentityMark { digest, at }),
        })
    }
}

fn did_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Did> {
    Did::new(row.get_ref(column)?.as_str()?).map_err(|error| unreadable(column, error))
}

fn cid_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Cid> {
    Cid::from_bytes(row.get_ref(column)?.as_blob()?).map_err(|error| unreadable(column, error))
}

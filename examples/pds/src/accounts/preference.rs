//! Clients' settings, kept for them.

use atproto_core::syntax::Did;
use rusqlite::params;

use super::Accounts;
use crate::database::DatabaseError;

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preference {
    /// Its `$type`.
    pub kind: String,
    /// It as JSON.
    pub json: String,
}

impl Accounts {
    /// An account's settings, in the order in which they were given.
    pub async fn preferences(&self, did: &Did) -> Result<Vec<Preference>, DatabaseError> {
        let did = did.clone();
        self.read(move |connection| {
            let mut statement = connection
                .prepare_cached("SELECT kind, json FROM preference WHERE did = ?1 ORDER BY id")?;
            let rows = statement.query_map([did.as_str()], |row| {
                Ok(Preference { kind: row.get(0)?, json: row.get(1)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Replaces an account's settings, except those that `keep` wants to have left alone.
    pub async fn replace_preferences(
        &self,
        did: &Did,
        preferences: Vec<Preference>,
        keep: &'static [&'static str],
    ) -> Result<(), DatabaseError> {
        let did = did.clone();
        self.write(move |connection| {
            let mut kinds =
                connection.prepare_cached("SELECT DISTINCT kind FROM preference WHERE did = ?1")?;
            let kinds: Vec<String> =
                kinds.query_map([did.as_str()], |row| row.get(0))?.collect::<Result<_, _>>()?;
            for kind in kinds.iter().filter(|kind| !keep.contains(&kind.as_str())) {
                connection
                    .prepare_cached("DELETE FROM preference WHERE did = ?1 AND kind = ?2")?
                    .execute([did.as_str(), kind])?;
            }
            for Preference { kind, json } in &preferences {
                connection
                    .prepare_cached("INSERT INTO preference (did, kind, json) VALUES (?1, ?2, ?3)")?
                    .execute(params![did.as_str(), kind, json])?;
            }
            Ok(())
        })
        .await
    }
}

//! Invite codes.

use atproto_core::syntax::{Datetime, Did};
use rusqlite::{Connection, Row, params};

use super::Accounts;
use crate::{database::DatabaseError, store::column};

/// An invite code and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// The code.
    pub code: String,
    /// How many uses it was made with.
    pub available: i64,
    /// Who may give it away: a DID, or `admin`.
    pub for_account: String,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Datetime,
    /// Who used it and when.
    pub uses: Vec<(Did, Datetime)>,
}

impl Accounts {
    /// Adds invite codes, all or none.
    pub async fn add_invites(&self, invites: Vec<Invite>) -> Result<(), DatabaseError> {
        self.write(move |connection| {
            let mut statement = connection.prepare_cached(
                "INSERT INTO invite_code
                     (code, available, uses_left, for_account, created_by, created_at)
                 VALUES (?1, ?2, ?2, ?3, ?4, ?5)",
            )?;
            for invite in &invites {
                let Invite { code, available, for_account, created_by, created_at, .. } = invite;
                let created_at = created_at.as_str();
                statement.execute(params![code, available, for_account, created_by, created_at])?;
            }
            Ok(())
        })
        .await
    }

    /// The codes that an account may give away, oldest first.
    pub async fn invites_of(&self, did: &Did) -> Result<Vec<Invite>, DatabaseError> {
        let did = did.clone();
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT * FROM invite_code WHERE for_account = ?1 ORDER BY created_at, code",
            )?;
            let mut rows = statement.query([did.as_str()])?;
            let mut invites = Vec::new();
            while let Some(row) = rows.next()? {
                invites.push(invite(connection, row)?);
            }
            Ok(invites)
        })
        .await
    }
}

fn invite(connection: &Connection, row: &Row<'_>) -> Result<Invite, DatabaseError> {
    let code: String = row.get("code")?;
    Ok(Invite {
        uses: uses(connection, &code)?,
        code,
        available: row.get("available")?,
        for_account: row.get("for_account")?,
        created_by: row.get("created_by")?,
        created_at: column::text(row, "created_at")?,
    })
}

fn uses(connection: &Connection, code: &str) -> Result<Vec<(Did, Datetime)>, DatabaseError> {
    let mut statement = connection.prepare_cached(
        "SELECT used_by, used_at FROM invite_use WHERE code = ?1 ORDER BY used_at",
    )?;
    let mut rows = statement.query([code])?;
    let mut uses = Vec::new();
    while let Some(row) = rows.next()? {
        uses.push((column::text(row, "used_by")?, column::text(row, "used_at")?));
    }
    Ok(uses)
}

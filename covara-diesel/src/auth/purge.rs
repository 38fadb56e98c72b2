//! Removal of expired rows.

use std::time::SystemTime;

use chrono::{DateTime, Utc};

use super::engine::{AuthDatabase, AuthEngine};
use super::error::AuthError;
use super::session::SessionStore;
use super::statement::{Bind, StatementSql, execute, moment, statements};
use super::verification_token::VerificationTokenStore;
use crate::backend::connection::BackendConnection;
use crate::backend::typed::with_typed;

/// The most rows that one statement removes, so that other writers do not wait for long.
const BATCH: usize = 1_000;

statements! {
    /// The end of a key or of an account's token has no index. The tables are small; if not, each
    /// batch costs a scan.
    ApiKeys = [
        "DELETE FROM auth_api_keys WHERE ", DB::ROW, " ", DB::BATCH.0, "SELECT ", DB::ROW,
        " FROM auth_api_keys WHERE \"expiresAt\" <= "
    ] [" LIMIT "] [DB::BATCH.1];

    AccessTokens = [
        "UPDATE auth_accounts SET access_token = NULL WHERE ", DB::ROW_WITHOUT_ID, " ",
        DB::BATCH.0, "SELECT ", DB::ROW_WITHOUT_ID,
        " FROM auth_accounts WHERE access_token IS NOT NULL AND expires_at <= "
    ] [" LIMIT "] [DB::BATCH.1];
}

/// The number of rows that [`purge`] removed, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Purged {
    /// Expired sessions.
    pub sessions: usize,
    /// Expired access tokens of linked accounts. The accounts are still linked.
    pub access_tokens: usize,
    /// Expired API keys.
    pub api_keys: usize,
    /// Expired verification tokens.
    pub verification_tokens: usize,
}

impl Purged {
    /// Returns the sum of all counts.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.sessions + self.access_tokens + self.api_keys + self.verification_tokens
    }
}

/// Removes expired rows from all four tables: sessions, API keys and verification tokens, and the
/// access tokens of linked accounts.
///
/// Accounts stay linked and keep their refresh tokens. API keys that were revoked but have not
/// expired are kept too. Each statement removes at most 1,000 rows, and several processes may purge
/// at the same time. Call it regularly, outside of a transaction.
///
/// ```
/// use covara_diesel::auth::{self, NewSession, SessionStore};
/// use covara_diesel::{auto_migrate, pool};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = pool::sqlite(":memory:")?;
/// let mut conn = pool.get()?;
/// auto_migrate(&mut conn)?;
///
/// let short = NewSession::new("ada").lifetime(std::time::Duration::ZERO);
/// SessionStore::new().create(&mut conn, short)?;
/// assert_eq!(auth::purge(&mut conn)?.sessions, 1);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Errors of the database. Rows removed before the error stay removed.
pub fn purge<C: AuthDatabase>(conn: &mut C) -> Result<Purged, AuthError> {
    with_typed!(conn, |conn| purge_at(conn, SystemTime::now().into()))
}

fn purge_at<C: BackendConnection<Backend: AuthEngine>>(
    conn: &mut C,
    now: DateTime<Utc>,
) -> Result<Purged, AuthError> {
    let (sessions, tokens) = (SessionStore::new(), VerificationTokenStore::new());
    Ok(Purged {
        sessions: in_batches(|| sessions.delete_expired(conn, now, BATCH))?,
        access_tokens: in_batches(|| batch(conn, AccessTokens, now))?,
        api_keys: in_batches(|| batch(conn, ApiKeys, now))?,
        verification_tokens: in_batches(|| tokens.delete_expired(conn, now, BATCH))?,
    })
}

fn batch<C, S>(conn: &mut C, statement: S, now: DateTime<Utc>) -> Result<usize, AuthError>
where
    C: BackendConnection<Backend: AuthEngine>,
    S: StatementSql<C::Backend>,
{
    let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
    execute(conn, statement, [moment(now), Bind::Number(limit)]).map_err(AuthError::from)
}

fn in_batches(mut batch: impl FnMut() -> Result<usize, AuthError>) -> Result<usize, AuthError> {
    let mut removed = 0;
    loop {
        let some = batch()?;
        removed += some;
        if some < BATCH {
            return Ok(removed);
        }
    }
}

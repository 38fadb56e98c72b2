//! Single-use tokens, for e-mail verification and similar purposes.

use covara_derive::any_database;
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::row::Row;

use super::clock::{self, Clock};
use super::engine::{AuthDatabase, AuthEngine};
use super::error::AuthError;
use super::purpose::Purpose;
use super::secret::{VerificationToken, sha256_hex};
use super::statement::{Bind, Bound, Reader, execute, first, moment, statements, storable, stored};
use super::turns::{delete_in_turn, in_turn};
use crate::backend::connection::BackendConnection;

const TABLE: &str = "auth_verification_tokens";

statements! {
    Insert = ["INSERT INTO auth_verification_tokens (identifier, token, expires) VALUES ("]
        [", "] [", "] [")"];

    Consume = ["DELETE FROM auth_verification_tokens WHERE identifier = "] [" AND token = "]
        [" AND expires > "] [""];

    Check = ["SELECT 1 FROM auth_verification_tokens WHERE identifier = "] [" AND token = "]
        [" AND expires > "] [""];

    DeleteForIdentifier = ["DELETE FROM auth_verification_tokens WHERE identifier = "] [""];

    /// `expires` has no index, and the table is small: tokens live for hours.
    DeleteExpired = [
        "DELETE FROM auth_verification_tokens WHERE ", DB::ROW_WITHOUT_ID, " ", DB::BATCH.0,
        "SELECT ", DB::ROW_WITHOUT_ID, " FROM auth_verification_tokens WHERE expires <= "
    ] [" LIMIT "] [DB::BATCH.1];
}

/// Single-use tokens in the table `auth_verification_tokens`, which stores only their SHA-256.
///
/// An identifier names the recipient of a token. It has one token at a time, whatever the purpose.
/// If issuing one token must not invalidate another, prepend a prefix such as `reset:` to its
/// identifier. A token is valid only for the [`Purpose`] it was issued for.
///
/// The table has no column for the purpose. Part of the token's own text carries it, and the hash
/// covers the whole text. The rows therefore have the form of Covara (TypeScript), which accepts
/// tokens issued by this store if it hashes its own (`hashTokens: true`); it does not check their
/// purpose. Tokens issued by Covara or by an earlier version of this library carry no purpose. They
/// count as issued for [`Purpose::EmailVerification`] unless [`unmarked`](Self::unmarked) says
/// otherwise: they were sent to the identifier's owner and prove no more than that.
///
/// ```
/// use covara_diesel::auth::{Purpose, VerificationTokenStore};
/// use covara_diesel::{auto_migrate, pool};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = pool::sqlite(":memory:")?;
/// let mut conn = pool.get()?;
/// auto_migrate(&mut conn)?;
///
/// let tokens = VerificationTokenStore::new();
/// let (whom, reset) = ("ada@example.com", Purpose::PasswordReset);
/// let token = tokens.issue(&mut conn, whom, reset)?;
/// let link = format!("https://example.com/reset?token={}", token.expose());
///
/// assert!(!tokens.consume(&mut conn, whom, Purpose::MagicLink, &token)?); // no way to sign in
/// assert!(tokens.check(&mut conn, whom, reset, &token)?); // shows the form
/// assert!(tokens.consume(&mut conn, whom, reset, &token)?);
/// assert!(!tokens.consume(&mut conn, whom, reset, &token)?); // once
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct VerificationTokenStore {
    lifetime: Option<Duration>,
    unmarked: Option<Purpose>,
    clock: Clock,
}

impl Default for VerificationTokenStore {
    fn default() -> Self {
        Self::new()
    }
}

#[any_database(AuthDatabase)]
impl VerificationTokenStore {
    /// Creates a store that reads the system's clock and gives tokens the lifetime of their
    /// purpose.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            lifetime: None,
            unmarked: Some(Purpose::EmailVerification),
            clock: Clock::SYSTEM,
        }
    }

    /// Sets the lifetime of tokens issued by this store. Default: the lifetime of their purpose.
    #[must_use]
    pub const fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Sets the purpose of tokens that carry none: those issued by Covara (TypeScript) or by an
    /// earlier version of this library. Default: [`Purpose::EmailVerification`]. With `None` they
    /// are valid for no purpose.
    #[must_use]
    pub const fn unmarked(mut self, purpose: Option<Purpose>) -> Self {
        self.unmarked = purpose;
        self
    }

    /// Reads the time from `now` instead of the system's clock, for tests.
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// Issues a token and deletes the identifier's older tokens, whatever their purpose.
    ///
    /// If several tokens are issued at once for one identifier, the last one is valid. (In a
    /// transaction of yours at PostgreSQL's `REPEATABLE READ`, tokens that others issued since it
    /// began are kept.)
    ///
    /// # Errors
    ///
    /// Errors of the database, an identifier with NUL on PostgreSQL, an expiry outside the
    /// database's range. In these cases the older tokens are unchanged.
    pub fn issue<C>(
        &self,
        conn: &mut C,
        identifier: impl AsRef<str>,
        purpose: Purpose,
    ) -> Result<VerificationToken, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        let identifier = identifier.as_ref();
        storable::<C::Backend>(&[(identifier, "the identifier")])?;
        let lifetime = self.lifetime.unwrap_or(purpose.lifetime());
        let end = clock::after(self.clock.now(), lifetime, "the end of the token")?;
        let (expires, _) = stored::<C::Backend>(end, "the end of the token")?;
        let token = purpose.token()?;
        replace(conn, identifier, &sha256_hex(token.expose()), expires)?;
        Ok(token)
    }

    /// Returns whether the token was issued for this identifier and purpose and has not expired,
    /// and deletes it. If one token is consumed any number of times, at once or in sequence,
    /// exactly one call returns `true`. A wrong token, or one for another purpose, deletes nothing.
    ///
    /// # Errors
    ///
    /// Errors of the database; the token is unchanged then.
    pub fn consume<C>(
        &self,
        conn: &mut C,
        identifier: impl AsRef<str>,
        purpose: Purpose,
        token: impl AsRef<str>,
    ) -> Result<bool, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        if !purpose.is_of(token.as_ref(), self.unmarked) {
            return Ok(false);
        }
        let hash = sha256_hex(token.as_ref());
        let values = self.wanted(identifier.as_ref(), &hash);
        let taken = execute(conn, Consume, values)?;
        Ok(taken > 0)
    }

    /// Returns whether [`consume`](Self::consume) would accept the token, without deleting it. Call
    /// it for the page that a link leads to: mail scanners open that page too, before the user
    /// presses its button.
    ///
    /// # Errors
    ///
    /// Errors of the database.
    pub fn check<C>(
        &self,
        conn: &mut C,
        identifier: impl AsRef<str>,
        purpose: Purpose,
        token: impl AsRef<str>,
    ) -> Result<bool, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        if !purpose.is_of(token.as_ref(), self.unmarked) {
            return Ok(false);
        }
        let hash = sha256_hex(token.as_ref());
        let values = self.wanted(identifier.as_ref(), &hash);
        let found = first(conn, Check, values, Nothing)?;
        Ok(found.is_some())
    }

    /// Returns the values that select the row of a valid token.
    fn wanted<'a, DB: AuthEngine>(&self, identifier: &'a str, hash: &'a str) -> [Bind<'a, DB>; 3] {
        [
            Bind::key(identifier),
            Bind::from(hash),
            moment(self.clock.now()),
        ]
    }

    /// Deletes all tokens of an identifier and returns how many there were, including one that
    /// [`issue`](Self::issue) is writing at the same time. (In a transaction of yours at
    /// PostgreSQL's `REPEATABLE READ`, tokens issued since it began are kept.)
    ///
    /// # Errors
    ///
    /// Errors of the database.
    pub fn delete_for_identifier<C>(
        &self,
        conn: &mut C,
        identifier: impl AsRef<str>,
    ) -> Result<usize, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        delete_in_turn(conn, TABLE, identifier.as_ref(), DeleteForIdentifier)
            .map_err(AuthError::from)
    }

    /// Deletes at most `limit` tokens that expired at or before `now` and returns how many. Call it
    /// until it returns less than `limit`. Several processes may call it at once.
    ///
    /// # Errors
    ///
    /// Errors of the database.
    pub fn delete_expired<C>(
        &self,
        conn: &mut C,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<usize, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        execute(conn, DeleteExpired, [moment(now), Bind::Number(limit)]).map_err(AuthError::from)
    }
}

/// A reader that decodes nothing of the row.
struct Nothing;

impl<DB: AuthEngine> Reader<DB, ()> for Nothing {
    fn read<'r>(&self, _: &impl Row<'r, DB>) {}
}

/// Replaces an identifier's token.
fn replace<C: BackendConnection<Backend: AuthEngine>>(
    conn: &mut C,
    identifier: &str,
    hash: &str,
    expires: <C::Backend as AuthEngine>::Time,
) -> diesel::QueryResult<()> {
    let delete = Bound::<C::Backend, _, _>::new(DeleteForIdentifier, [Bind::from(identifier)]);
    let values = [
        Bind::from(identifier),
        Bind::from(hash),
        Bind::time(expires),
    ];
    let insert = Bound::new(Insert, values);
    in_turn(conn, TABLE, identifier, &[&delete, &insert]).map(drop)
}

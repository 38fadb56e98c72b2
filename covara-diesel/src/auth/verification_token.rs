//! Single-use tokens for e-mail verification and the like.

use covara_derive::any_database;
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::query_builder::QueryFragment;
use diesel::row::Row;
use sha2::{Digest, Sha256};

use super::clock::{self, Clock};
use super::error::AuthError;
use super::purpose::Purpose;
use super::secret::{VerificationToken, sha256_hex};
use super::statement::{Bind, Bound, Reader, execute, first, moment, statements, storable, stored};
use crate::backend::connection::DatabaseConnection;
use crate::backend::engine::Engine;
use crate::backend::values::Values;

statements! {
    Lock = [lock::<DB>().0] [lock::<DB>().1];

    Insert = ["INSERT INTO auth_verification_tokens (identifier, token, expires) VALUES ("]
        [", "] [", "] [")"];

    Consume = ["DELETE FROM auth_verification_tokens WHERE identifier = "] [" AND token = "]
        [" AND expires > "] [""];

    Check = ["SELECT 1 FROM auth_verification_tokens WHERE identifier = "] [" AND token = "]
        [" AND expires > "] [""];

    DeleteForIdentifier = ["DELETE FROM auth_verification_tokens WHERE identifier = "] [""];

    /// There is no index on `expires`, and the table is small: tokens live for hours.
    DeleteExpired = [
        "DELETE FROM auth_verification_tokens WHERE ", DB::ROW_WITHOUT_ID, " ", DB::BATCH.0,
        "SELECT ", DB::ROW_WITHOUT_ID, " FROM auth_verification_tokens WHERE expires <= "
    ] [" LIMIT "] [DB::BATCH.1];
}

/// Single-use tokens in the table `auth_verification_tokens`, which holds their SHA-256 only.
///
/// An identifier says whom a token is for and has one token at a time, whatever it is for:
/// put a prefix such as `reset:` before it where one must not end the other. A token is good
/// for the [`Purpose`] it was issued for and for nothing else.
///
/// The table has no column for the purpose; a part of the token's own text says it, and the
/// hash covers all of it. So the rows are those of Covara (TypeScript), and it takes tokens
/// that are issued here, if it hashes its own (`hashTokens: true`); it does not look at their
/// purpose. Tokens that it issued, or an earlier version of this library, say none. They
/// count as issued for [`Purpose::EmailVerification`], as they went to the identifier's owner
/// and show no more than that, unless [`unmarked`](Self::unmarked) says otherwise.
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

#[any_database]
impl VerificationTokenStore {
    /// A store whose tokens live as long as their purpose says, and that takes the time from
    /// the system's clock.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            lifetime: None,
            unmarked: Some(Purpose::EmailVerification),
            clock: Clock::SYSTEM,
        }
    }

    /// Sets how long tokens issued by this store live. Default: as long as their purpose says.
    #[must_use]
    pub const fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Sets what tokens that say no purpose are good for: those that Covara (TypeScript) or
    /// an earlier version of this library issued. Default: [`Purpose::EmailVerification`].
    /// With `None` they are good for nothing.
    #[must_use]
    pub const fn unmarked(mut self, purpose: Option<Purpose>) -> Self {
        self.unmarked = purpose;
        self
    }

    /// Takes the time from `now` instead of the system's clock, for tests.
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// Makes a token in the place of all older ones of the identifier, whatever those are for.
    ///
    /// Of several made at once for one identifier the last is valid. (In a transaction of
    /// yours at PostgreSQL's `REPEATABLE READ`, those made by others since it began stay.)
    ///
    /// # Errors
    ///
    /// The database's, an identifier with NUL on PostgreSQL, an end beyond what the database
    /// can hold. Then the older tokens are as they were.
    pub fn issue<C>(
        &self,
        conn: &mut C,
        identifier: impl AsRef<str>,
        purpose: Purpose,
    ) -> Result<VerificationToken, AuthError>
    where
        C: DatabaseConnection,
    {
        let identifier = identifier.as_ref();
        storable::<C::Backend>(&[(identifier, "the identifier")])?;
        let lifetime = self.lifetime.unwrap_or(purpose.lifetime());
        let end = clock::after(self.clock.now(), lifetime, "the end of the token")?;
        let (expires, _) = stored::<C::Backend>(end, "the end of the token")?;
        let token = purpose.token()?;
        replace(conn, identifier, &sha256_hex(token.expose()), expires)
            .map_err(AuthError::of::<C::Backend>)?;
        Ok(token)
    }

    /// Returns whether the token was issued for this identifier and purpose and has not
    /// expired, and takes it: of any number of calls with one token, at once or later, one
    /// gets `true`. A wrong token, or one for another purpose, takes nothing.
    ///
    /// # Errors
    ///
    /// The database's; then the token is as it was.
    pub fn consume<C>(
        &self,
        conn: &mut C,
        identifier: impl AsRef<str>,
        purpose: Purpose,
        token: impl AsRef<str>,
    ) -> Result<bool, AuthError>
    where
        C: DatabaseConnection,
    {
        if !purpose.is_of(token.as_ref(), self.unmarked) {
            return Ok(false);
        }
        let hash = sha256_hex(token.as_ref());
        let values = self.wanted(identifier.as_ref(), &hash);
        let taken = execute(conn, Consume, values).map_err(AuthError::of::<C::Backend>)?;
        Ok(taken > 0)
    }

    /// Returns whether [`consume`](Self::consume) would take the token, and leaves it: for
    /// the page that a link leads to, which programs that examine mail open too, before
    /// somebody presses its button.
    ///
    /// # Errors
    ///
    /// The database's.
    pub fn check<C>(
        &self,
        conn: &mut C,
        identifier: impl AsRef<str>,
        purpose: Purpose,
        token: impl AsRef<str>,
    ) -> Result<bool, AuthError>
    where
        C: DatabaseConnection,
    {
        if !purpose.is_of(token.as_ref(), self.unmarked) {
            return Ok(false);
        }
        let hash = sha256_hex(token.as_ref());
        let values = self.wanted(identifier.as_ref(), &hash);
        let found = first(conn, Check, values, Nothing).map_err(AuthError::of::<C::Backend>)?;
        Ok(found.is_some())
    }

    /// The row of a token that is good.
    fn wanted<'a, DB: Engine>(&self, identifier: &'a str, hash: &'a str) -> [Bind<'a, DB>; 3] {
        [
            Bind::key(identifier),
            Bind::from(hash),
            moment(self.clock.now()),
        ]
    }

    /// Takes back all tokens of an identifier and returns how many there were.
    ///
    /// # Errors
    ///
    /// The database's.
    pub fn delete_for_identifier<C>(
        &self,
        conn: &mut C,
        identifier: impl AsRef<str>,
    ) -> Result<usize, AuthError>
    where
        C: DatabaseConnection,
    {
        execute(conn, DeleteForIdentifier, [Bind::key(identifier.as_ref())])
            .map_err(AuthError::of::<C::Backend>)
    }

    /// Deletes at most `limit` tokens that ended at `now` or before, and returns how many.
    /// Call it until it returns less than `limit`; several processes may at once.
    ///
    /// # Errors
    ///
    /// The database's.
    pub fn delete_expired<C>(
        &self,
        conn: &mut C,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<usize, AuthError>
    where
        C: DatabaseConnection,
    {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        execute(conn, DeleteExpired, [moment(now), Bind::Number(limit)])
            .map_err(AuthError::of::<C::Backend>)
    }
}

/// Reads only that there is a row.
struct Nothing;

impl<DB: Engine> Reader<DB, ()> for Nothing {
    fn read<'r>(&self, _: &impl Row<'r, DB>) {}
}

/// The lock keeps two from replacing what neither sees of the other.
fn replace<C: DatabaseConnection>(
    conn: &mut C,
    identifier: &str,
    hash: &str,
    expires: <C::Backend as Values>::Time,
) -> diesel::QueryResult<()> {
    let lock = Bound::<C::Backend, _, _>::new(Lock, [Bind::Number(lock_of(identifier))]);
    let delete = Bound::new(DeleteForIdentifier, [Bind::from(identifier)]);
    let values = [
        Bind::from(identifier),
        Bind::from(hash),
        Bind::time(expires),
    ];
    let insert = Bound::new(Insert, values);
    let statements: [&dyn QueryFragment<C::Backend>; 3] = [&lock, &delete, &insert];
    let unneeded = usize::from(C::Backend::LOCK.is_none());
    conn.execute_atomically(&statements[unneeded..]).map(drop)
}

const fn lock<DB: Values>() -> (&'static str, &'static str) {
    match DB::LOCK {
        Some(lock) => lock,
        None => ("", ""),
    }
}

/// Advisory locks share one space of 64 bits with whatever else the application locks, and
/// two identifiers that meet there only wait for each other.
fn lock_of(identifier: &str) -> i64 {
    let digest = Sha256::new()
        .chain_update("auth_verification_tokens\0")
        .chain_update(identifier)
        .finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(first)
}

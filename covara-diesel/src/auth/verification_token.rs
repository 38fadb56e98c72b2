//! Single-use tokens for e-mail verification and the like.

use covara_derive::any_database;
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::query_builder::QueryFragment;
use sha2::{Digest, Sha256};

use super::clock::{self, Clock};
use super::error::AuthError;
use super::secret::{VerificationToken, random_base64url, sha256_hex};
use super::statement::{Bind, Bound, execute, moment, statements, storable, stored};
use crate::connection::DatabaseConnection;
use crate::values::Values;

/// As Covara has it: 43 characters of base64url.
const TOKEN_BYTES: usize = 32;

statements! {
    Lock = [lock::<DB>().0] [lock::<DB>().1];

    Insert = ["INSERT INTO auth_verification_tokens (identifier, token, expires) VALUES ("]
        [", "] [", "] [")"];

    Consume = ["DELETE FROM auth_verification_tokens WHERE identifier = "] [" AND token = "]
        [" AND expires > "] [""];

    DeleteForIdentifier = ["DELETE FROM auth_verification_tokens WHERE identifier = "] [""];

    /// There is no index on `expires`, and the table is small: tokens live for hours.
    DeleteExpired = [
        "DELETE FROM auth_verification_tokens WHERE ", DB::ROW_WITHOUT_ID, " ", DB::BATCH.0,
        "SELECT ", DB::ROW_WITHOUT_ID, " FROM auth_verification_tokens WHERE expires <= "
    ] [" LIMIT "] [DB::BATCH.1];
}

/// What a verification token is for, which decides how long it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// Showing that an e-mail address is one's own: 24 hours.
    EmailVerification,
    /// Signing in by a link: 15 minutes.
    MagicLink,
    /// Choosing a new password: 1 hour.
    PasswordReset,
}

impl Purpose {
    /// How long a token for this purpose lives.
    #[must_use]
    pub const fn lifetime(self) -> Duration {
        match self {
            Self::EmailVerification => Duration::from_hours(24),
            Self::MagicLink => Duration::from_mins(15),
            Self::PasswordReset => Duration::from_hours(1),
        }
    }
}

/// How long a verification token lives: a [`Purpose`], or a [`Duration`] of your own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenLifetime(Duration);

impl From<Purpose> for TokenLifetime {
    fn from(purpose: Purpose) -> Self {
        Self(purpose.lifetime())
    }
}

impl From<Duration> for TokenLifetime {
    fn from(lifetime: Duration) -> Self {
        Self(lifetime)
    }
}

/// Single-use tokens in the table `auth_verification_tokens`, which holds their SHA-256 only.
///
/// An identifier says whom a token is for and has one token at a time. The table has no
/// column for the purpose, so put it into the identifier: a token for signing in must not
/// reset a password.
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
/// let whom = "reset:ada@example.com";
/// let token = tokens.issue(&mut conn, whom, Purpose::PasswordReset)?;
/// let link = format!("https://example.com/reset?token={}", token.expose());
///
/// assert!(tokens.consume(&mut conn, whom, &token)?);
/// assert!(!tokens.consume(&mut conn, whom, &token)?); // once
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct VerificationTokenStore {
    clock: Clock,
}

#[any_database]
impl VerificationTokenStore {
    /// A store that takes the time from the system's clock.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            clock: Clock::SYSTEM,
        }
    }

    /// Takes the time from `now` instead of the system's clock, for tests.
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// Makes a token in the place of all older ones of the identifier.
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
        lifetime: impl Into<TokenLifetime>,
    ) -> Result<VerificationToken, AuthError>
    where
        C: DatabaseConnection,
    {
        let identifier = identifier.as_ref();
        storable::<C::Backend>(&[(identifier, "the identifier")])?;
        let TokenLifetime(lifetime) = lifetime.into();
        let end = clock::after(self.clock.now(), lifetime, "the end of the token")?;
        let (expires, _) = stored::<C::Backend>(end, "the end of the token")?;
        let token = random_base64url::<TOKEN_BYTES>().map(VerificationToken::from)?;
        replace(conn, identifier, &sha256_hex(token.expose()), expires)
            .map_err(AuthError::of::<C::Backend>)?;
        Ok(token)
    }

    /// Says whether the token is the identifier's and has not ended, and takes it: of any
    /// number of calls with one token, at once or later, one gets `true`.
    ///
    /// # Errors
    ///
    /// The database's; then the token is as it was.
    pub fn consume<C>(
        &self,
        conn: &mut C,
        identifier: impl AsRef<str>,
        token: impl AsRef<str>,
    ) -> Result<bool, AuthError>
    where
        C: DatabaseConnection,
    {
        let hash = sha256_hex(token.as_ref());
        let values = [
            Bind::key(identifier.as_ref()),
            Bind::from(&hash),
            moment(self.clock.now()),
        ];
        let taken = execute(conn, Consume, values).map_err(AuthError::of::<C::Backend>)?;
        Ok(taken > 0)
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

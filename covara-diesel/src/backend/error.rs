//! Failures of a database that mean the same in every area.

use std::error::Error as StdError;
use std::fmt;

use diesel::result::{DatabaseErrorKind, Error};

/// A boxed cause.
pub(crate) type Source = Box<dyn StdError + Send + Sync>;

/// A failure of the database, with what can be done about it.
///
/// `auth::AuthError`, [`SeedError`](crate::SeedError), `search::SearchError` and
/// [`MigrateError`](crate::migrate::MigrateError) each carry one in their variant `Database`.
/// `Display` gives the advice of the [`kind`](Self::kind); the database's own words are those of
/// [`source`](StdError::source). The [guide](crate::guide#errors-with-thiserror-and-anyhow) shows
/// errors of your own around it.
///
/// # Example
///
#[cfg_attr(all(feature = "sqlite", feature = "auth"), doc = "```")]
#[cfg_attr(not(all(feature = "sqlite", feature = "auth")), doc = "```ignore")]
/// use covara_diesel::ErrorKind;
/// use covara_diesel::auth::{AuthError, SessionStore};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut conn = covara_diesel::open("sqlite::memory:")?.get()?;
/// // Nobody has booted, so the tables are missing.
/// match SessionStore::new().find(&mut conn, "some-id") {
///     Err(AuthError::Database(error)) if error.kind() == ErrorKind::Locked => {
///         println!("busy, try again: {error}");
///     }
///     Err(AuthError::Database(error)) => assert_eq!(error.kind(), ErrorKind::Other),
///     other => panic!("{other:?}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct DatabaseError {
    kind: ErrorKind,
    source: Source,
}

impl DatabaseError {
    pub(crate) fn from_kind(kind: ErrorKind, source: Source) -> Self {
        Self { kind, source }
    }

    /// A failure whose cause is known by its words only.
    pub(crate) fn from_words(words: &str) -> Self {
        Self::from_kind(ErrorKind::of_words(words), words.into())
    }

    /// A failure that is none of the known kinds, unless Diesel handed it out.
    pub(crate) fn from_source(source: Source) -> Self {
        match source.downcast::<Error>() {
            Ok(error) => (*error).into(),
            Err(source) => Self {
                kind: ErrorKind::Other,
                source,
            },
        }
    }

    pub(crate) fn into_source(self) -> Source {
        self.source
    }

    /// The kind of the failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Diesel's error, unless a migration failed, of which Diesel hands out the words only.
    #[must_use]
    pub fn diesel(&self) -> Option<&Error> {
        self.source.downcast_ref()
    }
}

impl From<Error> for DatabaseError {
    fn from(error: Error) -> Self {
        Self {
            kind: ErrorKind::of(&error),
            source: error.into(),
        }
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.advice())
    }
}

impl StdError for DatabaseError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.source)
    }
}

/// The kinds of [`DatabaseError`] that call for different answers.
///
/// Diesel hands out neither SQLite's result codes nor most of PostgreSQL's SQLSTATEs, so most
/// kinds are read from the database's words. A PostgreSQL server whose `lc_messages` is not English
/// gives [`Other`](Self::Other) for those, and a seed that it cancels, or that meets a full disk,
/// names rows that are not at fault. A trigger or function of yours that raises an error in
/// exactly such words, as `RAISE(ABORT, 'database is locked')` does, gives its kind: raise words of
/// your own, and never a text that a client sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Another writer kept its lock for longer than the busy or lock time-out.
    Locked,
    /// Transactions at the same time excluded each other: a deadlock, a serialization failure, or a
    /// standby's recovery. The same transaction can succeed at the next try.
    Conflict,
    /// The database, or this transaction, accepts no writes.
    ReadOnly,
    /// The disk of the database is full.
    DiskFull,
    /// The server cancelled the statement, at its time-out or by an administrator.
    Cancelled,
    /// The connection was lost, before or now, or a transaction on it could not be ended. A write or
    /// a commit may have been done or not.
    ConnectionLost,
    /// Prepared statements of other clients are in this session: a transaction pooler or PGlite is
    /// in between.
    SharedSession,
    /// A table or another object would have been created among PostgreSQL's own, because the
    /// `search_path` names `pg_catalog` first.
    SystemSchema,
    /// Any other failure, an error in a statement among them.
    Other,
}

impl ErrorKind {
    /// The kind of Diesel's error. Diesel hands out that a transaction is read-only whatever
    /// language the server speaks.
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::DatabaseError(kind, information) => match kind {
                DatabaseErrorKind::ReadOnlyTransaction => Self::ReadOnly,
                DatabaseErrorKind::SerializationFailure => Self::Conflict,
                DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => {
                    Self::ConnectionLost
                }
                DatabaseErrorKind::Unknown => Self::of_words(information.message()),
                // The words name constraints, which are the user's.
                _ => Self::Other,
            },
            // Diesel gives a connection up that has failed to roll back, as a lost one does.
            Error::BrokenTransactionManager => Self::ConnectionLost,
            _ => Self::Other,
        }
    }

    /// Returns the kind that SQLite's or PostgreSQL's words say, none of which both use. A message
    /// that quotes a value or a name is none of these, whatever it quotes.
    pub(crate) fn of_words(words: &str) -> Self {
        let begins = |beginning| words.starts_with(beginning);
        match words {
            "database is locked"
            | "database table is locked"
            | "canceling statement due to lock timeout" => Self::Locked,
            "attempt to write a readonly database" => Self::ReadOnly,
            "database or disk is full" => Self::DiskFull,
            "deadlock detected" => Self::Conflict,
            _ if begins("database table is locked: ")
                || begins("database schema is locked: ")
                || begins("could not obtain lock on ") =>
            {
                Self::Locked
            }
            _ if begins("cannot execute ") && words.ends_with(" in a read-only transaction") => {
                Self::ReadOnly
            }
            _ if begins("could not extend file ")
                || begins("could not ") && words.ends_with(": No space left on device") =>
            {
                Self::DiskFull
            }
            _ if begins("prepared statement \"__diesel_stmt") => Self::SharedSession,
            _ if begins("permission denied to create \"pg_catalog.") => Self::SystemSchema,
            _ if begins("could not serialize access due to ") => Self::Conflict,
            _ if begins("terminating connection due to ")
                || begins("server closed the connection unexpectedly")
                || begins("SSL connection has been closed unexpectedly")
                || begins("no connection to the server") =>
            {
                Self::ConnectionLost
            }
            _ if begins("canceling statement due to ") => Self::Cancelled,
            _ => Self::Other,
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Locked => {
                "another writer kept the database locked; try again, or raise the busy or lock \
                 time-out"
            }
            Self::Conflict => {
                "another transaction conflicted with this one; try the transaction again"
            }
            Self::ReadOnly => {
                "the database is read-only: give write access to its file, or connect to a \
                 writable server"
            }
            Self::DiskFull => "the disk of the database is full: free some space",
            Self::Cancelled => "the server cancelled the statement",
            Self::ConnectionLost => "the connection to the database was lost",
            Self::SharedSession => {
                "other clients use this connection's session: a transaction pooler or PGlite is \
                 in between; open the pool with PoolDriver::Hyperdrive or PoolDriver::Pglite"
            }
            Self::SystemSchema => {
                "the search_path names pg_catalog first, so tables would be created there: name \
                 the schema for your tables before it, or leave pg_catalog out"
            }
            Self::Other => "the database rejected the statement",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_from_whole_messages() {
        for (words, kind) in [
            ("database is locked", ErrorKind::Locked),
            ("database table is locked: users", ErrorKind::Locked),
            (
                "could not obtain lock on row in relation \"a\"",
                ErrorKind::Locked,
            ),
            (
                "cannot execute CREATE TABLE in a read-only transaction",
                ErrorKind::ReadOnly,
            ),
            (
                "could not extend file \"base/1/2\": No space left on device",
                ErrorKind::DiskFull,
            ),
            (
                "prepared statement \"__diesel_stmt_3\" already exists",
                ErrorKind::SharedSession,
            ),
            (
                "could not serialize access due to concurrent update",
                ErrorKind::Conflict,
            ),
            (
                "terminating connection due to administrator command",
                ErrorKind::ConnectionLost,
            ),
            (
                "canceling statement due to statement timeout",
                ErrorKind::Cancelled,
            ),
            ("database year is locked", ErrorKind::Other),
            (
                "CHECK constraint failed: database is locked",
                ErrorKind::Other,
            ),
            (
                "invalid input value for enum a: \": No space left on device\"",
                ErrorKind::Other,
            ),
            ("", ErrorKind::Other),
        ] {
            assert_eq!(ErrorKind::of_words(words), kind, "{words}");
        }
    }
}

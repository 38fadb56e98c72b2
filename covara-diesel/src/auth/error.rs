use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use diesel::result::Error;

use super::secret::sha256_hex;
use crate::backend::engine::{Engine, Fault, fault_of};

/// Why a call of a store failed.
///
/// Neither `Debug` nor `Display` shows ids, tokens, keys or session data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// A row that another program wrote cannot be read.
    #[error(transparent)]
    Row(#[from] RowError),

    /// A time lies beyond what the database or chrono holds.
    #[error("{what} lies beyond the times that the database holds")]
    TimeOutOfRange {
        /// Which time.
        what: &'static str,
    },

    /// A text holds the character NUL, which PostgreSQL cannot store.
    #[error("{what} holds a NUL character, which the database cannot store")]
    Nul {
        /// Which text.
        what: &'static str,
    },

    /// Session data cannot be written as JSON.
    #[error("the session's data cannot be written as JSON: {reason}")]
    Data {
        /// What is in the way.
        reason: &'static str,
    },

    /// The identity at the provider is linked to another user.
    #[error("this identity at {provider} is linked to another user; unlink it there first")]
    LinkedToAnotherUser {
        /// Name of the provider.
        provider: String,
    },

    /// The cipher that was given failed to encrypt a token.
    #[error("the cipher could not encrypt a provider's token")]
    Cipher {
        /// The cipher's own error.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// The operating system gave no randomness.
    #[error("the operating system gave no random bytes")]
    Randomness {
        /// Its own error.
        source: getrandom::Error,
    },

    /// Too many API keys with hashes that are costly to check, as those of Covara
    /// (TypeScript), are being checked by this process.
    #[error("too many API keys with costly hashes are being checked at once; try again")]
    Busy,

    /// Another writer kept its lock for too long.
    #[error("another writer kept the database locked; try again, or raise the busy timeout")]
    Locked {
        /// The database's own error.
        source: Error,
    },

    /// The database accepts no writes.
    #[error(
        "the database is read-only: give write access to its file, or connect to a writable server"
    )]
    ReadOnly {
        /// The database's own error.
        source: Error,
    },

    /// The disk is full.
    #[error("the disk is full: free some space; nothing was kept")]
    DiskFull {
        /// The database's own error.
        source: Error,
    },

    /// Another client's prepared statements were met, as behind a transaction pooler.
    #[error(
        "other clients use this connection's session: a transaction pooler or PGlite is in \
         between; open the pool with PoolDriver::Hyperdrive or PoolDriver::Pglite"
    )]
    SharedSession {
        /// The database's own error.
        source: Error,
    },

    /// The database failed otherwise, a lost connection among the reasons.
    #[error("the database rejected the statement")]
    Database {
        /// The database's own error.
        source: Error,
    },
}

impl AuthError {
    pub(crate) fn of<DB: Engine>(source: Error) -> Self {
        match fault_of::<DB>(&source) {
            Fault::Locked => Self::Locked { source },
            Fault::ReadOnly => Self::ReadOnly { source },
            Fault::DiskFull => Self::DiskFull { source },
            Fault::SharedSession => Self::SharedSession { source },
            Fault::Cancelled | Fault::Other => Self::Database { source },
        }
    }
}

/// A row that another program wrote and that cannot be read.
///
/// It spoils itself only: listings go on behind it. [`key`](Self::key) says which row it is,
/// to mend or delete it.
#[derive(Clone, PartialEq, Eq)]
pub struct RowError {
    table: &'static str,
    key: Vec<String>,
    reason: Cow<'static, str>,
}

impl RowError {
    pub(super) fn new(table: &'static str, key: &[&str], reason: Cow<'static, str>) -> Self {
        Self {
            table,
            key: key.iter().map(|&part| part.to_owned()).collect(),
            reason,
        }
    }

    /// Name of the table.
    #[must_use]
    pub fn table(&self) -> &'static str {
        self.table
    }

    /// Values of the row's primary key. That of a session is a secret.
    #[must_use]
    pub fn key(&self) -> &[String] {
        &self.key
    }

    /// What is wrong with the row.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// The key is named by the first half of its SHA-256, as it may be a secret.
impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = sha256_hex(&self.key.join("\0"));
        let (name, _) = digest.split_at(digest.len() / 2);
        write!(
            f,
            "a row of {} cannot be read: {}; the SHA-256 of its key begins with {name}",
            self.table, self.reason
        )
    }
}

impl fmt::Debug for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowError")
            .field("table", &self.table)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

impl StdError for RowError {}

/// Why an API key is not valid, or could not be checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejected {
    /// There is no such key: it is malformed, unknown, or its secret is wrong.
    #[error("there is no such API key")]
    NotFound,

    /// The key has expired.
    #[error("the API key has expired")]
    Expired,

    /// The key was revoked.
    #[error("the API key was revoked")]
    Revoked,

    /// It could not be checked. The key may be valid: answer with a failure of your own.
    #[error("the API key could not be checked")]
    Failed(#[source] AuthError),
}

impl From<AuthError> for Rejected {
    fn from(error: AuthError) -> Self {
        Self::Failed(error)
    }
}

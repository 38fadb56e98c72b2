use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use diesel::result::Error;

use super::secret::sha256_hex;
use crate::backend::error::{DatabaseError, ErrorKind};

/// An error returned by a store.
///
/// `Debug` and `Display` never show ids, tokens, keys or session data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// A row that another program wrote cannot be read.
    #[error(transparent)]
    Row(#[from] RowError),

    /// A time is outside the range of the database or of chrono.
    #[error("{what} is outside the range of times that the database can store")]
    TimeOutOfRange {
        /// The name of the time.
        what: &'static str,
    },

    /// A text contains a NUL character, which PostgreSQL cannot store.
    #[error("{what} contains a NUL character, which the database cannot store")]
    Nul {
        /// The name of the text.
        what: &'static str,
    },

    /// Session data cannot be written as JSON.
    #[error("the session's data cannot be written as JSON: {reason}")]
    Data {
        /// The reason.
        reason: &'static str,
    },

    /// The identity at the provider is already linked to another user.
    #[error("this identity at {provider} is linked to another user; unlink it there first")]
    LinkedToAnotherUser {
        /// The name of the provider.
        provider: String,
    },

    /// The store's cipher failed to encrypt a token.
    #[error("the cipher could not encrypt a provider's token")]
    Cipher {
        /// The cipher's own error.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// The operating system's random generator failed.
    #[error("the operating system's random generator failed")]
    Randomness {
        /// The error of the operating system.
        source: getrandom::Error,
    },

    /// This process is already checking too many API keys with costly hashes, such as those made by
    /// Covara (TypeScript).
    #[error("too many API keys with costly hashes are being checked at once; try again")]
    Busy,

    /// The database failed, a lost connection and a lock that was not free among the reasons.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl AuthError {
    /// The kind of the database's failure, if it is the database that failed.
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Database(error) => Some(error.kind()),
            _ => None,
        }
    }
}

impl From<Error> for AuthError {
    fn from(error: Error) -> Self {
        DatabaseError::from(error).into()
    }
}

/// A row that cannot be read because another program wrote it wrongly.
///
/// Listings continue after such a row. [`key`](Self::key) identifies the row, so that it can be
/// repaired or deleted.
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

    /// Returns the name of the table.
    #[must_use]
    pub fn table(&self) -> &'static str {
        self.table
    }

    /// Returns the values of the row's primary key. The key of a session is a secret.
    #[must_use]
    pub fn key(&self) -> &[String] {
        &self.key
    }

    /// Returns what is wrong with the row.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// Identifies the key by the first half of its SHA-256, because the key may be a secret.
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

/// The reason why an API key was refused or could not be checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejected {
    /// No such key exists: it is malformed, its id is unknown, or its secret is wrong.
    #[error("there is no such API key")]
    NotFound,

    /// The key has expired.
    #[error("the API key has expired")]
    Expired,

    /// The key was revoked.
    #[error("the API key was revoked")]
    Revoked,

    /// The key could not be checked. It may be valid, so answer with a server error.
    #[error("the API key could not be checked")]
    Failed(#[source] AuthError),
}

impl From<AuthError> for Rejected {
    fn from(error: AuthError) -> Self {
        Self::Failed(error)
    }
}

use diesel::result::Error;

use crate::backend::error::{DatabaseError, Source};

/// An error of a log of changes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// Entries that the feed had not read were [pruned](super::ChangeLog::prune). What it keeps
    /// cannot be brought up to date by changes alone: read the tables again, after
    /// [`Feed::skip_gap`](super::Feed::skip_gap).
    #[error(
        "{} is behind the log: it has read up to {position}, and what came up to {floor} was \
         removed; skip the gap, and read the tables again",
        feed.as_ref().map_or("a reader".to_owned(), |feed| format!("the feed {feed}"))
    )]
    Gap {
        /// The name of the feed; none if [`ChangeLog::after`](super::ChangeLog::after) was called.
        feed: Option<String>,
        /// The number of the last change that it has read.
        position: i64,
        /// The number of the last change that was removed.
        floor: i64,
    },

    /// A reader that keeps its position itself has read changes that the log does not have: the
    /// database was restored to an earlier state. Read the tables again, and go on after
    /// [`ChangeLog::last`](super::ChangeLog::last), read before them.
    #[error(
        "a reader has read up to {position}, but the log ends with {last}: the database was restored \
         to an earlier state; read the tables again"
    )]
    Ahead {
        /// The number of the last change that the reader has read.
        position: i64,
        /// The last number of the log.
        last: i64,
    },

    /// The server is a standby, which does not know what transactions of the primary server still
    /// write.
    #[error("changes are read on the primary server, and this one is a standby")]
    Standby,

    /// The log is not in the database.
    #[error("the log of changes is not installed; call ChangeLog::install at boot")]
    NotInstalled,

    /// A table of the log does not exist in the database, or is no ordinary table.
    #[error("there is no table {table} whose changes could be logged")]
    NoTable {
        /// The name of the table.
        table: String,
    },

    /// A table of the log is another one of the same name, to which the `search_path` leads. Its own
    /// process needs the log; a table with a schema in its `table!` is always the same.
    #[error(
        "the log has the changes of {logged}, and the search_path leads to another table {table}; use \
         one search_path, or name the schema in the table! of {table}"
    )]
    OtherSchema {
        /// The name of the table.
        table: String,
        /// The table that is logged.
        logged: String,
    },

    /// A table of the log is a partition of another one or inherits from it. What is written through
    /// that one does not call the triggers: add that one to the log.
    #[error("the table {table} is a part of {parent}; log {parent}, whose changes include its own")]
    Part {
        /// The name of the table.
        table: String,
        /// The name of the other one.
        parent: String,
    },

    /// The database keeps texts in no encoding that is known, `SQL_ASCII`, so that they cannot be
    /// read as JSON.
    #[error("the encoding of the database is SQL_ASCII; changes are logged in one that is UTF8")]
    Encoding,

    /// A table of the log has no primary key.
    #[error("the table {table} has no primary key, by which its changes could tell its rows apart")]
    NoKey {
        /// The name of the table.
        table: String,
    },

    /// The connection has no transactions.
    #[error(
        "this connection has no transactions, which process needs; use next and done, which deliver \
         each change at least once"
    )]
    NoTransactions,

    /// The open transaction reads the database as it was at its beginning, and could not see all
    /// changes up to a number.
    #[error(
        "changes are read outside of transactions, or in one whose isolation level is read \
         committed; this one is {isolation}"
    )]
    Isolation {
        /// The isolation level of the transaction.
        isolation: String,
    },

    /// A table of the log belongs to a role that is not trusted, in a schema where every role may
    /// create tables.
    #[error(
        "{owner}, which is not trusted, owns {table}; have an administrator remove it, or give the \
         log a schema of its own"
    )]
    StrangersTable {
        /// The name of the table.
        table: String,
        /// The role that owns it.
        owner: String,
    },

    /// A row is not what the type asks for, or the change has no such row.
    #[error("cannot read a row of {table}, change {number}")]
    Row {
        /// The name of the table.
        table: String,
        /// The number of the change.
        number: i64,
        /// Why not.
        source: serde_json::Error,
    },

    /// The function that was given to [`Feed::process`](super::Feed::process) failed. Nothing that
    /// it did is kept.
    #[error("the change {number} could not be processed")]
    Work {
        /// The number of the change.
        number: i64,
        /// Its error.
        source: Source,
    },

    /// No connection could be had from a pool.
    #[error("no connection to wait for changes on")]
    Pool(#[source] Source),

    /// The database failed.
    #[error(transparent)]
    Database(DatabaseError),
}

impl From<Error> for ChangeError {
    fn from(error: Error) -> Self {
        let message = crate::backend::connection::message(&error);
        let is_missing = message.contains("no such table") || message.contains("does not exist");
        if is_missing && message.contains("__covara_changes") {
            Self::NotInstalled
        } else {
            Self::Database(error.into())
        }
    }
}

//! The protocol of a server, which sends statements and reads answers.

use std::time::Duration;

use diesel::result::{ConnectionResult, QueryResult};

use crate::backend::sealed::Sealed;
use crate::remote::http::TokenSource;
use crate::remote::value::{ResultRows, Statement};

/// A protocol to a remote server that speaks SQLite's SQL.
///
/// This trait is sealed: only this crate can implement it.
pub trait Driver: Sealed + Sized + Send + 'static {
    /// Maximum number of bind parameters of one statement.
    const BIND_LIMIT: usize;
    /// Rows that a seed buffers per chunk.
    const CHUNK_ROWS: usize;
    /// The reason why `transaction()` is rejected, if it is.
    const NO_TRANSACTIONS: Option<&'static str>;

    /// Parses the URL and sends nothing.
    fn open(url: &str) -> ConnectionResult<Self>;

    /// Asks a function for the token of each request, in the place of another token.
    fn ask_for_tokens(&mut self, tokens: TokenSource);

    /// Runs a statement and returns its rows. `real` tells which columns are read as floating-point
    /// numbers; columns beyond its end have an unknown type.
    fn query(&mut self, statement: &Statement, real: &[bool]) -> QueryResult<ResultRows>;

    /// Runs a statement and returns the number of rows it changed.
    fn execute(&mut self, statement: &Statement) -> QueryResult<usize>;

    /// Runs statements in order, all or none, outside of a transaction.
    fn atomically(&mut self, statements: &[Statement]) -> QueryResult<Vec<usize>>;

    /// Runs the statements of a script in order, up to the first that fails.
    fn script(&mut self, sql: &str) -> QueryResult<()>;

    /// Begins a transaction, outside of any other.
    fn begin(&mut self, sql: &str) -> QueryResult<()>;

    /// Returns whether the open transaction may write without waiting for others.
    fn has_lock(&self) -> bool;

    /// Commits the transaction. The transaction ends even on error.
    fn commit(&mut self) -> QueryResult<()>;

    /// Rolls the transaction back. The transaction ends even on error. An error means that it had
    /// been ended before, by the caller's SQL.
    fn rollback(&mut self) -> QueryResult<()>;

    /// Rolls the transaction back before its end. Every further statement in it is an error.
    fn abandon(&mut self);

    /// Limits how long statements may take; `None` restores the limit of the URL.
    fn limit(&mut self, limit: Option<Duration>);

    /// Returns how long a statement is tried again that the server found locked.
    fn lock_wait(&mut self) -> &mut Duration;
}

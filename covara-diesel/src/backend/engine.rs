//! The operations that the library needs from a Diesel backend. `sqlite` and `postgres` implement
//! them.

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::result::{DatabaseErrorKind, Error};
use diesel_migrations::EmbeddedMigrations;

use crate::backend::column::{ColumnValue, TableDescription};
use crate::backend::connection::{DatabaseConnection, message};
use crate::backend::dialect::Dialect;
use crate::backend::row::{ColumnVisitor, SeedRow};
use crate::backend::table::{Stranger, TableLayout};
use crate::backend::values::Values;

/// The state of a database as the migrator sees it.
#[derive(Debug, Default)]
pub struct Inspection {
    /// Versions in the history table; `None` when there is no such table.
    pub history: Option<Vec<String>>,
    /// The internal tables that exist.
    pub tables: Vec<TableLayout>,
    /// Names of search index triggers and functions that an earlier version created.
    pub outdated: Vec<String>,
    /// Internal tables and functions whose owner is not trusted.
    pub strangers: Vec<Stranger>,
}

/// Failures that mean the same on each engine and need advice of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A lock was not free in time.
    Locked,
    /// The database or the transaction accepts no writes.
    ReadOnly,
    /// The disk is full.
    DiskFull,
    /// Another client's prepared statements were found: the session is shared.
    SharedSession,
    /// The server cancelled the statement for its own reasons or those of another client.
    Cancelled,
    /// Anything else.
    Other,
}

/// Returns the kind of a failure. Diesel reports a read-only transaction by PostgreSQL's SQLSTATE,
/// in whatever language the server writes. The other kinds are recognized by the message.
pub(crate) fn fault_of<DB: Engine>(error: &Error) -> Fault {
    match error {
        Error::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _) => Fault::ReadOnly,
        error => DB::fault(message(error)),
    }
}

/// How a seed inserts rows into a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeedWay {
    /// The statement skips rows that conflict.
    Ignore,
    /// Like `Ignore`. The effects of a failing statement are undone by the seed's roll-back.
    IgnoreOrFail,
    /// Plain inserts until the first conflict, then `Ignore`.
    PlainFirst,
    /// The engine's bulk loader until the first conflict, then `Stage`.
    BulkFirst,
    /// A staging table for many rows, `Ignore` for few.
    Stage,
}

/// A temporary table in which rows wait to be compared with existing ones.
#[derive(Debug)]
pub struct Stage {
    /// The quoted name of the target table.
    pub table: String,
    /// The seeded columns, quoted and separated by commas.
    pub columns: String,
    /// SQL that leaves out rows that already exist.
    pub filter: String,
}

fn no_bulk_loader() -> Error {
    Error::QueryBuilderError("this engine has no bulk loader".into())
}

/// One of the two Diesel backends this library supports.
///
/// A connection delegates to its backend whatever does not depend on the connection. This trait is
/// not meant to be implemented outside this crate.
pub trait Engine: Backend<QueryBuilder: Default> + Values + Sized + 'static {
    /// The dialect that every connection of this backend speaks.
    const DIALECT: Dialect;
    /// Maximum number of bind parameters in one statement.
    #[doc(hidden)]
    const BIND_LIMIT: usize;
    /// SQL between the column list and `VALUES` of a seeding insert.
    #[doc(hidden)]
    const SEED_OVERRIDE: &'static str;
    /// Whether a failing statement aborts its transaction.
    #[doc(hidden)]
    const ERROR_ENDS_TRANSACTION: bool;
    /// Rows that a seed buffers per chunk.
    #[doc(hidden)]
    const SEED_ROWS: usize;

    #[doc(hidden)]
    fn migrations() -> &'static EmbeddedMigrations;

    /// Returns the internal tables as the code expects them.
    #[doc(hidden)]
    fn expected_tables() -> [TableLayout; 4];

    /// Reads history and tables: one query on PostgreSQL, two in-process ones on SQLite. Tables
    /// owned by `trusted` roles are not reported as strangers.
    #[doc(hidden)]
    fn inspect<C>(conn: &mut C, trusted: &[String]) -> QueryResult<Inspection>
    where
        C: DatabaseConnection<Backend = Self>;

    /// Reads the versions in Diesel's own history table, or none if there is no such table.
    #[doc(hidden)]
    fn application_history<C>(
        conn: &mut C,
        trusted: &[String],
    ) -> QueryResult<Result<Vec<String>, Stranger>>
    where
        C: DatabaseConnection<Backend = Self>;

    /// Returns the names of the indexes that the migrations create and that are missing although
    /// another index begins with the same column and serves as well.
    #[doc(hidden)]
    fn covered_indexes<C>(conn: &mut C) -> QueryResult<Vec<String>>
    where
        C: DatabaseConnection<Backend = Self>;

    /// Replaces outdated parts of search indexes, as far as the connection's rights allow.
    #[doc(hidden)]
    fn mend_outdated<C>(conn: &mut C, outdated: &[String])
    where
        C: DatabaseConnection<Backend = Self>;

    /// Returns the best way to insert rows like `row` into `columns` of `table` (quoted). Called
    /// once, before the first row.
    #[doc(hidden)]
    fn seed_way<C, T>(
        conn: &mut C,
        table: &str,
        columns: &[String],
        row: &T::Row<'_>,
    ) -> QueryResult<SeedWay>
    where
        C: DatabaseConnection<Backend = Self>,
        T: SeedRow<Self>;

    /// Loads rows without checking for conflicts and returns how many were loaded. They go into the
    /// table or, numbered from `first`, into the open stage. Called only after
    /// [`SeedWay::BulkFirst`] or [`SeedWay::Stage`], like the methods for the stage.
    #[doc(hidden)]
    fn bulk_load<C, T>(_: &mut C, _first: Option<usize>, _: &[T::Row<'_>]) -> QueryResult<usize>
    where
        C: DatabaseConnection<Backend = Self>,
        T: SeedRow<Self>,
    {
        Err(no_bulk_loader())
    }

    /// Opens the stage for some columns of `table` (quoted).
    #[doc(hidden)]
    fn open_stage<C>(_: &mut C, _table: &str, _columns: &[String]) -> QueryResult<Stage>
    where
        C: DatabaseConnection<Backend = Self>,
    {
        Err(no_bulk_loader())
    }

    /// Inserts the staged rows in order: all of them, or those in the given range of numbers. With
    /// `ignore`, rows that conflict are skipped; without it, they fail.
    #[doc(hidden)]
    fn insert_staged<C>(
        _: &mut C,
        _: &Stage,
        _numbers: Option<(usize, usize)>,
        _ignore: bool,
    ) -> QueryResult<usize>
    where
        C: DatabaseConnection<Backend = Self>,
    {
        Err(no_bulk_loader())
    }

    /// Empties the stage.
    #[doc(hidden)]
    fn clear_stage<C>(_: &mut C) -> QueryResult<()>
    where
        C: DatabaseConnection<Backend = Self>,
    {
        Err(no_bulk_loader())
    }

    /// Drops the stage.
    #[doc(hidden)]
    fn close_stage<C>(_: &mut C) -> QueryResult<()>
    where
        C: DatabaseConnection<Backend = Self>,
    {
        Err(no_bulk_loader())
    }

    /// Describes the columns of a table by its unquoted name, optionally `schema.table`. Returns
    /// `None` if there is no such table.
    #[doc(hidden)]
    fn describe_table<C>(conn: &mut C, name: &str) -> QueryResult<Option<TableDescription>>
    where
        C: DatabaseConnection<Backend = Self>;

    /// Passes a value of a described table to `visitor`.
    #[doc(hidden)]
    fn visit_value<'b, V>(value: &'b ColumnValue, visitor: &mut V) -> QueryResult<()>
    where
        V: ColumnVisitor<'b, Self>;

    /// Returns the first of `others` (quoted) that the named foreign key of `table` (quoted) refers
    /// to. If the database does not report the name, any of its foreign keys counts.
    #[doc(hidden)]
    fn referenced_among<C>(
        conn: &mut C,
        table: &str,
        constraint: Option<&str>,
        others: &[String],
    ) -> QueryResult<Option<String>>
    where
        C: DatabaseConnection<Backend = Self>;

    /// Finishes the seed of a table. Called once per seeded table, before the seed's transaction
    /// ends.
    #[doc(hidden)]
    fn finish_seed<C>(conn: &mut C, table: &str, columns: &[String]) -> QueryResult<()>
    where
        C: DatabaseConnection<Backend = Self>;

    /// Determines the kind of a failure from the database's English message. For most of these
    /// kinds Diesel exposes neither SQLite's result code nor PostgreSQL's SQLSTATE.
    #[doc(hidden)]
    fn fault(message: &str) -> Fault;

    /// Returns a value of this backend, for rendering identifiers.
    #[doc(hidden)]
    fn backend() -> Self;
}

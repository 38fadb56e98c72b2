//! What the library asks of a Diesel backend: `Sqlite` and `Pg` answer in their modules.

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::result::{DatabaseErrorKind, Error};
use diesel_migrations::EmbeddedMigrations;

use crate::backend::column::{ColumnValue, TableDescription};
use crate::backend::connection::{DatabaseConnection, message};
use crate::backend::dialect::Dialect;
use crate::backend::row::{ColumnVisitor, SeedRow};
use crate::backend::sealed::Sealed;
use crate::backend::table::{Stranger, TableLayout};
use crate::backend::values::Values;

/// What a database looks like to the migrator.
#[derive(Debug, Default)]
pub struct Inspection {
    /// Versions in the history table; `None` when there is no such table.
    pub history: Option<Vec<String>>,
    /// Those of the internal tables that are there.
    pub tables: Vec<TableLayout>,
    /// What keeps search indexes current, by its name, where an earlier version made it.
    pub outdated: Vec<String>,
    /// Those of the internal tables and functions that there is no reason to trust.
    pub strangers: Vec<Stranger>,
}

/// Failures that mean the same on each engine and need their own advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A lock was not free in time.
    Locked,
    /// The database or the transaction accepts no writes.
    ReadOnly,
    /// No room is left on the disk.
    DiskFull,
    /// Another client's prepared statements were met: the session is not one's own.
    SharedSession,
    /// The server ended the statement for reasons of its own or of another client's.
    Cancelled,
    /// Anything else.
    Other,
}

/// The kind of a failure. Diesel hands out that a transaction is read-only as PostgreSQL's SQLSTATE
/// has it, in whatever language the server says so; the rest is read from the words.
pub(crate) fn fault_of<DB: Engine>(error: &Error) -> Fault {
    match error {
        Error::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _) => Fault::ReadOnly,
        error => DB::fault(message(error)),
    }
}

/// How a seed puts rows into a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeedWay {
    /// Rows that conflict are skipped by the statement.
    Ignore,
    /// The same; what a failing statement did is undone by the seed's roll-back.
    IgnoreOrFail,
    /// Without looking at conflicts until the first one, then by `Ignore`.
    PlainFirst,
    /// By the engine's bulk loader until the first conflict, then by `Stage`.
    BulkFirst,
    /// Many at once through a stage, few by `Ignore`.
    Stage,
}

/// A temporary table of the engine's where rows wait to be compared with present ones.
#[derive(Debug)]
pub struct Stage {
    /// The table they are for, quoted.
    pub table: String,
    /// Its seeded columns, quoted and separated by commas.
    pub columns: String,
    /// SQL that leaves out rows which are there already.
    pub filter: String,
}

fn no_bulk_loader() -> Error {
    Error::QueryBuilderError("this engine has no bulk loader".into())
}

/// One of the two Diesel backends this library supports.
///
/// Connections are many, engines are two: what a connection cannot answer by itself is
/// asked of its backend here.
///
/// This trait is sealed: only this crate can implement it.
pub trait Engine: Backend<QueryBuilder: Default> + Values + Sealed + Sized + 'static {
    /// The dialect that every connection of this backend speaks.
    const DIALECT: Dialect;
    /// How many bind parameters the engine accepts in one statement.
    #[doc(hidden)]
    const BIND_LIMIT: usize;
    /// What stands between column list and `VALUES` of a seeding insert.
    #[doc(hidden)]
    const SEED_OVERRIDE: &'static str;
    /// Whether a failing statement spoils the transaction it is in.
    #[doc(hidden)]
    const ERROR_ENDS_TRANSACTION: bool;
    /// Rows that a seed buffers per chunk.
    #[doc(hidden)]
    const SEED_ROWS: usize;

    #[doc(hidden)]
    fn migrations() -> &'static EmbeddedMigrations;

    /// The internal tables as the code expects them.
    #[doc(hidden)]
    fn expected_tables() -> [TableLayout; 4];

    /// Reads history and tables: one query on PostgreSQL, two in-process ones on SQLite.
    /// Tables that `trusted` roles own are no strangers'.
    #[doc(hidden)]
    fn inspect<C>(conn: &mut C, trusted: &[String]) -> QueryResult<Inspection>
    where
        C: DatabaseConnection<Backend = Self>;

    /// Reads the versions in Diesel's own history table, none where there is no such table.
    #[doc(hidden)]
    fn application_history<C>(
        conn: &mut C,
        trusted: &[String],
    ) -> QueryResult<Result<Vec<String>, Stranger>>
    where
        C: DatabaseConnection<Backend = Self>;

    /// Names of the indexes that the migrations make which are not there, although another
    /// index begins with the same column and serves as well.
    #[doc(hidden)]
    fn covered_indexes<C>(conn: &mut C) -> QueryResult<Vec<String>>
    where
        C: DatabaseConnection<Backend = Self>;

    /// Replaces outdated parts of search indexes, as far as the connection may.
    #[doc(hidden)]
    fn mend_outdated<C>(conn: &mut C, outdated: &[String])
    where
        C: DatabaseConnection<Backend = Self>;

    /// How rows like `row` are best put into `columns` of `table` (quoted), asked once
    /// before the first.
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

    /// Loads rows without looking at conflicts, into the table or, numbered from `first`,
    /// into the open stage, and returns how many went in. Asked only after
    /// [`SeedWay::BulkFirst`] or [`SeedWay::Stage`], like the stage itself.
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

    /// Inserts the staged rows, all or those with the numbers given, in order; with
    /// `ignore` those that conflict are skipped, else they fail.
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

    /// Takes the stage away.
    #[doc(hidden)]
    fn close_stage<C>(_: &mut C) -> QueryResult<()>
    where
        C: DatabaseConnection<Backend = Self>,
    {
        Err(no_bulk_loader())
    }

    /// The columns of a table by its name, unquoted, `schema.table` if it has one; `None`
    /// when there is no such table.
    #[doc(hidden)]
    fn describe_table<C>(conn: &mut C, name: &str) -> QueryResult<Option<TableDescription>>
    where
        C: DatabaseConnection<Backend = Self>;

    /// Shows a value of a described table to `visitor`.
    #[doc(hidden)]
    fn visit_value<'b, V>(value: &'b ColumnValue, visitor: &mut V) -> QueryResult<()>
    where
        V: ColumnVisitor<'b, Self>;

    /// The first of `others` (quoted) that the foreign key of that name of `table` (quoted)
    /// refers to, or any of its foreign keys if the database does not tell the name.
    #[doc(hidden)]
    fn referenced_among<C>(
        conn: &mut C,
        table: &str,
        constraint: Option<&str>,
        others: &[String],
    ) -> QueryResult<Option<String>>
    where
        C: DatabaseConnection<Backend = Self>;

    /// Called in the seed's transaction before its end, once per seeded table.
    #[doc(hidden)]
    fn finish_seed<C>(conn: &mut C, table: &str, columns: &[String]) -> QueryResult<()>
    where
        C: DatabaseConnection<Backend = Self>;

    /// Reads the kind of a failure from the database's words, in English: for most of these
    /// Diesel hands out neither SQLite's result code nor PostgreSQL's SQLSTATE.
    #[doc(hidden)]
    fn fault(message: &str) -> Fault;

    /// A value of this backend, for rendering identifiers.
    #[doc(hidden)]
    fn backend() -> Self;
}

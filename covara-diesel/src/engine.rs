//! What the library asks of a Diesel backend: `Sqlite` and `Pg` answer in their modules.

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel_migrations::EmbeddedMigrations;

use crate::connection::DatabaseConnection;
use crate::dialect::Dialect;
use crate::migrate::layout::TableLayout;
use crate::seed::SeedRow;

/// What a database looks like to the migrator.
#[derive(Debug, Default)]
pub struct Inspection {
    /// Versions in the history table; `None` when there is no such table.
    pub history: Option<Vec<String>>,
    /// Those of the internal tables that are there.
    pub tables: Vec<TableLayout>,
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
    /// Anything else.
    Other,
}

/// How a seed puts rows into a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeedWay {
    /// Rows that conflict are skipped by the statement.
    Ignore,
    /// The same, and a failing statement need not undo what it did: the seed does.
    IgnoreOrFail,
    /// Without looking at conflicts until the first one, then by `Ignore`.
    PlainFirst,
    /// By the engine's bulk loader until the first conflict, then by `Ignore`.
    BulkFirst,
}

/// One of the two Diesel backends this library supports.
///
/// Connections are many, engines are two: what a connection cannot answer by itself is
/// asked of its backend here. Nothing outside this crate implements it.
pub trait Engine: Backend<QueryBuilder: Default> + Sized + 'static {
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
    /// How many rows a seed takes in hand at once.
    #[doc(hidden)]
    const SEED_ROWS: usize;

    #[doc(hidden)]
    fn migrations() -> &'static EmbeddedMigrations;

    /// The internal tables as the code expects them.
    #[doc(hidden)]
    fn expected_tables() -> [TableLayout; 4];

    /// Reads history and tables, at the cost of one query when everything is in place.
    #[doc(hidden)]
    fn inspect<C>(conn: &mut C) -> QueryResult<Inspection>
    where
        C: DatabaseConnection<Backend = Self>;

    /// How rows are best put into `table` (quoted), asked once before the first.
    #[doc(hidden)]
    fn seed_way<C>(conn: &mut C, table: &str) -> QueryResult<SeedWay>
    where
        C: DatabaseConnection<Backend = Self>;

    /// Loads rows without looking at conflicts, and returns how many went in. Asked only
    /// after [`SeedWay::BulkFirst`].
    #[doc(hidden)]
    fn bulk_load<C, T>(conn: &mut C, rows: &[T::Row<'_>]) -> QueryResult<usize>
    where
        C: DatabaseConnection<Backend = Self>,
        T: SeedRow<Self>;

    /// Called in the seed's transaction before its end, once per seeded table.
    #[doc(hidden)]
    fn finish_seed<C>(conn: &mut C, table: &str, columns: &[&str]) -> QueryResult<()>
    where
        C: DatabaseConnection<Backend = Self>;

    /// Reads the kind of a failure from the database's words: Diesel hands out neither
    /// SQLite's result code nor PostgreSQL's SQLSTATE.
    #[doc(hidden)]
    fn fault(message: &str) -> Fault;

    /// A value of this backend, for rendering identifiers.
    #[doc(hidden)]
    fn backend() -> Self;
}

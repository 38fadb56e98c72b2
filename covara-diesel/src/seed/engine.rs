//! The questions that a seed asks of a backend.

use diesel::QueryResult;
use diesel::result::Error;

use crate::backend::column::{ColumnValue, TableDescription};
use crate::backend::connection::BackendConnection;
use crate::backend::engine::Engine;
use crate::backend::row::{ColumnVisitor, SeedRow};
use crate::backend::typed::area_database;

/// A way of inserting a seed's rows into a table.
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

/// A backend whose tables this library seeds: `Sqlite` and `Pg`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not known to be a backend that is seeded",
    note = "in a generic function, bound the connection by `covara_diesel::DatabaseConnection` or \
            `covara_diesel::AnyDatabase`"
)]
pub trait SeedEngine: Engine {
    /// SQL between the column list and `VALUES` of a seeding insert.
    #[doc(hidden)]
    const OVERRIDE: &'static str;

    /// Rows that a seed buffers per chunk.
    #[doc(hidden)]
    const CHUNK_ROWS: usize;

    /// Returns the best way to insert rows like `row` into `columns` of `table` (quoted). Called
    /// once, before the first row.
    #[doc(hidden)]
    fn way<C, T>(
        conn: &mut C,
        table: &str,
        columns: &[String],
        row: &T::Row<'_>,
    ) -> QueryResult<SeedWay>
    where
        C: BackendConnection<Backend = Self>,
        T: SeedRow<Self>;

    /// Loads rows without checking for conflicts and returns how many were loaded. They go into the
    /// table or, numbered from `first`, into the open stage. Called only after
    /// [`SeedWay::BulkFirst`] or [`SeedWay::Stage`], like the methods for the stage.
    #[doc(hidden)]
    fn bulk_load<C, T>(_: &mut C, _first: Option<usize>, _: &[T::Row<'_>]) -> QueryResult<usize>
    where
        C: BackendConnection<Backend = Self>,
        T: SeedRow<Self>,
    {
        Err(no_bulk_loader())
    }

    /// Opens the stage for some columns of `table` (quoted).
    #[doc(hidden)]
    fn open_stage<C>(_: &mut C, _table: &str, _columns: &[String]) -> QueryResult<Stage>
    where
        C: BackendConnection<Backend = Self>,
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
        C: BackendConnection<Backend = Self>,
    {
        Err(no_bulk_loader())
    }

    /// Empties the stage.
    #[doc(hidden)]
    fn clear_stage<C>(_: &mut C) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>,
    {
        Err(no_bulk_loader())
    }

    /// Drops the stage.
    #[doc(hidden)]
    fn close_stage<C>(_: &mut C) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>,
    {
        Err(no_bulk_loader())
    }

    /// Describes the columns of a table by its unquoted name, optionally `schema.table`. Returns
    /// `None` if there is no such table.
    #[doc(hidden)]
    fn describe_table<C>(conn: &mut C, name: &str) -> QueryResult<Option<TableDescription>>
    where
        C: BackendConnection<Backend = Self>;

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
        C: BackendConnection<Backend = Self>;

    /// Finishes the seed of a table. Called once per seeded table, before the seed's transaction
    /// ends.
    #[doc(hidden)]
    fn finish<C>(conn: &mut C, table: &str, columns: &[String]) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>;
}

area_database! {
    /// A connection that is seeded: every one of this library.
    SeedDatabase: SeedEngine
}

//! The questions that a seed asks of a backend.

use diesel::QueryResult;
use diesel::query_builder::QueryFragment;
use diesel::result::Error;

use super::conflict::{FoundKey, UniqueIndex};
use super::deferral::{Deferral, DeferredConstraint};
use super::foreign_key::{ForeignKey, OuterReference};
use super::look_up::{FoundKeyValue, WantedKey};
use super::stage::Stages;
use crate::backend::column::{ColumnValue, TableDescription};
use crate::backend::connection::BackendConnection;
use crate::backend::engine::Engine;
use crate::backend::row::{ColumnVisitor, SeedRow};
use crate::backend::typed::area_database;

/// A way of beginning to insert a seed's rows into a table.
#[derive(Debug)]
pub enum SeedWay<C: BackendConnection> {
    /// Statements of several rows each.
    Insert(Insertion),
    /// The engine's bulk loader until the first conflict, then `Stage`.
    BulkFirst(&'static dyn Stages<C>),
    /// A staging table for many rows, `Insertion::Ignore` for few.
    Stage(&'static dyn Stages<C>),
}

/// A way in which a statement inserts its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insertion {
    /// The statement skips rows that conflict.
    Ignore,
    /// Like `Ignore`. The effects of a failing statement are undone by the seed's roll-back.
    IgnoreOrFail,
    /// Plain inserts until the first conflict, then `Ignore`.
    PlainFirst,
}

/// The way in which rows may refer to rows that the seed writes after them.
#[derive(Debug)]
pub enum Forward<C: BackendConnection> {
    /// All foreign keys are checked at the end of the transaction.
    Deferred(&'static dyn Deferral<C>),
    /// The rows of a table are collected in a stage and inserted by one statement, at whose end its
    /// foreign keys are checked. Those that are deferrable can also wait for the end of the seed.
    Staged(&'static dyn Stages<C>),
}

/// How the second of two statements knows that the first one has not inserted a row.
#[derive(Debug)]
pub struct NotInserted {
    /// A statement before both.
    pub(crate) forget: Option<&'static str>,
    /// SQL around the insert.
    pub(crate) before_insert: &'static str,
    pub(crate) after_insert: &'static str,
    /// The condition of the second statement.
    pub(crate) condition: &'static str,
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

    /// How a batch tells rows that it has just inserted from those that were there.
    #[doc(hidden)]
    const NOT_INSERTED: NotInserted;

    /// `true` if two names of columns may differ by case alone.
    #[doc(hidden)]
    const NAMES_HAVE_CASE: bool;

    /// Rows that a seed buffers per chunk.
    #[doc(hidden)]
    const CHUNK_ROWS: usize;

    /// Returns how rows may refer to rows that come after them.
    #[doc(hidden)]
    fn forward<C>() -> Forward<C>
    where
        C: BackendConnection<Backend = Self>;

    /// Returns the best way to insert rows like `row` into `columns` of `table` (quoted). Called
    /// once, before the first row.
    #[doc(hidden)]
    fn way<C, T>(
        conn: &mut C,
        table: &str,
        columns: &[String],
        row: &T::Row<'_>,
    ) -> QueryResult<SeedWay<C>>
    where
        C: BackendConnection<Backend = Self>,
        T: SeedRow<Self>;

    /// Loads many rows at once, into `columns` of `table` (quoted) without checking for conflicts, or
    /// into the open stage with numbers from `first` on. Returns how many were loaded.
    ///
    /// Default: an error, for engines whose [`way`](Self::way) is always `Insert`.
    #[doc(hidden)]
    fn bulk_load<C, T>(
        _: &mut C,
        _table: &str,
        _columns: &[String],
        _first: Option<usize>,
        _: &[T::Row<'_>],
    ) -> QueryResult<usize>
    where
        C: BackendConnection<Backend = Self>,
        T: SeedRow<Self>,
    {
        Err(Error::QueryBuilderError("no bulk loader".into()))
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

    /// Returns the foreign keys of each of the tables (quoted) of a seed.
    #[doc(hidden)]
    fn foreign_keys<C>(conn: &mut C, tables: &[String]) -> QueryResult<Vec<Vec<ForeignKey>>>
    where
        C: BackendConnection<Backend = Self>;

    /// Returns the constraints of the tables (quoted) that are checked when a transaction ends, where
    /// `SET CONSTRAINTS` has them checked before. Default: none.
    #[doc(hidden)]
    fn deferred_constraints<C>(
        _: &mut C,
        _tables: &[String],
    ) -> QueryResult<Vec<DeferredConstraint>>
    where
        C: BackendConnection<Backend = Self>,
    {
        Ok(Vec::new())
    }

    /// Returns the unique keys of a table (quoted) by which rows can be updated: without conditions
    /// and expressions.
    #[doc(hidden)]
    fn unique_keys<C>(conn: &mut C, table: &str) -> QueryResult<Vec<FoundKey>>
    where
        C: BackendConnection<Backend = Self>;

    /// Returns the unique indexes of a table (quoted), also those with a condition.
    #[doc(hidden)]
    fn unique_indexes<C>(conn: &mut C, table: &str) -> QueryResult<Vec<UniqueIndex>>
    where
        C: BackendConnection<Backend = Self>;

    /// Returns the keys of the rows that have the given values, in any order. `values` are
    /// `(0, …), (1, …)`: their positions and themselves. Rows whose key is NULL are left out.
    #[doc(hidden)]
    fn look_up<C>(
        conn: &mut C,
        wanted: &WantedKey,
        values: &dyn QueryFragment<Self>,
    ) -> QueryResult<Vec<FoundKeyValue>>
    where
        C: BackendConnection<Backend = Self>;

    /// Returns whether inserts into a table (quoted) or updates of it may run triggers for rows.
    #[doc(hidden)]
    fn has_row_triggers<C>(conn: &mut C, table: &str) -> QueryResult<bool>
    where
        C: BackendConnection<Backend = Self>;

    /// Returns whether an insert must say that conflicts fail, because a table (quoted) may say
    /// something else. Default: no.
    #[doc(hidden)]
    fn has_conflict_clauses<C>(_: &mut C, _table: &str) -> QueryResult<bool>
    where
        C: BackendConnection<Backend = Self>,
    {
        Ok(false)
    }

    /// Returns the SQL condition that the row `present` differs from the row `excluded` in any of
    /// these columns (quoted).
    #[doc(hidden)]
    fn differs(columns: &[String]) -> String;

    /// Returns a statement that fails if the SQL condition holds.
    #[doc(hidden)]
    fn fails_if(condition: &str) -> String;

    /// Locks a table (quoted) against writers, and against rows that refer to it, until the
    /// transaction ends, if there are transactions. Default: nothing, for engines with one writer at a
    /// time.
    #[doc(hidden)]
    fn lock_to_empty<C>(_: &mut C, _table: &str) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>,
    {
        Ok(())
    }

    /// Returns the foreign keys of other tables to these (quoted).
    #[doc(hidden)]
    fn outer_references<C>(conn: &mut C, tables: &[String]) -> QueryResult<Vec<OuterReference>>
    where
        C: BackendConnection<Backend = Self>;

    /// Returns whether an SQL condition holds.
    #[doc(hidden)]
    fn holds<C>(conn: &mut C, condition: &str) -> QueryResult<bool>
    where
        C: BackendConnection<Backend = Self>;

    /// Returns what stands for the rows of a table (quoted) in a statement that deletes or counts
    /// them. Default: its name.
    #[doc(hidden)]
    fn own_rows<C>(_: &mut C, table: &str) -> QueryResult<String>
    where
        C: BackendConnection<Backend = Self>,
    {
        Ok(table.to_owned())
    }

    /// Deletes all rows of tables (quoted) that refer to each other. Returns how many each had.
    #[doc(hidden)]
    fn empty<C>(conn: &mut C, tables: &[String]) -> QueryResult<Vec<usize>>
    where
        C: BackendConnection<Backend = Self>;

    /// Returns the statements of a batch that delete all rows of tables (quoted) that refer to each
    /// other, each with the position of the table whose rows it counts, if it does. Default: a
    /// `DELETE` for each table.
    #[doc(hidden)]
    fn emptying<C>(_: &mut C, tables: &[String]) -> QueryResult<Vec<(String, Option<usize>)>>
    where
        C: BackendConnection<Backend = Self>,
    {
        let tables = tables.iter().enumerate();
        Ok(tables
            .map(|(at, table)| (format!("DELETE FROM {table}"), Some(at)))
            .collect())
    }

    /// Returns the statements that make the generated ids of an empty table (quoted) start anew.
    #[doc(hidden)]
    fn restarts<C>(conn: &mut C, table: &str) -> QueryResult<Vec<String>>
    where
        C: BackendConnection<Backend = Self>;

    /// Checks the constraints that the end of the transaction checks. Default: nothing, for engines
    /// on which the seed itself knows the rows that violate them.
    #[doc(hidden)]
    fn check_constraints<C>(_: &mut C) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>,
    {
        Ok(())
    }

    /// Finishes the seed of a table. Called once per seeded table, before the seed's transaction
    /// ends. Unless it `keeps` the rows, only checks whether that is possible.
    #[doc(hidden)]
    fn finish<C>(conn: &mut C, table: &str, columns: &[String], keeps: bool) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>;
}

area_database! {
    /// A connection that is seeded: every one of this library.
    SeedDatabase: SeedEngine
}

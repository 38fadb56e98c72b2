//! The bulk loader of an engine, and its stage.

use diesel::QueryResult;

use super::engine::{ForeignKey, SeedEngine};
use crate::backend::connection::BackendConnection;
use crate::backend::row::SeedRow;

/// Loads many rows at once.
pub trait BulkLoader<DB: SeedEngine>: Copy + 'static {
    /// A temporary table in which rows wait to be compared with existing ones.
    type Stage: Stage<DB>;

    /// Loads rows into their table without checking for conflicts and returns how many were loaded.
    fn load<C, T>(self, conn: &mut C, rows: &[T::Row<'_>]) -> QueryResult<usize>
    where
        C: BackendConnection<Backend = DB>,
        T: SeedRow<DB>;

    /// Opens the stage for some columns of `table` (quoted).
    fn open<C>(self, conn: &mut C, table: &str, columns: &[String]) -> QueryResult<Self::Stage>
    where
        C: BackendConnection<Backend = DB>;

    /// Returns the first row of a [kept](Stage::keep) stage that has the values which an error
    /// about the foreign key gives as `details`.
    fn kept_row<C>(
        self,
        conn: &mut C,
        position: usize,
        key: &ForeignKey,
        details: &str,
    ) -> QueryResult<Option<usize>>
    where
        C: BackendConnection<Backend = DB>;

    /// Drops a kept stage.
    fn drop_kept<C>(self, conn: &mut C, position: usize) -> QueryResult<()>
    where
        C: BackendConnection<Backend = DB>;
}

/// A temporary table in which the rows of a table wait, each with its number.
pub trait Stage<DB: SeedEngine>: Sized + 'static {
    /// The name of the temporary table, which has the seeded columns.
    const TABLE: &'static str;

    /// Loads rows, numbered from `first`, by the bulk loader.
    fn load<C, T>(&self, conn: &mut C, first: usize, rows: &[T::Row<'_>]) -> QueryResult<()>
    where
        C: BackendConnection<Backend = DB>,
        T: SeedRow<DB>;

    /// Makes the stage number from `first` the rows that statements insert into
    /// [`TABLE`](Self::TABLE). The bulk loader is not used any more.
    fn number_from<C>(&self, conn: &mut C, first: usize) -> QueryResult<()>
    where
        C: BackendConnection<Backend = DB>;

    /// Returns whether rows that exist already are left out when the staged rows are inserted.
    fn is_filtered(&self) -> bool;

    /// Inserts the staged rows in order: all of them, or those in the given range of numbers. With
    /// `ignore`, rows that conflict are skipped; without it, they fail.
    fn insert<C>(
        &self,
        conn: &mut C,
        numbers: Option<(usize, usize)>,
        ignore: bool,
    ) -> QueryResult<usize>
    where
        C: BackendConnection<Backend = DB>;

    /// Returns the first staged row with the values that an error about the foreign key gives as
    /// `details`.
    fn row<C>(&self, conn: &mut C, key: &ForeignKey, details: &str) -> QueryResult<Option<usize>>
    where
        C: BackendConnection<Backend = DB>;

    /// Empties the stage.
    fn clear<C>(&self, conn: &mut C) -> QueryResult<()>
    where
        C: BackendConnection<Backend = DB>;

    /// Drops the stage.
    fn close<C>(self, conn: &mut C) -> QueryResult<()>
    where
        C: BackendConnection<Backend = DB>;

    /// Keeps the stage and its rows until the end of the seed, by the position of the table.
    fn keep<C>(self, conn: &mut C, position: usize) -> QueryResult<()>
    where
        C: BackendConnection<Backend = DB>;
}

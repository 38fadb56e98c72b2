//! Temporary tables in which rows wait to be compared with existing ones.

use std::fmt;

use diesel::QueryResult;

use super::conflict::UpdateColumns;
use super::foreign_key::ForeignKey;
use super::report::Counts;
use crate::backend::connection::BackendConnection;

/// Opens stages.
pub trait Stages<C: BackendConnection>: fmt::Debug {
    /// Opens the stage for some columns of `table` (quoted).
    fn open(&self, conn: &mut C, table: &str, columns: &[String])
    -> QueryResult<Box<dyn Stage<C>>>;

    /// Returns the first row of a [kept](Stage::keep) stage that has the values which an error
    /// about the foreign key gives as `details`.
    fn kept_row(
        &self,
        conn: &mut C,
        position: usize,
        key: &ForeignKey,
        details: &str,
    ) -> QueryResult<Option<usize>>;

    /// Drops a kept stage.
    fn drop_kept(&self, conn: &mut C, position: usize) -> QueryResult<()>;
}

/// The treatment of staged rows that conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageInsert {
    /// Rows that exist are left out, if the stage [is filtered](Stage::is_filtered); others fail.
    Filter,
    /// They are skipped.
    Ignore,
    /// They fail.
    Refuse,
}

/// A temporary table in which the rows of a table wait, each with its number.
pub trait Stage<C: BackendConnection> {
    /// Returns the name of the temporary table, which has the seeded columns.
    fn table(&self) -> &'static str;

    /// Returns a query in parentheses: of the staged rows, the first with each value of a column
    /// (quoted).
    fn first_rows(&self, column: &str) -> String;

    /// Makes the stage number from `first` the rows that statements insert into
    /// [`table`](Self::table). The bulk loader is not used any more.
    fn number_from(&self, conn: &mut C, first: usize) -> QueryResult<()>;

    /// Returns whether rows that exist already are left out when the staged rows are inserted.
    fn is_filtered(&self) -> bool;

    /// Inserts the staged rows in order: all of them, or those in the given range of numbers.
    fn insert(
        &self,
        conn: &mut C,
        numbers: Option<(usize, usize)>,
        conflicts: StageInsert,
    ) -> QueryResult<usize>;

    /// Inserts the staged rows with the given numbers whose keys are not there, and updates the
    /// rows that have their keys, as if the rows were applied one after the other.
    fn update(
        &self,
        conn: &mut C,
        numbers: (usize, usize),
        columns: &UpdateColumns,
    ) -> QueryResult<Counts>;

    /// Returns the first staged row with the values that an error about the foreign key gives as
    /// `details`. `is_new`: rows that exist already do not count, as far as they can be told.
    fn row(
        &self,
        conn: &mut C,
        key: &ForeignKey,
        details: &str,
        is_new: bool,
    ) -> QueryResult<Option<usize>>;

    /// Empties the stage.
    fn clear(&self, conn: &mut C) -> QueryResult<()>;

    /// Drops the stage.
    fn close(self: Box<Self>, conn: &mut C) -> QueryResult<()>;

    /// Keeps the stage and its rows until the end of the seed, by the position of the table.
    fn keep(self: Box<Self>, conn: &mut C, position: usize) -> QueryResult<()>;
}

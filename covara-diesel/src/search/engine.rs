//! The operations that search needs from an engine: `Sqlite` and `Pg`, which implement each part in
//! the file of that name.

use diesel::QueryResult;

use super::definition::FollowedTable;
use super::document::{DocumentBatch, Documents};
use super::entry::{Entry, EntryRow};
use super::error::SearchError;
use super::plan::Plan;
use super::values::SearchValues;
use crate::backend::connection::BackendConnection;
use crate::backend::sql::Sql;

/// An engine with full-text search, which is the sum of its parts. It builds the statements that the
/// search executes.
pub trait SearchEngine:
    IndexEngine + WriteEngine + ReadEngine + FollowEngine + RefreshEngine
{
}

impl<DB> SearchEngine for DB where
    DB: IndexEngine + WriteEngine + ReadEngine + FollowEngine + RefreshEngine
{
}

/// Creates, changes and removes indexes.
pub trait IndexEngine: SearchValues {
    /// Returns the catalogue's row with that name, or `None` if there is no such row or no
    /// catalogue.
    #[doc(hidden)]
    fn read_entry<C>(conn: &mut C, name: &str) -> Result<Option<EntryRow>, SearchError>
    where
        C: BackendConnection<Backend = Self>;

    /// Returns the name of the index with that number, or `None` if there is none or no catalogue.
    #[doc(hidden)]
    fn name_of<C>(conn: &mut C, number: i64) -> Result<Option<String>, SearchError>
    where
        C: BackendConnection<Backend = Self>;

    /// Creates the catalogue unless it exists, and returns its name as SQL.
    #[doc(hidden)]
    fn create_catalogue<C>(conn: &mut C) -> Result<String, SearchError>
    where
        C: BackendConnection<Backend = Self>;

    /// Returns a statement that excludes other bulk writers of an index until the transaction ends,
    /// if the transaction itself does not.
    #[doc(hidden)]
    fn lock(entry: &Entry) -> Option<Sql<'static>>;

    /// Returns statements that create the missing tables of an index. `remote` tells whether the
    /// database is on another machine.
    #[doc(hidden)]
    fn create(entry: &Entry, remote: bool) -> Vec<Sql<'static>>;

    /// Returns statements that add the columns for the fields from number `first` on.
    #[doc(hidden)]
    fn extend(entry: &Entry, first: usize) -> Vec<Sql<'static>>;

    /// Returns statements that make room for the words of all searched fields, if there is none.
    /// They delete all words, so the documents must be indexed again before the next search.
    #[doc(hidden)]
    fn make_room<C>(_conn: &mut C, _entry: &Entry) -> QueryResult<Vec<Sql<'static>>>
    where
        C: BackendConnection<Backend = Self>,
    {
        Ok(Vec::new())
    }

    /// Returns the statements that give its documents the column of the lead, of which there are
    /// none if they have it, or `None` if the connection may not.
    #[doc(hidden)]
    fn add_lead<C>(conn: &mut C, entry: &Entry) -> QueryResult<Option<Vec<Sql<'static>>>>
    where
        C: BackendConnection<Backend = Self>;

    #[doc(hidden)]
    fn remove(entry: &Entry) -> Vec<Sql<'static>>;
}

/// Writes documents.
pub trait WriteEngine: SearchValues {
    /// Returns how many of the `waiting` documents the next [`write`](Self::write) takes.
    #[doc(hidden)]
    fn batch(entry: &Entry, waiting: usize, bind_limit: usize) -> usize;

    /// Returns statements that insert or replace documents with different ids, if `guard` still
    /// holds.
    #[doc(hidden)]
    fn write<'d>(entry: &Entry, documents: DocumentBatch<'d>, guard: &Guard) -> Vec<Sql<'d>>;

    /// Writes documents in a transaction that excludes other writers. Of those with the same id,
    /// the last one is kept.
    #[doc(hidden)]
    fn write_many<C>(conn: &mut C, entry: &Entry, documents: &mut Documents) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>,
    {
        documents.keep_last_of_each();
        for now in batches::<Self>(entry, documents.all(), conn.most_binds()) {
            for statement in Self::write(entry, now, &Guard::None) {
                conn.execute_returning_count(&statement)?;
            }
        }
        Ok(())
    }

    /// Returns statements that remove documents; the last statement counts them.
    #[doc(hidden)]
    fn delete<'d>(entry: &Entry, ids: &'d [&'d str]) -> Vec<Sql<'d>>;
}

/// Finds documents.
pub trait ReadEngine: SearchValues {
    /// Returns a query for one page: id, score, source, the number of matches if it comes at no
    /// extra cost, and, for the cursor, the values of the fields in the sort order.
    #[doc(hidden)]
    fn page<'q>(entry: &Entry, plan: &'q Plan<'q>) -> Sql<'q>;

    /// Returns how much each required part of the query counts for, the more the rarer it is. Returns
    /// nothing if the engine's score considers that itself.
    #[doc(hidden)]
    fn rarities<C>(_conn: &mut C, _entry: &Entry, _plan: &Plan<'_>) -> QueryResult<Vec<f64>>
    where
        C: BackendConnection<Backend = Self>,
    {
        Ok(Vec::new())
    }

    /// Returns a query for columns of the documents `d` that match, up to the bound.
    #[doc(hidden)]
    fn matches<'q>(entry: &Entry, plan: &'q Plan<'q>, columns: &str) -> Sql<'q>;

    #[doc(hidden)]
    fn count<'q>(entry: &Entry, plan: &'q Plan<'q>) -> Sql<'q>;
}

/// Keeps notes of the writes to a table.
pub trait FollowEngine: SearchValues {
    /// Returns whether a table of that name exists, given as SQL.
    #[doc(hidden)]
    fn has_table<C>(conn: &mut C, table: &str) -> QueryResult<bool>
    where
        C: BackendConnection<Backend = Self>;

    /// Returns the database's own error if the table, the key or a column does not exist.
    #[doc(hidden)]
    fn check_columns<C>(conn: &mut C, followed: &FollowedTable) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>;

    /// Returns the repair that makes an index follow its table again, or `None` if the index is
    /// intact.
    #[doc(hidden)]
    fn examine<C>(conn: &mut C, entry: &Entry) -> QueryResult<Option<Mending>>
    where
        C: BackendConnection<Backend = Self>;

    /// Returns statements that revoke unneeded rights of other roles, as the first step of a
    /// repair.
    #[doc(hidden)]
    fn protect(_entry: &Entry) -> Vec<Sql<'static>> {
        Vec::new()
    }

    /// Returns statements that note all rows of the followed table, and that documents may have no
    /// row.
    #[doc(hidden)]
    fn note_all(entry: &Entry) -> Vec<Sql<'static>>;
}

/// Indexes the noted rows.
pub trait RefreshEngine: SearchValues {
    /// Processes up to `BATCH` notes in one transaction.
    #[doc(hidden)]
    fn refresh<C>(
        conn: &mut C,
        entry: &Entry,
        patience: Patience,
    ) -> Result<Refreshed, SearchError>
    where
        C: BackendConnection<Backend = Self>;
}

/// A condition that must still hold when a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// No condition.
    None,
    /// An older definition indexed the document.
    Older,
}

/// The choice between waiting for other writers and not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Wait as long as the connection waits for any lock.
    Wait,
    /// Do not wait.
    Try,
}

/// The size of a processed batch of notes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Refreshed {
    /// The number of notes.
    pub(crate) notes: usize,
    /// The number of rows that the notes refer to.
    pub(crate) rows: usize,
}

/// The repair that makes an index follow its table again.
#[derive(Debug)]
pub struct Mending {
    pub(crate) cause: Cause,
    /// Statements that create notes and triggers and note all rows.
    pub(crate) statements: Vec<Sql<'static>>,
}

/// The reason why an index had stopped following its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The table is not the one that was followed: it was dropped and created again, rebuilt, or
    /// restored.
    Table,
    /// The struct names another table, key or column than before, and the table that was followed
    /// was renamed, dropped or changed.
    Renamed,
    /// The key or a field is another column than the one that was followed: it was dropped and
    /// added again, renamed, or given another type.
    Columns,
    /// Partitions or inheriting tables were added or removed, even temporarily. PostgreSQL only.
    Partitions,
    /// Triggers, or the objects they write to, were missing, disabled or altered, as after
    /// `pg_restore --disable-triggers`.
    Triggers,
    /// An earlier version of this library created the triggers.
    Version,
}

/// Splits the documents into one batch per statement.
pub(crate) fn batches<'d, DB: WriteEngine>(
    entry: &Entry,
    documents: DocumentBatch<'d>,
    bind_limit: usize,
) -> impl Iterator<Item = DocumentBatch<'d>> {
    documents.parts(move |left| DB::batch(entry, left, bind_limit))
}

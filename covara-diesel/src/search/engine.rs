//! What the search asks of an engine.

use diesel::QueryResult;

use super::document::{DocumentBatch, Documents};
use super::entry::{Entry, EntryRow};
use super::error::SearchError;
use super::plan::Plan;
use super::sql::Sql;
use super::values::SearchValues;
use crate::backend::connection::DatabaseConnection;
use crate::backend::typed::AnyDatabase;

/// An engine with full-text search: `Sqlite` and `Pg` answer in their modules.
///
/// What it makes are statements; the search runs them.
pub trait SearchEngine: SearchValues {
    /// The row of the catalogue with that name, also where there is no catalogue.
    #[doc(hidden)]
    fn read_entry<C>(conn: &mut C, name: &str) -> Result<Option<EntryRow>, SearchError>
    where
        C: DatabaseConnection<Backend = Self>;

    /// The name of the index with that number, also where there is no catalogue.
    #[doc(hidden)]
    fn name_of<C>(conn: &mut C, number: i64) -> Result<Option<String>, SearchError>
    where
        C: DatabaseConnection<Backend = Self>;

    /// Makes the catalogue, unless it is there, and returns its name as SQL.
    #[doc(hidden)]
    fn create_catalogue<C>(conn: &mut C) -> Result<String, SearchError>
    where
        C: DatabaseConnection<Backend = Self>;

    /// Keeps others who write many documents of an index out until the transaction ends,
    /// where the transaction itself does not.
    #[doc(hidden)]
    fn lock(entry: &Entry) -> Option<Sql<'static>>;

    /// Makes the tables of an index, those that are not there, on this machine or on another.
    #[doc(hidden)]
    fn create(entry: &Entry, remote: bool) -> Vec<Sql<'static>>;

    /// Makes room for the fields from number `first` on.
    #[doc(hidden)]
    fn extend(entry: &Entry, first: usize) -> Vec<Sql<'static>>;

    /// Makes room for the words of all searched fields, if there is none. Then all words are
    /// gone, and the documents must be indexed again before anybody searches.
    #[doc(hidden)]
    fn make_room<C>(_conn: &mut C, _entry: &Entry) -> QueryResult<Vec<Sql<'static>>>
    where
        C: DatabaseConnection<Backend = Self>,
    {
        Ok(Vec::new())
    }

    #[doc(hidden)]
    fn remove(entry: &Entry) -> Vec<Sql<'static>>;

    /// How many of the `waiting` documents the next [`write`](Self::write) takes.
    #[doc(hidden)]
    fn batch(entry: &Entry, waiting: usize, bind_limit: usize) -> usize;

    /// Writes documents with ids that differ, new ones and others, if `guard` still holds.
    #[doc(hidden)]
    fn write<'d>(entry: &Entry, documents: DocumentBatch<'d>, guard: &Guard) -> Vec<Sql<'d>>;

    /// Writes documents, of those with one id the last, in a transaction that keeps other
    /// writers out.
    #[doc(hidden)]
    fn write_many<C>(conn: &mut C, entry: &Entry, documents: &mut Documents) -> QueryResult<()>
    where
        C: DatabaseConnection<Backend = Self>,
    {
        documents.keep_last_of_each();
        for now in batches::<Self>(entry, documents.all(), conn.bind_limit()) {
            for statement in Self::write(entry, now, &Guard::None) {
                conn.execute_returning_count(&statement)?;
            }
        }
        Ok(())
    }

    /// Removes documents; the last statement counts them.
    #[doc(hidden)]
    fn delete<'d>(entry: &Entry, ids: &'d [&'d str]) -> Vec<Sql<'d>>;

    /// One page: id, score, source, how many match if that is known by the way, and, for the
    /// cursor, the values of the fields that it is sorted by.
    #[doc(hidden)]
    fn page<'q>(entry: &Entry, plan: &'q Plan<'q>) -> Sql<'q>;

    #[doc(hidden)]
    fn count<'q>(entry: &Entry, plan: &'q Plan<'q>) -> Sql<'q>;

    /// Whether there is a table of that name, given as SQL.
    #[doc(hidden)]
    fn has_table<C>(conn: &mut C, table: &str) -> QueryResult<bool>
    where
        C: DatabaseConnection<Backend = Self>;

    /// What must be done so that an index follows its table; `None` where it does.
    #[doc(hidden)]
    fn examine<C>(conn: &mut C, entry: &Entry) -> QueryResult<Option<Mending>>
    where
        C: DatabaseConnection<Backend = Self>;

    /// What takes rights away from others that nobody needs, as the first thing of a mending.
    #[doc(hidden)]
    fn protect(_entry: &Entry) -> Vec<Sql<'static>> {
        Vec::new()
    }

    /// Notes all rows of the followed table, and that documents may have no row.
    #[doc(hidden)]
    fn note_all(entry: &Entry) -> Vec<Sql<'static>>;

    /// Works through up to `BATCH` notes, in one transaction.
    #[doc(hidden)]
    fn refresh<C>(
        conn: &mut C,
        entry: &Entry,
        patience: Patience,
    ) -> Result<Refreshed, SearchError>
    where
        C: DatabaseConnection<Backend = Self>;
}

/// What must still hold for a document to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Nothing.
    None,
    /// The document was indexed by an older definition.
    Older,
}

/// Whether to wait for others who write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// As long as the connection waits for any lock.
    Wait,
    /// Not at all.
    Try,
}

/// A part of the notes that was worked through.
#[derive(Debug, Clone, Copy, Default)]
pub struct Refreshed {
    /// How many notes there were.
    pub(crate) notes: usize,
    /// How many rows they were about.
    pub(crate) rows: usize,
}

/// What must be done so that an index follows its table.
#[derive(Debug)]
pub struct Mending {
    pub(crate) cause: Cause,
    /// Makes notes and triggers, and notes all rows.
    pub(crate) statements: Vec<Sql<'static>>,
}

/// Why an index had stopped following its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The table is not the one that was followed: it was dropped and created again, rebuilt,
    /// or restored.
    Table,
    /// The struct names another table, key or column than before, and the table that was
    /// followed was renamed, dropped or changed.
    Renamed,
    /// The key or a field is another column than the one that was followed: it was dropped and
    /// added again, renamed, or given another type.
    Columns,
    /// Partitions or inheriting tables came or went, if only for a while. PostgreSQL only.
    Partitions,
    /// Triggers, or what they write to, were missing, disabled or altered, as after
    /// `pg_restore --disable-triggers`.
    Triggers,
    /// An earlier version of this library made the triggers.
    Version,
}

/// The documents in as many parts as they take statements.
pub(crate) fn batches<'d, DB: SearchEngine>(
    entry: &Entry,
    documents: DocumentBatch<'d>,
    bind_limit: usize,
) -> impl Iterator<Item = DocumentBatch<'d>> {
    documents.parts(move |left| DB::batch(entry, left, bind_limit))
}

/// A connection that can be searched on: every one of this library.
pub trait SearchDatabase:
    AnyDatabase<
        Sqlite: DatabaseConnection<Backend: SearchEngine>,
        Libsql: DatabaseConnection<Backend: SearchEngine>,
        D1: DatabaseConnection<Backend: SearchEngine>,
        Postgres: DatabaseConnection<Backend: SearchEngine>,
    >
{
}

impl<C> SearchDatabase for C where
    C: AnyDatabase<
            Sqlite: DatabaseConnection<Backend: SearchEngine>,
            Libsql: DatabaseConnection<Backend: SearchEngine>,
            D1: DatabaseConnection<Backend: SearchEngine>,
            Postgres: DatabaseConnection<Backend: SearchEngine>,
        >
{
}

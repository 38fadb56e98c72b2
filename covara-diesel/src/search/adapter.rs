//! The operations on an index.

use covara_derive::any_adapter;
use diesel::query_builder::QueryFragment;
use serde::Serialize;

use super::any::Fts;
use super::definition::{IndexDefinition, check_name};
use super::engine::SearchEngine;
use super::entry::Entry;
use super::error::SearchError;
use super::follow::Followed;
use super::query::{SearchQuery, SearchResult};
use super::reindex::{self, Columns, Reindexed};
use super::searchable::Searchable;
use super::{catalogue, find, follow, refresh, write};
use crate::backend::connection::BackendConnection;
use crate::backend::sealed::Sealed;
use crate::backend::typed::{AsTyped, area_database, with_typed};

/// An engine that has all features of search. A feature with SQL of its own adds its trait here.
pub trait AdapterEngine: SearchEngine {}

impl<DB: SearchEngine> AdapterEngine for DB {}

area_database! {
    /// A connection that can be searched on. Every connection of this library is one.
    SearchDatabase: AdapterEngine
}

/// Full-text search in your application's database.
///
/// Implemented by `SqliteFts` and `PostgresFts`, and
/// [`Fts`] has the same methods for any connection. None holds any state. Every method takes
/// part in the transaction that is open on the connection: if that rolls back, the method's changes
/// are undone.
///
/// See the [module](super) for an example, and for which documents are found and in which order.
///
/// This trait is sealed: only this crate can implement it.
#[any_adapter(Fts)]
pub trait SearchAdapter: Sealed {
    /// The backend of the connections it works on.
    type Backend: AdapterEngine;

    /// Creates an index and returns whether it is new. An index with the same fields may already
    /// exist; if an earlier version of this library created it, with other words, it is brought up
    /// to date, see [`search::reindex`](super::reindex()).
    ///
    /// # Errors
    ///
    /// [`SearchError::IndexDiffers`] if the index exists with other fields; an invalid name or
    /// field; errors of the database.
    fn create_index<C>(
        &self,
        conn: &mut C,
        index: &str,
        definition: &IndexDefinition,
    ) -> Result<bool, SearchError>
    where
        C: BackendConnection<Backend = Self::Backend>,
    {
        check_name(index, "index")?;
        definition.check()?;
        catalogue::create(conn, index, definition).map(|(_, new)| new)
    }

    /// Returns whether an index of that name exists.
    ///
    /// # Errors
    ///
    /// Errors of the database.
    fn index_exists<C>(&self, conn: &mut C, index: &str) -> Result<bool, SearchError>
    where
        C: BackendConnection<Backend = Self::Backend>,
    {
        Ok(catalogue::find(conn, index)?.is_some())
    }

    /// Returns the definition of an index, or `None` when no index of that name exists.
    ///
    /// # Errors
    ///
    /// Errors of the database.
    fn definition<C>(
        &self,
        conn: &mut C,
        index: &str,
    ) -> Result<Option<IndexDefinition>, SearchError>
    where
        C: BackendConnection<Backend = Self::Backend>,
    {
        Ok(catalogue::find(conn, index)?.map(|entry| entry.definition))
    }

    /// Removes an index with all its documents and returns whether it existed.
    ///
    /// # Errors
    ///
    /// Errors of the database.
    fn delete_index<C>(&self, conn: &mut C, index: &str) -> Result<bool, SearchError>
    where
        C: BackendConnection<Backend = Self::Backend>,
    {
        catalogue::delete(conn, index)
    }

    /// Adds fields to an index. Documents written from now on have them; for existing documents,
    /// call [`reindex`](Self::reindex) until it is done.
    ///
    /// On SQLite, in a file or in memory, an index created with at most eight searched fields has
    /// room for eight. Adding a ninth indexes all its documents again at once, in one transaction.
    ///
    /// # Errors
    ///
    /// A field of that name exists already, or is invalid; the index does not exist; errors of the
    /// database.
    fn add_fields<C>(
        &self,
        conn: &mut C,
        index: &str,
        fields: &IndexDefinition,
    ) -> Result<(), SearchError>
    where
        C: BackendConnection<Backend = Self::Backend>,
    {
        catalogue::add_fields(conn, index, fields)
    }

    /// Indexes up to `documents` documents again that were written before the last
    /// [`add_fields`](Self::add_fields) or by an earlier version of this library, and returns how
    /// many it processed. It returns 0 when none are left. One call processes at most 1,024
    /// documents or 4 MiB of them.
    ///
    /// The progress is stored in the database: after a failure, any process continues from there.
    /// Searches and writes need not wait. [`search::reindex`](super::reindex()) processes all
    /// documents and reports which of them cannot be indexed completely.
    ///
    /// # Errors
    ///
    /// The index does not exist; errors of the database.
    fn reindex<C>(&self, conn: &mut C, index: &str, documents: usize) -> Result<usize, SearchError>
    where
        C: BackendConnection<Backend = Self::Backend>,
    {
        let entry = known(conn, index)?;
        reindex::step(
            conn,
            &entry,
            documents,
            Columns::Add,
            &mut Reindexed::default(),
        )
    }

    /// Writes a document, replacing the one with that id if there is one. The document must be a
    /// JSON object.
    ///
    /// # Errors
    ///
    /// The index does not exist; the document or id cannot be indexed; errors of the database.
    /// Nothing has changed then.
    fn index<C, D>(
        &self,
        conn: &mut C,
        index: &str,
        id: &str,
        document: &D,
    ) -> Result<(), SearchError>
    where
        C: BackendConnection<Backend = Self::Backend>,
        D: Serialize + ?Sized,
    {
        let entry = known(conn, index)?;
        write::one(conn, &entry, id, &write::value(id, document)?)
    }

    /// Writes a document that is JSON text. Halves of surrogate pairs, which JavaScript writes
    /// (`"\ud800"`) and no text can contain, become U+FFFD.
    ///
    /// # Errors
    ///
    /// Those of [`index`](Self::index), and text that is not JSON.
    fn index_json<C>(
        &self,
        conn: &mut C,
        index: &str,
        id: &str,
        json: &str,
    ) -> Result<(), SearchError>
    where
        C: BackendConnection<Backend = Self::Backend>,
    {
        let document = write::parse(id, json)?;
        let entry = known(conn, index)?;
        write::one(conn, &entry, id, &document)
    }

    /// Writes many documents from an iterator, each with its id, and returns how many. If two have
    /// the same id, the last one is kept.
    ///
    /// All or none of them are written, unless the connection does not support transactions that
    /// stay open; in that case each thousand documents are written together.
    ///
    /// # Errors
    ///
    /// Those of [`index`](Self::index).
    fn index_many<C, I, D>(
        &self,
        conn: &mut C,
        index: &str,
        documents: impl IntoIterator<Item = (I, D)>,
    ) -> Result<usize, SearchError>
    where
        C: BackendConnection<Backend = Self::Backend>,
        I: AsRef<str>,
        D: Serialize,
    {
        let entry = known(conn, index)?;
        write::many(conn, &entry, documents)
    }

    /// Returns the document with this id, as it was given.
    ///
    /// # Errors
    ///
    /// Errors of the database.
    fn find<C>(
        &self,
        conn: &mut C,
        index: &str,
        id: &str,
    ) -> Result<Option<serde_json::Value>, SearchError>
    where
        C: BackendConnection<Backend = Self::Backend>,
    {
        find::one(conn, index, id)
    }

    /// Removes a document and returns whether it existed.
    ///
    /// # Errors
    ///
    /// Errors of the database.
    fn delete<C>(&self, conn: &mut C, index: &str, id: &str) -> Result<bool, SearchError>
    where
        C: BackendConnection<Backend = Self::Backend>,
    {
        write::delete(conn, index, id)
    }

    /// Returns the documents that match a query. If the index does not exist, there are none.
    ///
    /// # Errors
    ///
    /// The query names fields that the index does not have, or uses a field in a way that its kind
    /// does not support; it has too many words; errors of the database.
    fn search<C>(
        &self,
        conn: &mut C,
        index: &str,
        query: &SearchQuery,
    ) -> Result<SearchResult, SearchError>
    where
        C: BackendConnection<Backend = Self::Backend>,
    {
        find::search(conn, index, query)
    }

    /// Creates an index of a table's rows and keeps it current, whichever program writes to the
    /// table. Call it on every boot.
    ///
    /// Triggers record each write in a note, in the transaction of the write. Every search first
    /// indexes the noted rows, as does [`refresh`](Self::refresh). Existing rows are indexed at
    /// once.
    ///
    /// An existing index is checked. If its triggers are not as expected, or are no longer on the
    /// table, because the table was dropped and created again, rebuilt, renamed, restored, or given
    /// other partitions, they are repaired and all rows are indexed again. [`Followed`] reports the
    /// cause. Checking an intact index costs two queries.
    ///
    /// # Errors
    ///
    /// Those of [`create_index`](Self::create_index), and [`SearchError::NotATable`] for a view.
    fn follow<C, T>(&self, conn: &mut C) -> Result<Followed, SearchError>
    where
        C: BackendConnection<Backend = Self::Backend>,
        T: Searchable,
        T::Table: QueryFragment<<C as AsTyped>::SqliteBackend>
            + QueryFragment<<C as AsTyped>::PostgresBackend>,
    {
        follow::follow::<C, T>(conn)
    }

    /// Indexes the rows that were written to the table an index follows, and returns how many rows.
    ///
    /// Every search does that first, but processes at most 10,000 notes, does not wait for locks,
    /// and does not fail if indexing fails. This method waits for others who index, for as long as
    /// the connection waits for locks, processes all notes, and reports errors. After many writes,
    /// calling it saves the next searches the time.
    ///
    /// # Errors
    ///
    /// The index does not exist; [`SearchError::FollowsNothing`] if its triggers are on no table;
    /// errors of the database.
    fn refresh<C>(&self, conn: &mut C, index: &str) -> Result<usize, SearchError>
    where
        C: BackendConnection<Backend = Self::Backend>,
    {
        let entry = known(conn, index)?;
        refresh::all(conn, &entry)
    }

    /// Indexes all rows of the table an index follows again, removes documents that have no row,
    /// and returns how many rows were indexed.
    ///
    /// Needed only after writes that bypassed the triggers and that [`follow`](Self::follow)
    /// cannot detect, such as an `UPDATE` while they were disabled and then enabled again in their
    /// former mode. If the process is stopped meanwhile, the next search indexes the remaining
    /// rows.
    ///
    /// # Errors
    ///
    /// The index does not exist, or it follows no table; errors of the database.
    fn rebuild<C>(&self, conn: &mut C, index: &str) -> Result<usize, SearchError>
    where
        C: BackendConnection<Backend = Self::Backend>,
    {
        let entry = known(conn, index)?;
        follow::rebuild(conn, entry)
    }

    /// Writes rows as documents of the index that their struct names.
    ///
    /// # Errors
    ///
    /// Those of [`index_many`](Self::index_many).
    fn index_rows<'r, C, T>(
        &self,
        conn: &mut C,
        rows: impl IntoIterator<Item = &'r T>,
    ) -> Result<usize, SearchError>
    where
        C: BackendConnection<Backend = Self::Backend>,
        T: Searchable + 'r,
    {
        let entry = known(conn, T::INDEX)?;
        write::rows(conn, &entry, rows)
    }
}

/// Returns an index that is about to be written to, or an error if it does not exist.
fn known<C>(conn: &mut C, index: &str) -> Result<Entry, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    catalogue::find(conn, index)?.ok_or_else(|| SearchError::UnknownIndex {
        index: index.to_owned(),
    })
}

/// Brings all documents of an index up to date, from their stored sources: after
/// [`add_fields`](super::SearchAdapter::add_fields), or if an earlier version of this library,
/// whose stemmers produced other words, created the index.
///
/// Documents are written in batches of up to 1,024 or 4 MiB, each all or nothing, and the progress
/// is stored in the database. If the process is stopped at any time, any process can continue there.
/// Searches and writes continue meanwhile, and several processes may run it at once.
///
/// A document that cannot be indexed again does not stop the others: a value that does not fit its
/// field is omitted, and an unreadable document is left unchanged. Both are returned, and logged as
/// warnings.
///
/// [`create_index`](super::SearchAdapter::create_index) and
/// [`follow`](super::SearchAdapter::follow), or else the first search, bring an index of an earlier
/// version up to date before they return. Call this function at a time of your choice to spare them
/// the wait. Do so when no program with the earlier version writes to the index any more, as it
/// would write words of that version.
///
/// # Errors
///
/// The index does not exist; errors of the database.
///
/// # Example
///
/// ```
/// use covara_diesel::pool;
/// use covara_diesel::search::{self, Field, IndexDefinition, SearchAdapter, SearchQuery, SqliteFts};
/// use serde_json::json;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = pool::sqlite(":memory:")?;
/// let conn = &mut pool.get()?;
/// SqliteFts.create_index(conn, "places", &IndexDefinition::new().field("name", Field::text()))?;
/// SqliteFts.index(conn, "places", "1", &json!({"name": "Lima", "country": "Peru"}))?;
///
/// SqliteFts.add_fields(conn, "places", &IndexDefinition::new().field("country", Field::text()))?;
/// assert_eq!(search::reindex(conn, "places")?.documents, 1);
/// assert_eq!(SqliteFts.search(conn, "places", &SearchQuery::new("peru"))?.total, 1);
/// assert_eq!(search::reindex(conn, "places")?.documents, 0); // there is nothing left to do
/// # Ok(())
/// # }
/// ```
pub fn reindex<C>(conn: &mut C, index: &str) -> Result<Reindexed, SearchError>
where
    C: SearchDatabase,
{
    with_typed!(conn, |conn| reindex::all(conn, index))
}

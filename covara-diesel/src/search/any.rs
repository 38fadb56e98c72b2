//! Search on a database whose type is known only at run time.

use std::marker::PhantomData;

use diesel::Connection;
use diesel::query_builder::QueryFragment;
use serde::Serialize;

use super::adapter::SearchAdapter;
use super::definition::IndexDefinition;
use super::engine::{SearchDatabase, SearchEngine};
use super::error::SearchError;
use super::follow::Followed;
use super::query::{SearchQuery, SearchResult};
use super::searchable::Searchable;
use crate::backend::sealed::Sealed;
use crate::backend::typed::with_typed;

/// Full-text search on any database: on an [`AnyConnection`](crate::AnyConnection), and on any
/// typed connection.
///
/// Its methods are those of [`SearchAdapter`], with the same results and errors.
///
/// ```
/// use covara_diesel::open;
/// use covara_diesel::search::{Field, Fts, IndexDefinition, SearchQuery};
/// use serde_json::json;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut conn = open(":memory:")?.get()?;
/// let places = IndexDefinition::new().field("name", Field::text());
/// Fts.create_index(&mut conn, "places", &places)?;
/// Fts.index(&mut conn, "places", "1", &json!({"name": "São Paulo"}))?;
///
/// let found = Fts.search(&mut conn, "places", &SearchQuery::new("sao paulo"))?;
/// assert_eq!((found.total, found.hits[0].id.as_str()), (1, "1"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fts;

/// The adapter of one backend.
struct Of<DB>(PhantomData<DB>);

impl<DB> Sealed for Of<DB> {}

impl<DB: SearchEngine> SearchAdapter for Of<DB> {
    type Backend = DB;
}

/// Returns the adapter for a connection.
fn of<C: Connection>(_: &C) -> Of<C::Backend> {
    Of(PhantomData)
}

impl Fts {
    /// Creates an index, as [`SearchAdapter::create_index`] does.
    ///
    /// # Errors
    ///
    /// Those of [`SearchAdapter::create_index`].
    pub fn create_index<C>(
        &self,
        conn: &mut C,
        index: &str,
        definition: &IndexDefinition,
    ) -> Result<bool, SearchError>
    where
        C: SearchDatabase,
    {
        with_typed!(conn, |conn| of(conn).create_index(conn, index, definition))
    }

    /// Returns whether an index of that name exists.
    ///
    /// # Errors
    ///
    /// Those of [`SearchAdapter::index_exists`].
    pub fn index_exists<C>(&self, conn: &mut C, index: &str) -> Result<bool, SearchError>
    where
        C: SearchDatabase,
    {
        with_typed!(conn, |conn| of(conn).index_exists(conn, index))
    }

    /// Returns the definition of an index, or `None` when no index of that name exists.
    ///
    /// # Errors
    ///
    /// Those of [`SearchAdapter::definition`].
    pub fn definition<C>(
        &self,
        conn: &mut C,
        index: &str,
    ) -> Result<Option<IndexDefinition>, SearchError>
    where
        C: SearchDatabase,
    {
        with_typed!(conn, |conn| of(conn).definition(conn, index))
    }

    /// Removes an index with all its documents and returns whether it existed.
    ///
    /// # Errors
    ///
    /// Those of [`SearchAdapter::delete_index`].
    pub fn delete_index<C>(&self, conn: &mut C, index: &str) -> Result<bool, SearchError>
    where
        C: SearchDatabase,
    {
        with_typed!(conn, |conn| of(conn).delete_index(conn, index))
    }

    /// Adds fields to an index, as [`SearchAdapter::add_fields`] does.
    ///
    /// # Errors
    ///
    /// Those of [`SearchAdapter::add_fields`].
    pub fn add_fields<C>(
        &self,
        conn: &mut C,
        index: &str,
        fields: &IndexDefinition,
    ) -> Result<(), SearchError>
    where
        C: SearchDatabase,
    {
        with_typed!(conn, |conn| of(conn).add_fields(conn, index, fields))
    }

    /// Indexes up to `documents` documents again, as [`SearchAdapter::reindex`] does.
    ///
    /// # Errors
    ///
    /// Those of [`SearchAdapter::reindex`].
    pub fn reindex<C>(
        &self,
        conn: &mut C,
        index: &str,
        documents: usize,
    ) -> Result<usize, SearchError>
    where
        C: SearchDatabase,
    {
        with_typed!(conn, |conn| of(conn).reindex(conn, index, documents))
    }

    /// Writes a document, replacing the one with that id if there is one.
    ///
    /// # Errors
    ///
    /// Those of [`SearchAdapter::index`].
    pub fn index<C, D>(
        &self,
        conn: &mut C,
        index: &str,
        id: &str,
        document: &D,
    ) -> Result<(), SearchError>
    where
        C: SearchDatabase,
        D: Serialize + ?Sized,
    {
        with_typed!(conn, |conn| of(conn).index(conn, index, id, document))
    }

    /// Writes a document that is JSON text, as [`SearchAdapter::index_json`] does.
    ///
    /// # Errors
    ///
    /// Those of [`SearchAdapter::index_json`].
    pub fn index_json<C>(
        &self,
        conn: &mut C,
        index: &str,
        id: &str,
        json: &str,
    ) -> Result<(), SearchError>
    where
        C: SearchDatabase,
    {
        with_typed!(conn, |conn| of(conn).index_json(conn, index, id, json))
    }

    /// Writes many documents from an iterator, as [`SearchAdapter::index_many`] does.
    ///
    /// # Errors
    ///
    /// Those of [`SearchAdapter::index_many`].
    pub fn index_many<C, I, D>(
        &self,
        conn: &mut C,
        index: &str,
        documents: impl IntoIterator<Item = (I, D)>,
    ) -> Result<usize, SearchError>
    where
        C: SearchDatabase,
        I: AsRef<str>,
        D: Serialize,
    {
        with_typed!(conn, |conn| of(conn).index_many(conn, index, documents))
    }

    /// Returns the document with this id, as it was given.
    ///
    /// # Errors
    ///
    /// Those of [`SearchAdapter::find`].
    pub fn find<C>(
        &self,
        conn: &mut C,
        index: &str,
        id: &str,
    ) -> Result<Option<serde_json::Value>, SearchError>
    where
        C: SearchDatabase,
    {
        with_typed!(conn, |conn| of(conn).find(conn, index, id))
    }

    /// Removes a document and returns whether it existed.
    ///
    /// # Errors
    ///
    /// Those of [`SearchAdapter::delete`].
    pub fn delete<C>(&self, conn: &mut C, index: &str, id: &str) -> Result<bool, SearchError>
    where
        C: SearchDatabase,
    {
        with_typed!(conn, |conn| of(conn).delete(conn, index, id))
    }

    /// Returns the documents that match a query. If the index does not exist, there are none.
    ///
    /// # Errors
    ///
    /// Those of [`SearchAdapter::search`].
    pub fn search<C>(
        &self,
        conn: &mut C,
        index: &str,
        query: &SearchQuery,
    ) -> Result<SearchResult, SearchError>
    where
        C: SearchDatabase,
    {
        with_typed!(conn, |conn| of(conn).search(conn, index, query))
    }

    /// Creates an index of a table's rows and keeps it current, as [`SearchAdapter::follow`] does.
    ///
    /// # Errors
    ///
    /// Those of [`SearchAdapter::follow`].
    pub fn follow<C, T>(&self, conn: &mut C) -> Result<Followed, SearchError>
    where
        C: SearchDatabase,
        T: Searchable,
        T::Table: QueryFragment<C::SqliteBackend>
            + QueryFragment<C::PostgresBackend>,
    {
        with_typed!(conn, |conn| of(conn).follow::<_, T>(conn))
    }

    /// Indexes the rows that were written to the table an index follows, as
    /// [`SearchAdapter::refresh`] does, and returns how many rows.
    ///
    /// # Errors
    ///
    /// Those of [`SearchAdapter::refresh`].
    pub fn refresh<C>(&self, conn: &mut C, index: &str) -> Result<usize, SearchError>
    where
        C: SearchDatabase,
    {
        with_typed!(conn, |conn| of(conn).refresh(conn, index))
    }

    /// Indexes all rows of the table an index follows again, as [`SearchAdapter::rebuild`] does,
    /// and returns how many.
    ///
    /// # Errors
    ///
    /// Those of [`SearchAdapter::rebuild`].
    pub fn rebuild<C>(&self, conn: &mut C, index: &str) -> Result<usize, SearchError>
    where
        C: SearchDatabase,
    {
        with_typed!(conn, |conn| of(conn).rebuild(conn, index))
    }

    /// Writes rows as documents of the index that their struct names.
    ///
    /// # Errors
    ///
    /// Those of [`SearchAdapter::index_rows`].
    pub fn index_rows<'r, C, T>(
        &self,
        conn: &mut C,
        rows: impl IntoIterator<Item = &'r T>,
    ) -> Result<usize, SearchError>
    where
        C: SearchDatabase,
        T: Searchable + 'r,
    {
        with_typed!(conn, |conn| of(conn).index_rows(conn, rows))
    }
}

//! What can be done with an index.

use serde::Serialize;

use super::definition::{IndexDefinition, check_name};
use super::engine::SearchEngine;
use super::entry::Entry;
use super::error::SearchError;
use super::follow::Followed;
use super::query::{SearchQuery, SearchResult};
use super::reindex::{self, Reindexed};
use super::searchable::Searchable;
use super::{catalogue, find, follow, refresh, write};
use crate::backend::connection::DatabaseConnection;
use crate::backend::sealed::Sealed;

/// Full-text search in your application's database.
///
/// [`SqliteFts`](super::SqliteFts) and [`PostgresFts`](super::PostgresFts) are the two there
/// are. Neither holds any state; every method works in whatever transaction is open on the
/// connection, and what it did is undone with it.
///
/// See the [module](super) for an example, for what is found and in which order.
///
/// This trait is sealed: only this crate can implement it.
pub trait SearchAdapter: Sealed {
    /// The backend of the connections it works on.
    type Backend: SearchEngine;

    /// Makes an index, and says whether it is new. One with the same fields may be there
    /// already; if an earlier version of this library made it, whose words differ, it is brought
    /// up to date, see [`search::reindex`](super::reindex()).
    ///
    /// # Errors
    ///
    /// [`SearchError::IndexDiffers`] if there is one with other fields; a name or field that
    /// is unusable; the database's.
    fn create_index<C>(
        &self,
        conn: &mut C,
        index: &str,
        definition: &IndexDefinition,
    ) -> Result<bool, SearchError>
    where
        C: DatabaseConnection<Backend = Self::Backend>,
    {
        check_name(index, "index")?;
        definition.check()?;
        catalogue::create(conn, index, definition).map(|(_, new)| new)
    }

    /// Whether there is an index of that name.
    ///
    /// # Errors
    ///
    /// The database's.
    fn index_exists<C>(&self, conn: &mut C, index: &str) -> Result<bool, SearchError>
    where
        C: DatabaseConnection<Backend = Self::Backend>,
    {
        Ok(catalogue::find(conn, index)?.is_some())
    }

    /// What an index was made for; `None` when there is none of that name.
    ///
    /// # Errors
    ///
    /// The database's.
    fn definition<C>(
        &self,
        conn: &mut C,
        index: &str,
    ) -> Result<Option<IndexDefinition>, SearchError>
    where
        C: DatabaseConnection<Backend = Self::Backend>,
    {
        Ok(catalogue::find(conn, index)?.map(|entry| entry.definition))
    }

    /// Removes an index with all its documents, and says whether there was one.
    ///
    /// # Errors
    ///
    /// The database's.
    fn delete_index<C>(&self, conn: &mut C, index: &str) -> Result<bool, SearchError>
    where
        C: DatabaseConnection<Backend = Self::Backend>,
    {
        catalogue::delete(conn, index)
    }

    /// Adds fields to an index. Documents written from now on have them; for those that are
    /// there call [`reindex`](Self::reindex) until it is done.
    ///
    /// On SQLite, in a file or in memory, an index that was made with eight searched fields or
    /// fewer has room for eight. One more has all its documents indexed again at once, in one
    /// transaction.
    ///
    /// # Errors
    ///
    /// A field of that name is there already, or is unusable; there is no such index; the
    /// database's.
    fn add_fields<C>(
        &self,
        conn: &mut C,
        index: &str,
        fields: &IndexDefinition,
    ) -> Result<(), SearchError>
    where
        C: DatabaseConnection<Backend = Self::Backend>,
    {
        catalogue::add_fields(conn, index, fields)
    }

    /// Takes up to `documents` documents from before the last [`add_fields`](Self::add_fields),
    /// or of an earlier version of this library, indexes them again, and returns how many there
    /// were. 0: there are none left. It takes 1,024 documents or 4 MiB of them at most.
    ///
    /// Where it has come to is in the database: it goes on there after a failure, in any
    /// process. Searches and writes need not wait for it. [`search::reindex`](super::reindex())
    /// does all of it, and tells which documents cannot be indexed as they should.
    ///
    /// # Errors
    ///
    /// There is no such index; the database's.
    fn reindex<C>(&self, conn: &mut C, index: &str, documents: usize) -> Result<usize, SearchError>
    where
        C: DatabaseConnection<Backend = Self::Backend>,
    {
        let entry = known(conn, index)?;
        reindex::step(conn, &entry, documents, &mut Reindexed::default())
    }

    /// Writes a document, in place of the one with that id if there is one. It must be a JSON
    /// object.
    ///
    /// # Errors
    ///
    /// There is no such index; a document or id that cannot be indexed; the database's. Then
    /// nothing has changed.
    fn index<C, D>(
        &self,
        conn: &mut C,
        index: &str,
        id: &str,
        document: &D,
    ) -> Result<(), SearchError>
    where
        C: DatabaseConnection<Backend = Self::Backend>,
        D: Serialize + ?Sized,
    {
        let entry = known(conn, index)?;
        write::one(conn, &entry, id, &write::value(id, document)?)
    }

    /// The same with a document that is JSON text. Halves of surrogate pairs, which JavaScript
    /// writes (`"\ud800"`) and no text can have, become U+FFFD.
    ///
    /// # Errors
    ///
    /// As [`index`](Self::index), and for text that is not JSON.
    fn index_json<C>(
        &self,
        conn: &mut C,
        index: &str,
        id: &str,
        json: &str,
    ) -> Result<(), SearchError>
    where
        C: DatabaseConnection<Backend = Self::Backend>,
    {
        let document = write::parse(id, json)?;
        let entry = known(conn, index)?;
        write::one(conn, &entry, id, &document)
    }

    /// Writes many documents, streamed, each with its id, and returns how many. Of two with
    /// one id the last stays.
    ///
    /// All or none of them, unless the connection has no transactions that stay open; there
    /// every thousand are.
    ///
    /// # Errors
    ///
    /// As [`index`](Self::index).
    fn index_many<C, I, D>(
        &self,
        conn: &mut C,
        index: &str,
        documents: impl IntoIterator<Item = (I, D)>,
    ) -> Result<usize, SearchError>
    where
        C: DatabaseConnection<Backend = Self::Backend>,
        I: AsRef<str>,
        D: Serialize,
    {
        let entry = known(conn, index)?;
        write::many(conn, &entry, documents)
    }

    /// The document with this id, as it was given.
    ///
    /// # Errors
    ///
    /// The database's.
    fn find<C>(
        &self,
        conn: &mut C,
        index: &str,
        id: &str,
    ) -> Result<Option<serde_json::Value>, SearchError>
    where
        C: DatabaseConnection<Backend = Self::Backend>,
    {
        find::one(conn, index, id)
    }

    /// Removes a document and says whether it was there.
    ///
    /// # Errors
    ///
    /// The database's.
    fn delete<C>(&self, conn: &mut C, index: &str, id: &str) -> Result<bool, SearchError>
    where
        C: DatabaseConnection<Backend = Self::Backend>,
    {
        write::delete(conn, index, id)
    }

    /// The documents that match a query. Of an index that is not there, none.
    ///
    /// # Errors
    ///
    /// The query names fields that the index has not, or asks of them what they do not
    /// offer; it has too many words; the database's.
    fn search<C>(
        &self,
        conn: &mut C,
        index: &str,
        query: &SearchQuery,
    ) -> Result<SearchResult, SearchError>
    where
        C: DatabaseConnection<Backend = Self::Backend>,
    {
        find::search(conn, index, query)
    }

    /// Makes an index of a table's rows and keeps it current, whoever writes to the table.
    /// Call it on every boot.
    ///
    /// Triggers note each write in its transaction; every search first indexes what was noted,
    /// as does [`refresh`](Self::refresh). The rows that are there are indexed at once.
    ///
    /// An index that is there is examined. If its triggers are not as they must be, or are not
    /// on the table any more, because the table was dropped and created again, rebuilt, renamed,
    /// restored, or given other partitions, then they are mended and all rows indexed again.
    /// [`Followed`] says which of this was so. An index that is as it must be costs two queries.
    ///
    /// # Errors
    ///
    /// As [`create_index`](Self::create_index).
    fn follow<C, T>(&self, conn: &mut C) -> Result<Followed, SearchError>
    where
        C: DatabaseConnection<Backend = Self::Backend>,
        T: Searchable,
        T::Table: diesel::query_builder::QueryFragment<Self::Backend>,
    {
        follow::follow::<C, T>(conn)
    }

    /// Indexes what was written to the table that an index follows, and returns how many rows.
    ///
    /// Every search does that first, but for no more than 10,000 notes, without waiting for
    /// anybody, and without failing if it cannot be done. This waits for others who index, as
    /// long as the connection waits for locks, does all there is, and says why it cannot. After
    /// many writes it saves the next searches the time.
    ///
    /// # Errors
    ///
    /// There is no such index; [`SearchError::FollowsNothing`] if its triggers are on no table;
    /// the database's.
    fn refresh<C>(&self, conn: &mut C, index: &str) -> Result<usize, SearchError>
    where
        C: DatabaseConnection<Backend = Self::Backend>,
    {
        let entry = known(conn, index)?;
        refresh::all(conn, &entry)
    }

    /// Indexes all rows of the table that an index follows again, removes documents that have no
    /// row, and returns how many rows were indexed.
    ///
    /// Needed only where writes went past the triggers and [`follow`](Self::follow) cannot see
    /// that, as after `UPDATE` while they were disabled and then enabled as they had been. A
    /// process that is stopped meanwhile leaves the rest to the next search.
    ///
    /// # Errors
    ///
    /// There is no such index, or it follows no table; the database's.
    fn rebuild<C>(&self, conn: &mut C, index: &str) -> Result<usize, SearchError>
    where
        C: DatabaseConnection<Backend = Self::Backend>,
    {
        let entry = known(conn, index)?;
        follow::rebuild(conn, entry)
    }

    /// Writes rows as documents of the index that their struct names.
    ///
    /// # Errors
    ///
    /// As [`index_many`](Self::index_many).
    fn index_rows<'r, C, T>(
        &self,
        conn: &mut C,
        rows: impl IntoIterator<Item = &'r T>,
    ) -> Result<usize, SearchError>
    where
        C: DatabaseConnection<Backend = Self::Backend>,
        T: Searchable + 'r,
    {
        let entry = known(conn, T::INDEX)?;
        write::rows(conn, &entry, rows)
    }
}

/// The index that is going to be written to.
fn known<C>(conn: &mut C, index: &str) -> Result<Entry, SearchError>
where
    C: DatabaseConnection<Backend: SearchEngine>,
{
    catalogue::find(conn, index)?.ok_or_else(|| SearchError::UnknownIndex {
        index: index.to_owned(),
    })
}

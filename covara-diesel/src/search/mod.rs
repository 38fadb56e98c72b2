//! Full-text search in SQLite and PostgreSQL, without another service.
//!
//! [`SqliteFts`] keeps its words in a table of FTS5, [`PostgresFts`] in a `tsvector` with a GIN
//! index, and [`Fts`] is the one of the two that the connection needs. They hold no state: what an
//! index is made for is in the database, and a new process searches at once. Every method takes the
//! connection and works in whatever transaction is open on it, so that a document changes together
//! with the rows it was made of.
//!
//! ```
//! use covara_diesel::pool;
//! use covara_diesel::search::{
//!     Field, Filter, Highlight, IndexDefinition, Language, SearchAdapter, SearchQuery, Sort,
//!     SqliteFts,
//! };
//! use serde_json::json;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pool = pool::sqlite(":memory:")?;
//! let conn = &mut pool.get()?;
//! let articles = IndexDefinition::new()
//!     .field("title", Field::text().language(Language::English).weight(3.0))
//!     .field("body", Field::text().language(Language::English))
//!     .field("tag", Field::keyword())
//!     .field("published", Field::date());
//! SqliteFts.create_index(conn, "articles", &articles)?; // on every boot
//!
//! SqliteFts.index_many(conn, "articles", [
//!     ("1", json!({"title": "Running SQLite", "body": "One file is enough.", "tag": "databases"})),
//!     ("2", json!({"title": "Run!", "body": "To São Paulo", "published": "2024-05-01"})),
//! ])?;
//!
//! let query = SearchQuery::new("runs").highlight(Highlight::new());
//! let found = SqliteFts.search(conn, "articles", &query)?;
//! assert_eq!(found.total, 2);
//! assert_eq!(found.hits[0].id, "2"); // the shorter one
//! assert_eq!(found.hits[1].highlights["title"], ["<em>Running</em> SQLite"]);
//!
//! let query = SearchQuery::new("\"sao paulo\" -sqlite")
//!     .syntax()
//!     .filter(Filter::range("published", "2024-01-01"..))
//!     .sort(Sort::descending("published"));
//! assert_eq!(SqliteFts.search(conn, "articles", &query)?.total, 1);
//!
//! assert!(SqliteFts.delete(conn, "articles", "2")?);
//! # Ok(())
//! # }
//! ```
//!
//! # What is found
//!
//! A document is found if it has every word of the query, each in any of the fields that are
//! looked in, whole or in another form of the field's [`Language`]. The words are made here, in
//! the same way for both engines, so that both find the same documents:
//!
//! - A word is a run of letters and digits; anything else only stands between words. What
//!   stands together in the query, as `john's` or `Xeraco,Jaraco`, must stand side by side in
//!   the document.
//! - Upper and lower case, and the several ways in which Unicode spells one text, do not matter,
//!   nor do accents and strokes of Latin, Greek and Cyrillic letters, unless the field
//!   [keeps them](Field::keep_accents). In a language but
//!   English the stemmer sees the accents: where one changes the stem, as in French, a query
//!   without it may miss.
//! - Chinese, Japanese, Korean, Thai, Lao, Khmer and Burmese are found by any part: `東京` finds
//!   `東京タワー`.
//! - No word is too common to be looked for. Words are compared by their first 255 bytes.
//!
//! With [`SearchQuery::syntax`](method@SearchQuery::syntax) there are also `"phrases"`, beginnings of words (`auto*`) and
//! exclusions (`-slow`); without, these signs mean nothing. A beginning is compared with
//! stems in a field of a language (`runn*` does not find *running*, which is there as `run`;
//! `running*` and `ru*` do): to search while somebody types, give a field without a language.
//! Words of both engines' own languages (`AND`, `NEAR`, `<->`) are words like any others, and no
//! query is wrong. A blank one finds nothing and asks the database nothing.
//!
//! # In which order
//!
//! By score, and equals by id, so that pages neither repeat nor lose a hit; or by fields
//! ([`Sort`]). The score is the engine's: [`bm25()`](https://sqlite.org/fts5.html#the_bm25_function)
//! on SQLite, where rare words count for more;
//! [`ts_rank`](https://www.postgresql.org/docs/current/textsearch-controls.html#TEXTSEARCH-RANKING)
//! divided by 1 + the logarithm of the length on PostgreSQL, which does not know how rare a
//! word is. On both more occurrences in shorter documents are better, and weights of fields,
//! in the definition or the query, say how much each counts. So the order is not the same on
//! both, and scores can be compared within one query only.
//!
//! # Wide queries
//!
//! To tell the best of all matches each must be ranked: about a microsecond per match on
//! SQLite, two or three on PostgreSQL. Where a query may match tens of thousands of documents,
//! [`SearchQuery::bound`](method@SearchQuery::bound) says how many are enough. Pages far behind are best reached by
//! [`SearchQuery::cursor`](method@SearchQuery::cursor).
//!
//! # Rows as documents
//!
//! With `#[derive(Searchable)]` rows of a Diesel model are documents, and
//! [`SearchAdapter::follow`] keeps an index of their table current for every write to it,
//! by whatever program. Triggers note the keys that were written, and the next search indexes
//! those rows before it looks, so that it sees what has been committed.
//!
//! ```
//! use covara_diesel::pool;
//! use covara_diesel::search::{SearchAdapter, SearchQuery, Searchable, SqliteFts};
//! use diesel::connection::SimpleConnection;
//!
//! diesel::table! {
//!     cities (id) {
//!         id -> BigInt,
//!         name -> Text,
//!         country_code -> Text,
//!     }
//! }
//!
//! #[derive(Searchable)]
//! #[diesel(table_name = cities)]
//! struct City {
//!     #[searchable(id)]
//!     id: i64,
//!     #[searchable(text)]
//!     name: String,
//!     #[searchable(keyword, unsearched)]
//!     #[diesel(column_name = country_code)]
//!     country: String,
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let pool = pool::sqlite(":memory:")?;
//! # let conn = &mut pool.get()?;
//! # conn.batch_execute(
//! #     "CREATE TABLE cities (id BIGINT PRIMARY KEY NOT NULL, name TEXT NOT NULL,
//! #          country_code TEXT NOT NULL)",
//! # )?;
//! SqliteFts.follow::<_, City>(conn)?; // on every boot
//! conn.batch_execute("INSERT INTO cities VALUES (1, 'Ñuñoa', 'CL')")?; // anybody
//! let found = SqliteFts.search(conn, City::INDEX, &SearchQuery::new("nunoa"))?;
//! assert_eq!(found.hits[0].source["country"], "CL");
//! # Ok(())
//! # }
//! ```
//!
//! A search never waits for anybody who writes, and never fails because of what it indexes
//! first: it works through up to 10,000 notes, if nobody else is at it and the connection may
//! write, and then searches what is indexed. So it finds at least what was committed when the
//! last search or [`refresh`](SearchAdapter::refresh) by a connection with the right to write
//! was done; on PostgreSQL, a transaction that has searched keeps others from indexing until it
//! ends. A role that is to search needs `SELECT` on the tables `__covara_search_…`; one that is
//! to index, all rights on them and `SELECT` on the table. Where row-level security hides rows
//! from a role, it does not index.
//!
//! `follow` looks for a table that is named without a schema in the `search_path` on PostgreSQL, and
//! in the schema `main` on SQLite, temporary tables aside. From then on the rows are read from the
//! table that the triggers are on, whatever else is called so in a connection.
//!
//! A document has the text of its row's key as its id. So keys that the database holds to be equal,
//! as `A` and `a` of a column without case, or 1.0 and 1.00, are different documents. On PostgreSQL
//! the text of a date, a moment, an interval, bytes or money depends on settings (`DateStyle`,
//! `TimeZone`, `IntervalStyle`, `bytea_output`, `lc_monetary`): with such a key, all connections
//! that search must have the same.
//!
//! On PostgreSQL all of an index is in one schema, that of the first `__covara_search_indexes` in
//! the `search_path`, or the first schema of the path. Where everybody may create tables in it,
//! they must belong to a role that there is a reason to trust; see
//! [`SearchError::StrangersTable`].
//!
//! The triggers never fail a write of yours: they note no NULL as a key, and do nothing where
//! they cannot, as after a change of the key's name or type, or of the schema's on PostgreSQL.
//! [`follow`](SearchAdapter::follow) sees at the next boot that the table was dropped and created
//! again, rebuilt, renamed or restored, that the key or a field is another column, that partitions came, went, or were detached
//! and attached again, or that the triggers are missing or disabled; it mends what is wrong, indexes
//! all rows again, and [says why](Followed). [`rebuild`](SearchAdapter::rebuild) does so at any time.
//!
//! Call `rebuild` after what `follow` cannot see:
//!
//! - writes while the triggers were disabled, if they were then enabled as they had been;
//! - on PostgreSQL, `ALTER COLUMN … TYPE … USING` with the type that the column has, or another
//!   length or precision of it;
//! - on PostgreSQL, partitions that the transaction of a `follow` attached, detached, changed and
//!   attached again after it;
//! - on SQLite, the last column of a table, dropped and added again under its name.
//!
//! Until the next `follow`, documents of a partition that was dropped or detached are found, and rows
//! of one that was attached are not; so are documents of one that is newer than the last `follow` and
//! was truncated.
//!
//! On PostgreSQL the triggers fire for replicated writes too; their function is the index's own,
//! executes no SQL but its own, and nobody but its owner may execute it.
//!
//! On SQLite a row that `REPLACE` removes because of another unique constraint than its key
//! is not noted unless `PRAGMA recursive_triggers` is on: SQLite runs no trigger for it. A value
//! that does not fit its field is left out of the index.
//!
//! # Fields that come later
//!
//! [`SearchAdapter::add_fields`] extends an index while it is used. [`reindex`] then brings the
//! documents that are there up to date, in batches, and goes on where it was when a process
//! stops; [`SearchAdapter::reindex`] does as many at a time as you like.
//!
//! # Words of earlier versions
//!
//! A version of this library with other stemmers makes other words of a text in some languages,
//! and a query stemmed by one may miss what the other has indexed. So an index knows
//! [which version made its words](IndexDefinition::words_version), and one whose words would
//! differ now is brought up to date from its stored documents before it is searched: by
//! [`create_index`](SearchAdapter::create_index) and [`follow`](SearchAdapter::follow) at boot, by
//! [`reindex`], or else by the first search. Several thousand documents are done in a second. A
//! search on a connection that may not write is refused until then, with
//! [`SearchError::Outdated`]. Indexes without a language, and those of a language whose stems have
//! not changed, are searched as they are.
//!
//! End the programs of the earlier version before, or call [`reindex`] after
//! [`add_fields`](SearchAdapter::add_fields) once they have ended: what they write has their words.
//!
//! # Limits
//!
//! - 64 fields, 32 of them searched; ids of 1,000 bytes; 512 words a query; 65,536 values a
//!   filter. Names of indexes
//!   and fields are letters of ASCII, digits and `_`.
//! - PostgreSQL: a document's different words take no more than 1 MiB together, which is
//!   some 100,000 of them; phrases are found among the first 16,383 words of a field, and
//!   among the first 255 occurrences of a word.
//! - A text with NUL is searched and comes back as it was; halves of surrogate pairs become
//!   U+FFFD ([`SearchAdapter::index_json`]).
//! - SQLite 3.43 or later is needed, for FTS5 tables that keep no text and can delete.
//! - Highlights are made here, not by the engines, and so are the same on both.

mod adapter;
mod analysis;
mod any;
mod catalogue;
mod cursor;
pub(crate) mod definition;
mod document;
mod engine;
mod entry;
mod error;
mod find;
mod follow;
mod highlight;
mod marks;
mod pipeline;
mod plan;
mod query;
mod refresh;
mod reindex;
mod searchable;
mod sql;
pub(crate) mod terms;
mod values;
mod write;

pub use adapter::SearchAdapter;
pub use analysis::Language;
pub use any::Fts;
pub use covara_derive::Searchable;
pub use definition::{Field, FieldKind, IndexDefinition};
#[doc(hidden)]
pub use engine::SearchEngine;
pub use engine::{Cause, SearchDatabase};
pub use error::SearchError;
pub use follow::Followed;
pub use query::{Filter, FilterValue, Highlight, SearchHit, SearchQuery, SearchResult, Sort};
pub use reindex::{Reindexed, reindex};
pub use searchable::Searchable;
#[doc(hidden)]
pub use values::SearchValues;

#[cfg(feature = "postgres")]
pub use crate::postgres::search::PostgresFts;
#[cfg(feature = "sqlite")]
pub use crate::sqlite::search::SqliteFts;

pub(crate) use definition::{FieldKind as Kind, FollowedTable};
#[cfg(feature = "postgres")]
pub(crate) use document::Document;
#[cfg(feature = "sqlite")]
pub(crate) use document::Documents;
pub(crate) use document::{DocumentBatch, FieldValue};
#[cfg(feature = "sqlite")]
pub(crate) use engine::batches;
pub(crate) use engine::{Guard, Mending, Patience, Refreshed};
pub(crate) use entry::{CATALOGUE, Entry, EntryRow, Home, integer, text};
pub(crate) use follow::mend_outdated;
pub(crate) use plan::Plan;
pub(crate) use refresh::{BATCH, Noted};
pub(crate) use sql::{Bind, Sql};
pub(crate) use terms::Phrase;
pub(crate) use values::WordSink;

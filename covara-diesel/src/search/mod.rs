//! Full-text search in SQLite and PostgreSQL, without another service.
//!
//! `SqliteFts` stores words in an FTS5 table, `PostgresFts` in a `tsvector` with a GIN index,
//! and [`Fts`] uses the one that suits the connection. They hold no state: the definition of an
//! index is stored in the database, and a new process can search at once. Every method takes the
//! connection and takes part in the transaction that is open on it, so a document changes together
//! with the rows it was made from.
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
//! # Which documents are found
//!
//! A document is found if it contains every word of the query, or
//! [any](method@SearchQuery::any) of them, each in any of the searched fields, whole or in another form according to the field's [`Language`]. This library extracts the words
//! in the same way for both engines, so both find the same documents:
//!
//! - A word is a run of letters and digits, or an emoji; other characters only separate words, except
//!   for the signs of names: `C++`, `C#` and `.NET` do not find *C*, *C* and *net*, but `C` finds *C++*.
//!   Characters that are invisible are ignored. Words that are joined in the query, as in `john's` or
//!   `Xeraco,Jaraco`, must be adjacent in the document.
//! - Upper and lower case and the different Unicode spellings of one text are equal. So are letters
//!   with and without accents and strokes, Latin, Greek and Cyrillic, unless the field [keeps
//!   them](Field::keep_accents). Accents are removed before stemming, so `informacao` finds
//!   *informação* and *informações*, and `е` finds *ё*. Words that differ only in an accent are one
//!   word: `ano` also finds *año*.
//! - Chinese, Japanese, Korean, Thai, Lao, Khmer and Burmese are found by any part: `東京` finds
//!   `東京タワー`.
//! - No word is too common to be searched for. Words are compared by their first 255 bytes.
//!
//! Misspelt words are found by [`SearchQuery::fuzzy`](method@SearchQuery::fuzzy), in fields with this
//! option.
//!
//! In a field with [`Field::joined`], words are found that are joined in another way.
//!
//! With [`SearchQuery::syntax`](method@SearchQuery::syntax) a query can also contain `"phrases"`,
//! beginnings of words (`auto*`) and exclusions (`-slow`); without it, these characters have no
//! meaning. A beginning finds every word that begins so, and in a field with a language also words
//! with its stem: `runn*` finds *running*, and `running*` finds *run*. To search while somebody types,
//! see [`SearchQuery::as_you_type`](method@SearchQuery::as_you_type). If words are joined, as in
//! `quick-runn*`, a beginning need not be adjacent to those before it in a field with a language.
//! Operators of the engines' own query languages (`AND`, `NEAR`, `<->`) are ordinary words, and no
//! query is invalid. A blank query finds nothing and does not access the database.
//!
//! # The order of hits
//!
//! Hits are ordered by score, or by fields ([`Sort`]). Equal hits are ordered by id, so that pages
//! neither repeat nor lose a hit.
//!
//! The documents that a query names come first: those that consist of its words in the field with
//! the highest weight, and then those that begin with them there, on both engines. See
//! [`SearchQuery::exact_first`](method@SearchQuery::exact_first).
//!
//! Among these, and for all others, the engine computes the score: on SQLite
//! [`bm25()`](https://sqlite.org/fts5.html#the_bm25_function), on PostgreSQL for each word
//! [`ts_rank`](https://www.postgresql.org/docs/current/textsearch-controls.html#TEXTSEARCH-RANKING)
//! divided by 1 + the logarithm of the length, times the word's rarity as in `bm25()`. On both, rare
//! words count for more, more occurrences in shorter documents score higher, and the weights of fields,
//! in the definition or the query, set how much each field counts. The order may still differ between
//! the engines, and scores can be compared only within one query. On PostgreSQL the rarity is estimated
//! if there are 2,000 documents or more, by what `ANALYZE` found last; if it has not run, as it has not
//! right after many documents were indexed, all words count the same. With more than 16 words they do,
//! too.
//!
//! # Wide queries
//!
//! To find the best matches, the engine must rank all of them: about a microsecond per match on
//! SQLite, two or three on PostgreSQL. If a query may match tens of thousands of documents,
//! [`SearchQuery::bound`](method@SearchQuery::bound) limits how many are ranked. Distant pages are
//! best reached by [`SearchQuery::cursor`](method@SearchQuery::cursor).
//!
//! # Rows as documents
//!
//! With `#[derive(Searchable)]` the rows of a Diesel model are documents, and
//! [`SearchAdapter::follow`] keeps an index of their table current for every write to it, by any
//! program. Triggers note the keys of written rows, and the next search first indexes those rows,
//! so it sees what has been committed.
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
//! A search never waits for writers, and never fails because of the rows it indexes first: it
//! processes up to 10,000 notes, if no other connection is doing so and its own may write, and then
//! searches the index. It therefore finds at least what was committed when a connection with the
//! right to write last completed a search or a [`refresh`](SearchAdapter::refresh). On PostgreSQL,
//! a transaction that has searched keeps others from indexing until it ends. A role that searches
//! needs `SELECT` on the tables `__covara_search_…`; one that indexes needs all rights on them and
//! `SELECT` on the table. If row-level security hides rows from a role, it does not index.
//!
//! On PostgreSQL, `follow` looks up a table named without a schema in the `search_path`; on SQLite,
//! in the schema `main`, which excludes temporary tables. From then on the rows are read from the
//! table that has the triggers, even if a connection has another table of that name.
//!
//! The id of a document is the text of its row's key. Keys that the database treats as equal, such
//! as `A` and `a` in a case-insensitive column, or 1.0 and 1.00, are therefore different documents.
//! Floating-point keys have all digits that distinguish them, whatever the server's default.
//! On PostgreSQL the text of a date, a timestamp, an interval, bytes or money depends on settings
//! (`DateStyle`, `TimeZone`, `IntervalStyle`, `bytea_output`, `lc_monetary`): with such a key, all
//! connections that search must have the same settings.
//!
//! On PostgreSQL all objects of an index are in one schema: that of the first
//! `__covara_search_indexes` in the `search_path`, or the first schema of the path. Where everybody
//! may create tables in it, they must belong to a trusted role; see
//! [`SearchError::StrangersTable`].
//!
//! The triggers never fail a write of yours: they do not note NULL keys, and do nothing where they
//! cannot work, as after a change of the key's name or type, or of the schema's name on PostgreSQL.
//! At the next boot, [`follow`](SearchAdapter::follow) detects that the table was dropped and
//! created again, rebuilt, renamed or restored, that the key or a field is another column, that
//! partitions were added, removed, or detached and attached again, or that the triggers are missing
//! or disabled. It repairs the triggers, indexes all rows again, and [reports the cause](Followed).
//! [`rebuild`](SearchAdapter::rebuild) indexes all rows again at any time.
//!
//! Call `rebuild` after changes that `follow` cannot detect:
//!
//! - writes while the triggers were disabled, if they were then enabled in their former mode;
//! - on PostgreSQL, `ALTER COLUMN … TYPE … USING` with the type that the column already has, or
//!   another length or precision of it;
//! - on PostgreSQL, partitions that the transaction of a `follow` attached, detached, changed
//!   and attached again after that call;
//! - on SQLite, the last column of a table, dropped and added again under its name.
//!
//! Until the next `follow`, documents of a partition that was dropped or detached are still found,
//! and rows of one that was attached are not. Documents of a partition that is newer than the last
//! `follow` and was truncated are still found too.
//!
//! On PostgreSQL the triggers also fire for replicated writes. Their function belongs to the index,
//! executes only its own SQL, and may be executed only by its owner.
//!
//! On SQLite, if `REPLACE` removes a row because of a unique constraint other than its key, the
//! removal is not noted unless `PRAGMA recursive_triggers` is on: SQLite runs no trigger for it. A
//! value that does not fit its field is omitted from the index.
//!
//! # Adding fields
//!
//! [`SearchAdapter::add_fields`] extends an index while it is in use. [`reindex`] then brings the
//! existing documents up to date, in batches, and continues where it stopped if a process ends;
//! [`SearchAdapter::reindex`] processes as many at a time as you like.
//!
//! # Indexes of earlier versions
//!
//! A version of this library may extract other words from a text than another, and a query of one
//! version may miss documents indexed by the other. An index
//! therefore stores [which version produced its words](IndexDefinition::words_version). If the
//! current version would produce other words, the index is brought up to date from its stored
//! documents before it is searched: by [`create_index`](SearchAdapter::create_index) and
//! [`follow`](SearchAdapter::follow) at boot, by [`reindex`], or else by the first search. This
//! processes several thousand documents per second. Until then, a search on a connection that may
//! not write is refused with [`SearchError::Outdated`].
//!
//! Indexes made before version 3 do not know the names of their documents, and order hits by score
//! alone. [`reindex`] adds a column for them; on PostgreSQL only the owner of the index's tables may
//! do that.
//!
//! Stop the programs of the earlier version first. Otherwise, once they have stopped, call
//! [`reindex`] after [`add_fields`](SearchAdapter::add_fields): the documents they write have their
//! words.
//!
//! # Limits
//!
//! - 64 fields, 32 of them searched; ids of 1,000 bytes; 512 words per query; 65,536 values per
//!   filter and 256 conditions per query; 32 ranges per facet. Of
//!   a query, 8 words are corrected. Names of indexes and fields consist of
//!   ASCII letters, digits and `_`.
//! - PostgreSQL: the distinct words of a document take at most 1 MiB together, which is about
//!   100,000 words; phrases are found among the first 16,383 words of a field, and among the first
//!   255 occurrences of a word.
//! - A text with NUL is searched and returned unchanged; halves of surrogate pairs become U+FFFD
//!   ([`SearchAdapter::index_json`]).
//! - SQLite 3.43 or later is needed, for FTS5 tables that store no text and can delete.
//! - This library computes highlights, so they are the same on both engines.

mod adapter;
mod analysis;
mod any;
mod catalogue;
mod condition;
mod cursor;
pub(crate) mod definition;
mod document;
mod engine;
mod entry;
mod error;
mod facet;
mod facet_counts;
mod filter;
mod find;
mod follow;
#[cfg(feature = "_fuzz")]
pub(crate) mod fuzz;
mod highlight;
mod joins;
mod lead;
mod marks;
mod pipeline;
mod plan;
mod query;
mod refresh;
mod reindex;
mod row_value;
mod searchable;
mod spelling;
mod suggestion;
pub(crate) mod terms;
mod values;
mod vocabulary;
mod write;

#[doc(hidden)]
pub use adapter::AdapterEngine;
pub use adapter::{SearchAdapter, SearchDatabase, reindex};
pub use analysis::Language;
pub use any::Fts;
pub use covara_derive::Searchable;
pub use definition::{Field, FieldKind, IndexDefinition};
pub use engine::Cause;
#[doc(hidden)]
pub use engine::SearchEngine;
pub use error::SearchError;
pub use facet::{Facet, FacetCount};
pub use filter::{Filter, FilterValue};
pub use follow::Followed;
pub use query::{Highlight, SearchHit, SearchQuery, SearchResult, Sort};
pub use reindex::Reindexed;
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
pub(crate) use engine::{
    FollowEngine, Guard, IndexEngine, Mending, Patience, ReadEngine, RefreshEngine, Refreshed,
    WriteEngine,
};
pub(crate) use entry::{CATALOGUE, Entry, EntryRow, Home, LEAD};
pub(crate) use follow::mend_outdated;
pub(crate) use plan::{HAS_ALL, Plan};
pub(crate) use refresh::{BATCH, Noted};
pub(crate) use spelling::START;
pub(crate) use terms::Phrase;
pub(crate) use values::WordSink;

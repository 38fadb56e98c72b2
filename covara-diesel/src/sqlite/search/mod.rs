//! Full-text search by FTS5.

mod bulk;
mod follow;
mod list;
mod matching;
mod read;
mod refresh;
mod tables;
mod write;

use diesel::QueryResult;
use diesel::query_builder::AstPass;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Double, Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteType, SqliteValue};

use crate::backend::connection::BackendConnection;
use crate::backend::sealed::Sealed;
use crate::search::{
    Bind, DocumentBatch, Documents, Entry, EntryRow, Guard, Mending, Patience, Plan, Refreshed,
    SearchAdapter, SearchEngine, SearchError, SearchValues, Sql, WordSink,
};

/// Full-text search on SQLite, by FTS5. It needs SQLite 3.43 or later.
///
/// ```
/// use covara_diesel::pool;
/// use covara_diesel::search::{Field, IndexDefinition, SearchAdapter, SearchQuery, SqliteFts};
/// use serde_json::json;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = pool::sqlite(":memory:")?;
/// let mut conn = pool.get()?;
/// let places = IndexDefinition::new().field("name", Field::text());
/// SqliteFts.create_index(&mut conn, "places", &places)?;
/// SqliteFts.index(&mut conn, "places", "1", &json!({"name": "São Paulo"}))?;
///
/// let found = SqliteFts.search(&mut conn, "places", &SearchQuery::new("sao paulo"))?;
/// assert_eq!((found.total, found.hits[0].id.as_str()), (1, "1"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SqliteFts;

impl Sealed for SqliteFts {}

impl SearchAdapter for SqliteFts {
    type Backend = Sqlite;
}

/// A separator between two items of a list. No query contains it, as it is not a letter.
const GAP: &str = "\u{e000}";

/// A writer that separates each field's words by spaces.
#[derive(Debug, Default)]
pub struct SqliteWords {
    /// The field of the previous word.
    slot: Option<usize>,
}

impl WordSink for SqliteWords {
    const PER_FIELD: bool = true;

    fn word(&mut self, slot: usize, word: &str, to: &mut String) {
        if self.slot == Some(slot) {
            to.push(' ');
        }
        self.slot = Some(slot);
        to.push_str(word);
    }

    fn gap(&mut self, slot: usize, to: &mut String) {
        self.word(slot, GAP, to);
    }
}

impl SearchValues for Sqlite {
    type Words = SqliteWords;

    const ONE_OF: (&'static str, &'static str) = list::ONE_OF;

    fn list<'a>(values: Vec<Bind<'a>>) -> Bind<'a> {
        list::json(&values).into()
    }

    fn push_value<'b>(out: &mut AstPass<'_, 'b, Self>, value: &'b Bind<'_>) -> QueryResult<()> {
        match value {
            Bind::Text(text) => out.push_bind_param::<Nullable<Text>, _>(text),
            Bind::Integer(number) => out.push_bind_param::<Nullable<BigInt>, _>(number),
            Bind::Double(number) => out.push_bind_param::<Nullable<Double>, _>(number),
            Bind::Texts(_) | Bind::Integers(_) | Bind::Doubles(_) => {
                Err(Error::QueryBuilderError("SQLite has no arrays".into()))
            }
        }
    }

    fn read_integer(mut value: SqliteValue<'_, '_, '_>) -> Option<i64> {
        (value.value_type() == Some(SqliteType::Long)).then(|| value.read_long())
    }

    fn read_double(mut value: SqliteValue<'_, '_, '_>) -> Option<f64> {
        let number = matches!(
            value.value_type(),
            Some(SqliteType::Double | SqliteType::Long)
        );
        number.then(|| value.read_double())
    }
}

impl SearchEngine for Sqlite {
    fn read_entry<C>(conn: &mut C, name: &str) -> Result<Option<EntryRow>, SearchError>
    where
        C: BackendConnection<Backend = Self>,
    {
        tables::read_entry(conn, name).map_err(SearchError::from)
    }

    fn name_of<C>(conn: &mut C, number: i64) -> Result<Option<String>, SearchError>
    where
        C: BackendConnection<Backend = Self>,
    {
        tables::name_of(conn, number).map_err(SearchError::from)
    }

    fn create_catalogue<C>(conn: &mut C) -> Result<String, SearchError>
    where
        C: BackendConnection<Backend = Self>,
    {
        tables::create_catalogue(conn)?;
        Ok(tables::catalogue())
    }

    /// SQLite allows only one writer at a time.
    fn lock(_: &Entry) -> Option<Sql<'static>> {
        None
    }

    fn create(entry: &Entry, remote: bool) -> Vec<Sql<'static>> {
        tables::create(entry, remote)
    }

    fn extend(entry: &Entry, first: usize) -> Vec<Sql<'static>> {
        tables::extend(entry, first)
    }

    fn make_room<C>(conn: &mut C, entry: &Entry) -> QueryResult<Vec<Sql<'static>>>
    where
        C: BackendConnection<Backend = Self>,
    {
        tables::make_room(conn, entry)
    }

    fn remove(entry: &Entry) -> Vec<Sql<'static>> {
        tables::remove(entry)
    }

    fn batch(entry: &Entry, waiting: usize, bind_limit: usize) -> usize {
        write::batch(entry, waiting, bind_limit)
    }

    fn write<'d>(entry: &Entry, documents: DocumentBatch<'d>, guard: &Guard) -> Vec<Sql<'d>> {
        write::write(entry, documents, guard.into())
    }

    fn write_many<C>(conn: &mut C, entry: &Entry, documents: &mut Documents) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>,
    {
        bulk::write(conn, entry, documents)
    }

    fn delete<'d>(entry: &Entry, ids: &'d [&'d str]) -> Vec<Sql<'d>> {
        write::delete(entry, ids, write::Only::All)
    }

    fn page<'q>(entry: &Entry, plan: &'q Plan<'q>) -> Sql<'q> {
        read::page(entry, plan)
    }

    fn count<'q>(entry: &Entry, plan: &'q Plan<'q>) -> Sql<'q> {
        read::count(entry, plan)
    }

    fn has_table<C>(conn: &mut C, table: &str) -> QueryResult<bool>
    where
        C: BackendConnection<Backend = Self>,
    {
        follow::has_table(conn, table)
    }

    fn examine<C>(conn: &mut C, entry: &Entry) -> QueryResult<Option<Mending>>
    where
        C: BackendConnection<Backend = Self>,
    {
        follow::examine(conn, entry)
    }

    fn note_all(entry: &Entry) -> Vec<Sql<'static>> {
        follow::note_all(entry)
    }

    fn refresh<C>(conn: &mut C, entry: &Entry, patience: Patience) -> Result<Refreshed, SearchError>
    where
        C: BackendConnection<Backend = Self>,
    {
        refresh::refresh(conn, entry, patience)
    }
}

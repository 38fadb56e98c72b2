//! Full-text search with `tsvector` and GIN.

mod follow;
mod lookup;
mod names;
mod read;
mod refresh;
mod tables;
mod words;
mod write;

use diesel::QueryResult;
use diesel::deserialize::FromSql;
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::AstPass;
use diesel::sql_types::{Array, BigInt, Double, Nullable, Text};

use crate::backend::connection::BackendConnection;
use crate::backend::sealed::Sealed;
use crate::search::{
    Bind, DocumentBatch, Entry, EntryRow, Guard, Mending, Patience, Plan, Refreshed, SearchAdapter,
    SearchEngine, SearchError, SearchValues, Sql,
};
use lookup::IndexKey;
use words::PostgresWords;

/// Full-text search on PostgreSQL, with `tsvector` and a GIN index. Needs no extension.
///
/// ```no_run
/// use covara_diesel::pool::{self, PoolDriver};
/// use covara_diesel::search::{Field, IndexDefinition, PostgresFts, SearchAdapter, SearchQuery};
/// use serde_json::json;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = pool::postgres("postgres://app:secret@localhost/app", PoolDriver::Postgres)?;
/// let mut conn = pool.get()?;
/// let places = IndexDefinition::new().field("name", Field::text());
/// PostgresFts.create_index(&mut conn, "places", &places)?;
/// PostgresFts.index(&mut conn, "places", "1", &json!({"name": "São Paulo"}))?;
///
/// let found = PostgresFts.search(&mut conn, "places", &SearchQuery::new("sao paulo"))?;
/// assert_eq!((found.total, found.hits[0].id.as_str()), (1, "1"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PostgresFts;

impl Sealed for PostgresFts {}

impl SearchAdapter for PostgresFts {
    type Backend = Pg;
}

impl SearchValues for Pg {
    type Words = PostgresWords;

    const ONE_OF: (&'static str, &'static str) = (" = ANY (", ")");

    fn list<'a>(values: Vec<Bind<'a>>) -> Bind<'a> {
        list(values)
    }

    fn push_value<'b>(out: &mut AstPass<'_, 'b, Self>, value: &'b Bind<'_>) -> QueryResult<()> {
        match value {
            Bind::Text(text) => out.push_bind_param::<Nullable<Text>, _>(text),
            Bind::Integer(number) => out.push_bind_param::<Nullable<BigInt>, _>(number),
            Bind::Double(number) => out.push_bind_param::<Nullable<Double>, _>(number),
            Bind::Texts(texts) => out.push_bind_param::<Array<Nullable<Text>>, _>(texts),
            Bind::Integers(numbers) => out.push_bind_param::<Array<Nullable<BigInt>>, _>(numbers),
            Bind::Doubles(numbers) => out.push_bind_param::<Array<Nullable<Double>>, _>(numbers),
        }
    }

    fn read_integer(value: PgValue<'_>) -> Option<i64> {
        FromSql::<BigInt, Pg>::from_sql(value).ok()
    }

    fn read_double(value: PgValue<'_>) -> Option<f64> {
        FromSql::<Double, Pg>::from_sql(value).ok()
    }
}

impl SearchEngine for Pg {
    fn read_entry<C>(conn: &mut C, name: &str) -> Result<Option<EntryRow>, SearchError>
    where
        C: BackendConnection<Backend = Self>,
    {
        let found = lookup::find(conn, IndexKey::Name(name))?;
        Ok(found.and_then(|found| found.index).map(|(_, row)| row))
    }

    fn name_of<C>(conn: &mut C, number: i64) -> Result<Option<String>, SearchError>
    where
        C: BackendConnection<Backend = Self>,
    {
        let found = lookup::find(conn, IndexKey::Number(number))?;
        Ok(found.and_then(|found| found.index).map(|(name, _)| name))
    }

    fn create_catalogue<C>(conn: &mut C) -> Result<String, SearchError>
    where
        C: BackendConnection<Backend = Self>,
    {
        tables::create_catalogue(conn)
    }

    fn lock(entry: &Entry) -> Option<Sql<'static>> {
        Some(tables::lock(entry))
    }

    fn create(entry: &Entry, _: bool) -> Vec<Sql<'static>> {
        tables::create(entry)
    }

    fn extend(entry: &Entry, first: usize) -> Vec<Sql<'static>> {
        tables::extend(entry, first)
    }

    fn remove(entry: &Entry) -> Vec<Sql<'static>> {
        tables::remove(entry)
    }

    /// A statement takes its rows as one array per column, so their number does not change its SQL.
    fn batch(_: &Entry, waiting: usize, _: usize) -> usize {
        waiting
    }

    fn write<'d>(entry: &Entry, documents: DocumentBatch<'d>, guard: &Guard) -> Vec<Sql<'d>> {
        vec![write::write(entry, documents, guard)]
    }

    fn delete<'d>(entry: &Entry, ids: &'d [&'d str]) -> Vec<Sql<'d>> {
        vec![write::delete(entry, ids)]
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

    fn protect(entry: &Entry) -> Vec<Sql<'static>> {
        follow::protect(entry)
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

/// Returns an array of the values' type. All values have the type of the first one.
fn list(values: Vec<Bind<'_>>) -> Bind<'_> {
    match values.first() {
        Some(Bind::Integer(_)) => Bind::Integers(
            values
                .into_iter()
                .map(|value| match value {
                    Bind::Integer(number) => number,
                    _ => None,
                })
                .collect(),
        ),
        Some(Bind::Double(_)) => Bind::Doubles(
            values
                .into_iter()
                .map(|value| match value {
                    Bind::Double(number) => number,
                    _ => None,
                })
                .collect(),
        ),
        _ => Bind::Texts(
            values
                .into_iter()
                .map(|value| match value {
                    Bind::Text(text) => text,
                    _ => None,
                })
                .collect(),
        ),
    }
}

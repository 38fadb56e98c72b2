//! Full-text search with `tsvector` and GIN.

mod apart;
mod follow;
#[cfg(feature = "_fuzz")]
pub(crate) mod fuzz;
mod lookup;
mod matching;
mod names;
mod rarity;
mod read;
mod refresh;
mod tables;
mod vocabulary;
mod words;
mod write;

use diesel::deserialize::FromSql;
use diesel::pg::{Pg, PgValue};
use diesel::sql_types::Double;

use crate::backend::sealed::Sealed;
use crate::backend::sql::Bind;
use crate::search::{SearchAdapter, SearchValues};
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

    const EACH: (&'static str, &'static str) = ("jsonb_array_elements_text(", ") AS e (value)");

    const ITEM: &'static str = "e.value COLLATE \"C\"";

    fn list<'a>(values: Vec<Bind<'a>>) -> Bind<'a> {
        list(values)
    }

    fn read_double(value: PgValue<'_>) -> Option<f64> {
        FromSql::<Double, Pg>::from_sql(value).ok()
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

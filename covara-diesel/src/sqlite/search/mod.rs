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

use crate::backend::sealed::Sealed;
use crate::search::{Bind, SearchAdapter, SearchValues, WordSink};

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

//! Full-text search by FTS5.

mod bulk;
mod follow;
mod list;
mod matching;
mod read;
mod refresh;
mod tables;
mod vocabulary;
mod write;

use std::borrow::Cow;

use diesel::sqlite::{Sqlite, SqliteType, SqliteValue};

use crate::backend::sealed::Sealed;
use crate::backend::sql::Bind;
use crate::search::{SearchAdapter, SearchValues, WordSink};

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

/// What precedes a word that is found by its beginnings only. No word contains it either.
const BEGINNING: char = '\u{e001}';

/// The signs that a word can consist of. To FTS5 they separate tokens.
const SIGNS: [char; 3] = ['+', '#', '.'];

/// The first of the characters that stand for [`SIGNS`] in tokens. No word contains them.
const SIGNS_AT: u32 = 0xe100;

/// Returns a word as a token of FTS5.
fn token(word: &str) -> Cow<'_, str> {
    if !word.starts_with(SIGNS) {
        return word.into();
    }
    let signs = word.chars();
    signs
        .filter_map(|sign| char::from_u32(SIGNS_AT + u32::from(sign)))
        .collect()
}

/// A writer that separates each field's words by spaces.
#[derive(Debug, Default)]
pub struct SqliteWords {
    /// The field of the previous word.
    slot: Option<usize>,
}

impl SqliteWords {
    fn separate(&mut self, slot: usize, to: &mut String) {
        if self.slot == Some(slot) {
            to.push(' ');
        }
        self.slot = Some(slot);
    }
}

impl WordSink for SqliteWords {
    const PER_FIELD: bool = true;

    fn word(&mut self, slot: usize, word: &str, to: &mut String) {
        self.separate(slot, to);
        to.push_str(&token(word));
    }

    fn beginning(&mut self, slot: usize, word: &str, to: &mut String) {
        self.separate(slot, to);
        to.push(BEGINNING);
        to.push_str(word);
    }

    fn gap(&mut self, slot: usize, to: &mut String) {
        self.word(slot, GAP, to);
    }
}

impl SearchValues for Sqlite {
    type Words = SqliteWords;

    const ONE_OF: (&'static str, &'static str) = list::ONE_OF;

    const EACH: (&'static str, &'static str) = ("json_each(", ") AS e");

    const ITEM: &'static str = "e.value";

    fn list<'a>(values: Vec<Bind<'a>>) -> Bind<'a> {
        list::json(&values).into()
    }

    fn read_double(mut value: SqliteValue<'_, '_, '_>) -> Option<f64> {
        let number = matches!(
            value.value_type(),
            Some(SqliteType::Double | SqliteType::Long)
        );
        number.then(|| value.read_double())
    }
}

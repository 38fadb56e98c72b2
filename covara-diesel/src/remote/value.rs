//! Values in requests and answers, for every protocol.

use std::borrow::Cow;
use std::ffi::CString;
use std::ops::Range;

use diesel::result::{DatabaseErrorKind, Error, QueryResult};

use super::range::range_in;
use super::sql::{Facts, MARK, rewrite_placeholders, statements, without_marks};

/// A value bound to a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum BoundValue {
    /// NULL.
    Null,
    /// INTEGER.
    Integer(i64),
    /// REAL; never NaN, which SQLite stores as NULL.
    Real(f64),
    /// TEXT.
    Text(String),
    /// BLOB.
    Blob(Vec<u8>),
}

/// A statement in the form that the server receives.
#[derive(Debug, Clone)]
pub struct Statement {
    /// The SQL, in which no placeholder has a name.
    pub sql: String,
    /// The values of the placeholders, by their numbers.
    pub arguments: Vec<BoundValue>,
    pub(super) facts: Facts,
}

impl Statement {
    pub(super) fn new(sql: impl Into<String>, arguments: Vec<BoundValue>) -> Self {
        let sql = sql.into();
        let facts = Facts::of(&sql);
        Self::of_facts(sql, arguments, facts)
    }

    /// Creates a statement whose text has been analysed already.
    pub(super) fn of_facts(sql: String, arguments: Vec<BoundValue>, facts: Facts) -> Self {
        // Servers take values by number, and treat names differently.
        let sql = match facts.has_names {
            true => {
                rewrite_placeholders(&sql, |position| format!("?{}", position.saturating_add(1)))
            }
            false => sql,
        };
        let sql = match sql.contains(MARK) {
            true => without_marks(&sql),
            false => sql,
        };
        Self {
            sql,
            arguments,
            facts,
        }
    }

    /// Returns the statements of a script. Nothing is bound, so every placeholder is NULL.
    pub(super) fn all_of(script: &str) -> QueryResult<Vec<Self>> {
        // A NUL character is an error, as on a file.
        let script = CString::new(script)?;
        let script = script.to_str().unwrap_or_default();
        let all = statements(script).into_iter().map(|sql| {
            let facts = Facts::of(sql);
            let arguments = vec![BoundValue::Null; most_binds(&facts)?];
            Ok(Self::of_facts(sql.to_owned(), arguments, facts))
        });
        all.collect()
    }

    /// Returns the approximate size of the statement as JSON.
    pub(super) fn bytes(&self) -> usize {
        let arguments = self.arguments.iter().map(|value| match value {
            BoundValue::Null | BoundValue::Integer(_) | BoundValue::Real(_) => 24,
            BoundValue::Text(text) => text.len() + 4,
            BoundValue::Blob(bytes) => 2 * bytes.len() + 4,
        });
        self.sql.len() + arguments.sum::<usize>()
    }
}

/// The default `SQLITE_MAX_VARIABLE_NUMBER` of SQLite.
pub(super) const MOST_BINDS: usize = 32_766;

/// Returns the number of a statement's values, or SQLite's own error if there are too many.
pub(super) fn most_binds(facts: &Facts) -> QueryResult<usize> {
    if facts.placeholders > MOST_BINDS {
        return Err(Error::DatabaseError(
            DatabaseErrorKind::Unknown,
            Box::new("too many SQL variables".to_owned()),
        ));
    }
    Ok(facts.placeholders)
}

/// A value of an answer. Unless it was escaped, text is stored as a range of the answer.
#[derive(Debug, PartialEq)]
pub(super) enum AnswerCell {
    Null,
    Integer(i64),
    Real(f64),
    Slice(Range<usize>),
    Text(Box<str>),
    Blob(Box<[u8]>),
}

impl AnswerCell {
    /// Creates the cell for a text of an answer whose text is `body`.
    pub(super) fn of_text(text: Cow<'_, str>, body: &str) -> Self {
        match text {
            Cow::Owned(text) => Self::Text(text.into()),
            Cow::Borrowed(text) => match range_in(body, text) {
                Some(range) => Self::Slice(range),
                None => Self::Text(text.into()),
            },
        }
    }
}

/// The rows of an answer.
#[derive(Debug, Default)]
pub struct ResultRows {
    /// The answer itself, which contains most of the texts.
    pub(super) body: String,
    /// Names of the columns.
    pub(super) columns: Vec<String>,
    pub(super) cells: AnswerCells,
}

/// The values of an answer, row by row.
#[derive(Debug)]
pub(super) enum AnswerCells {
    Listed(Vec<AnswerCell>),
    #[cfg_attr(
        not(feature = "d1"),
        expect(dead_code, reason = "only D1's answers are read late")
    )]
    /// Still in the answer: a list of small values would take many times their space.
    InBody(InBody),
}

impl Default for AnswerCells {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

/// Values that are read from the answer one after the other, when they are requested.
#[derive(Debug)]
pub(super) struct InBody {
    /// Position of the first row.
    pub(super) start: usize,
    pub(super) rows: usize,
    /// For each column, `true` if it contains floating-point numbers.
    pub(super) real: Vec<bool>,
    pub(super) read: CellReader,
}

/// A function that reads the value after the given end of the previous one, and returns it with its
/// end.
pub(super) type CellReader = fn(&str, usize, ColumnPlace) -> Option<(AnswerCell, usize)>;

/// The properties of a column that reading a value depends on.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(
    not(feature = "d1"),
    expect(dead_code, reason = "only D1's answers are read late")
)]
pub(super) struct ColumnPlace {
    pub(super) is_first: bool,
    pub(super) is_real: bool,
}

impl ResultRows {
    pub(super) fn count(&self) -> usize {
        match &self.cells {
            AnswerCells::InBody(cells) => cells.rows,
            AnswerCells::Listed(cells) => cells.len().checked_div(self.columns.len()).unwrap_or(0),
        }
    }

    pub(super) fn text(&self, range: &Range<usize>) -> &str {
        self.body.get(range.clone()).unwrap_or_default()
    }
}

//! Values as they travel, whatever the protocol.

use std::borrow::Cow;
use std::ops::Range;

/// A value that is bound to a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// NULL.
    Null,
    /// INTEGER.
    Integer(i64),
    /// REAL; never NaN, which SQLite holds as NULL.
    Real(f64),
    /// TEXT.
    Text(String),
    /// BLOB.
    Blob(Vec<u8>),
}

/// A statement as the server gets it.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Its SQL.
    pub sql: String,
    /// What its placeholders stand for, in their order.
    pub arguments: Vec<Value>,
}

impl Statement {
    pub(super) fn new(sql: impl Into<String>) -> Self {
        Self {
            sql: sql.into(),
            arguments: Vec::new(),
        }
    }

    /// About how large it is as JSON.
    pub(super) fn bytes(&self) -> usize {
        let arguments = self.arguments.iter().map(|value| match value {
            Value::Null | Value::Integer(_) | Value::Real(_) => 24,
            Value::Text(text) => text.len() + 4,
            Value::Blob(bytes) => 2 * bytes.len() + 4,
        });
        self.sql.len() + arguments.sum::<usize>()
    }
}

/// A value of an answer. Text stays where it is in the answer unless it was escaped.
#[derive(Debug, PartialEq)]
pub(super) enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Slice(Range<usize>),
    Text(Box<str>),
    Blob(Box<[u8]>),
}

impl Cell {
    /// A text of an answer whose text is `body`.
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
pub struct Rows {
    /// The answer itself, which holds most of the texts.
    pub(super) body: String,
    /// Names of the columns.
    pub(super) columns: Vec<String>,
    /// Row by row.
    pub(super) cells: Vec<Cell>,
}

impl Rows {
    pub(super) fn count(&self) -> usize {
        match self.columns.len() {
            0 => 0,
            width => self.cells.len() / width,
        }
    }

    pub(super) fn text(&self, range: &Range<usize>) -> &str {
        self.body.get(range.clone()).unwrap_or_default()
    }
}

/// Where `part` lies in `whole`, if it does.
fn range_in(whole: &str, part: &str) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let range = start..start.checked_add(part.len())?;
    (range.end <= whole.len()).then_some(range)
}

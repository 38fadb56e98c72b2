//! Statements whose text is built when the program runs, and the reading of their rows.

use std::borrow::Cow;

use diesel::QueryResult;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::row::{Field, Row};
use diesel::sql_types::Untyped;

use crate::backend::engine::Engine;

/// A value bound to a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Bind<'a> {
    Text(Option<Cow<'a, str>>),
    Integer(Option<i64>),
    Double(Option<f64>),
    /// Arrays, for PostgreSQL.
    Texts(Vec<Option<Cow<'a, str>>>),
    Integers(Vec<Option<i64>>),
    Doubles(Vec<Option<f64>>),
}

impl<'a> From<Option<&'a str>> for Bind<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::Text(text.map(Cow::Borrowed))
    }
}

impl<'a> From<&'a str> for Bind<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(Cow::Borrowed(text)))
    }
}

impl From<String> for Bind<'_> {
    fn from(text: String) -> Self {
        Self::Text(Some(Cow::Owned(text)))
    }
}

impl From<i64> for Bind<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number))
    }
}

impl From<f64> for Bind<'_> {
    fn from(number: f64) -> Self {
        Self::Double(Some(number))
    }
}

#[derive(Debug, PartialEq)]
enum Piece<'a> {
    Sql(Cow<'a, str>),
    Bind(Bind<'a>),
}

/// A statement under construction. Diesel caches statements by their text, so there must be few
/// texts.
#[derive(Debug, Default, PartialEq)]
pub struct Sql<'a> {
    pieces: Vec<Piece<'a>>,
    once: bool,
}

impl<'a> Sql<'a> {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Creates a statement that is rarely executed twice.
    pub(crate) fn once(sql: impl Into<Cow<'a, str>>) -> Self {
        let mut statement = Self::new();
        statement.push(sql);
        statement.set_once();
        statement
    }

    /// Marks the statement as rarely executed twice.
    pub(crate) fn set_once(&mut self) {
        self.once = true;
    }

    pub(crate) fn push(&mut self, sql: impl Into<Cow<'a, str>>) -> &mut Self {
        let sql = sql.into();
        match self.pieces.last_mut() {
            Some(Piece::Sql(text)) => text.to_mut().push_str(&sql),
            _ => self.pieces.push(Piece::Sql(sql)),
        }
        self
    }

    pub(crate) fn bind(&mut self, value: impl Into<Bind<'a>>) -> &mut Self {
        self.pieces.push(Piece::Bind(value.into()));
        self
    }

    pub fn append(&mut self, other: Self) -> &mut Self {
        self.once |= other.once;
        for piece in other.pieces {
            match piece {
                Piece::Sql(sql) => self.push(sql),
                Piece::Bind(value) => self.bind(value),
            };
        }
        self
    }
}

impl QueryId for Sql<'_> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Sql<'_> {
    type SqlType = Untyped;
}

impl<DB: SqlValues> QueryFragment<DB> for Sql<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if self.once {
            out.unsafe_to_cache_prepared();
        }
        for piece in &self.pieces {
            match piece {
                Piece::Sql(sql) => out.push_sql(sql),
                Piece::Bind(value) => DB::push_value(&mut out, value)?,
            }
        }
        Ok(())
    }
}

/// An engine that such statements bind values to and read numbers from.
pub trait SqlValues: Engine {
    #[doc(hidden)]
    fn push_value<'b>(out: &mut AstPass<'_, 'b, Self>, value: &'b Bind<'_>) -> QueryResult<()>;

    #[doc(hidden)]
    fn read_integer(value: Self::RawValue<'_>) -> Option<i64>;
}

pub(crate) fn integer<'r, DB: SqlValues>(row: &impl Row<'r, DB>, column: usize) -> Option<i64> {
    DB::read_integer(row.get(column)?.value()?)
}

pub(crate) fn text<'r, DB: SqlValues>(row: &impl Row<'r, DB>, column: usize) -> Option<String> {
    with_text(row, column, str::to_owned)
}

pub(crate) fn with_text<'r, DB: SqlValues, R>(
    row: &impl Row<'r, DB>,
    column: usize,
    read: impl FnOnce(&str) -> R,
) -> Option<R> {
    DB::read_text(row.get(column)?.value()?, read)
}

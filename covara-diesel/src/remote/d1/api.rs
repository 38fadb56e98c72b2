//! The messages of Cloudflare's API for D1.
//!
//! <https://developers.cloudflare.com/api/resources/d1/subresources/database/methods/raw/>

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use diesel::result::QueryResult;
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::check;
use crate::remote::error::{malformed, not_of_protocol, unsendable};
use crate::remote::grid::Grid;
use crate::remote::range::range_in;
use crate::remote::sql::rewrite_placeholders;
use crate::remote::value::{
    AnswerCell, AnswerCells, BoundValue, ColumnPlace, InBody, ResultRows, Statement,
};

/// JSON numbers become doubles on the way; beyond this, several whole numbers share one double.
const MOST_EXACT: u64 = (1 << 53) - 1;
/// Doubles above it cannot be rounded 64-bit integers. JavaScript writes the largest of those as
/// 9223372036854776000.
const BEYOND_INTEGERS: f64 = 9_223_372_036_854_777_000.0;

#[derive(serde::Serialize)]
#[serde(untagged)]
pub(super) enum Request<'a> {
    One(Query<'a>),
    Batch { batch: Vec<Query<'a>> },
}

#[derive(serde::Serialize)]
pub(super) struct Query<'a> {
    sql: Cow<'a, str>,
    params: Vec<Parameter<'a>>,
}

impl<'a> Query<'a> {
    /// Builds the query. Integers and blobs are sent as text and converted back by SQL: D1 binds
    /// integers sent as JSON numbers as floating-point numbers, which divide and print differently
    /// and lose digits beyond 2⁵³. The plus keeps a CAST from applying its affinity to comparisons.
    pub(super) fn new(statement: &'a Statement) -> QueryResult<Self> {
        let infinite =
            |value: &BoundValue| matches!(value, BoundValue::Real(number) if !number.is_finite());
        if statement.arguments.iter().any(infinite) {
            return Err(unsendable("D1's protocol cannot carry infinity"));
        }
        let sql = if statement.arguments.is_empty() {
            Cow::Borrowed(statement.sql.as_str())
        } else {
            Cow::Owned(rewrite_placeholders(&statement.sql, |position| {
                let number = position.saturating_add(1);
                match statement.arguments.get(position) {
                    Some(BoundValue::Integer(_)) => format!("(+CAST(?{number} AS INTEGER))"),
                    Some(BoundValue::Blob(_)) => format!("unhex(?{number})"),
                    _ => format!("?{number}"),
                }
            }))
        };
        Ok(Self {
            sql,
            params: statement.arguments.iter().map(Parameter).collect(),
        })
    }

    /// Returns the query for how many rows the statement before it changed, without those of
    /// triggers.
    pub(super) fn changes() -> Self {
        Self {
            sql: Cow::Borrowed("SELECT changes()"),
            params: Vec::new(),
        }
    }
}

struct Parameter<'a>(&'a BoundValue);

impl Serialize for Parameter<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            BoundValue::Null => serializer.serialize_unit(),
            BoundValue::Integer(number) => serializer.collect_str(number),
            BoundValue::Real(number) => serializer.serialize_f64(*number),
            BoundValue::Text(text) => serializer.serialize_str(text),
            BoundValue::Blob(bytes) => {
                serializer.serialize_str(&data_encoding::HEXUPPER.encode(bytes))
            }
        }
    }
}

#[derive(serde::Deserialize)]
pub(super) struct ApiReply<'a> {
    pub(super) success: bool,
    #[serde(default)]
    pub(super) errors: Vec<ServerError>,
    #[serde(borrow, default)]
    pub(super) result: Option<Vec<StatementResult<'a>>>,
}

#[derive(serde::Deserialize)]
pub(super) struct ServerError {
    #[serde(default)]
    pub(super) code: i64,
    pub(super) message: String,
}

#[derive(serde::Deserialize)]
pub(super) struct StatementResult<'a> {
    #[serde(borrow)]
    results: Table<'a>,
    #[serde(default)]
    meta: Meta,
}

#[derive(Default, serde::Deserialize)]
struct Meta {
    #[serde(default)]
    changes: Option<f64>,
}

#[derive(serde::Deserialize)]
struct Table<'a> {
    columns: Vec<String>,
    #[serde(borrow)]
    rows: &'a RawValue,
}

pub(super) enum Received<'a> {
    Null,
    Integer(i64),
    /// A whole number that may have been rounded.
    Rounded(f64),
    Real(f64),
    Text(Cow<'a, str>),
    Blob(Box<[u8]>),
}

/// With equal sizes, a list of one is converted in place to a list of the other.
const _: () = assert!(size_of::<Received<'_>>() == size_of::<AnswerCell>());

impl StatementResult<'_> {
    /// Returns whether the statement changed anything, including rows changed by triggers.
    pub(super) fn changed_anything(&self) -> bool {
        self.meta.changes != Some(0.0)
    }

    /// Returns the single number that a query yields.
    pub(super) fn number(&self) -> QueryResult<usize> {
        let rows: Grid<Received<'_>> = serde_json::from_str(self.results.rows.get())
            .map_err(|error| not_of_protocol(&error))?;
        match rows.cells.as_slice() {
            [Received::Integer(number)] => {
                usize::try_from(*number).map_err(|_| malformed("a count below 0"))
            }
            [_] => Err(malformed("a count that is no number")),
            _ => Err(malformed("a count that is not there")),
        }
    }

    /// Returns the rows, whose text is `body`. `real` tells which columns contain doubles.
    pub(super) fn rows(self, body: &str, real: &[bool]) -> QueryResult<ResultRows> {
        let Table { columns, rows } = self.results;
        let cells = match range_in(body, rows.get()) {
            Some(range) if range.len() > MOST_LISTED => {
                AnswerCells::InBody(in_body(range, rows, columns.len(), real)?)
            }
            _ => AnswerCells::Listed(listed(rows, columns.len(), real, body)?),
        };
        Ok(ResultRows {
            body: String::new(),
            columns,
            cells,
        })
    }
}

/// Size in bytes up to which an answer is parsed at once and kept as a list. This is the fastest,
/// but takes up to 12 times the space.
const MOST_LISTED: usize = 1 << 20;

fn listed(
    rows: &RawValue,
    width: usize,
    real: &[bool],
    body: &str,
) -> QueryResult<Vec<AnswerCell>> {
    let grid: Grid<Received<'_>> =
        serde_json::from_str(rows.get()).map_err(|error| not_of_protocol(&error))?;
    let cells = grid.into_cells(width)?.into_iter().enumerate();
    let cells = cells.map(|(position, cell)| {
        let column = position.checked_rem(width).unwrap_or_default();
        cell_of(cell, real.get(column).copied().unwrap_or(false), body)
    });
    cells.collect()
}

/// Checks the rows in that range of the answer. They are then read one by one.
fn in_body(
    range: Range<usize>,
    rows: &RawValue,
    width: usize,
    real: &[bool],
) -> QueryResult<InBody> {
    Ok(InBody {
        start: range.start + 1,
        rows: check::rows(rows.get(), width, real)?,
        real: real.to_vec(),
        read: next_cell,
    })
}

/// Returns the value after the one that ends at `at`: after the bracket that begins its row, or
/// after a comma.
fn next_cell(body: &str, at: usize, column: ColumnPlace) -> Option<(AnswerCell, usize)> {
    let before = if column.is_first { '[' } else { ',' };
    let start = at + body.get(at..)?.find(before)? + 1;
    let mut values = serde_json::Deserializer::from_str(body.get(start..)?).into_iter();
    let cell = cell_of(values.next()?.ok()?, column.is_real, body).ok()?;
    Some((cell, start + values.byte_offset()))
}

pub(super) fn cell_of(
    received: Received<'_>,
    is_real: bool,
    body: &str,
) -> QueryResult<AnswerCell> {
    Ok(match received {
        Received::Null => AnswerCell::Null,
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2⁵³")]
        Received::Integer(number) if is_real => AnswerCell::Real(number as f64),
        Received::Integer(number) => AnswerCell::Integer(number),
        Received::Rounded(number) if is_real => AnswerCell::Real(number),
        Received::Rounded(_) => {
            return Err(malformed(
                "a whole number beyond 2⁵³ may have been rounded by D1: read it as text, by \
                 CAST(… AS TEXT), or as a floating-point number",
            ));
        }
        Received::Real(number) => AnswerCell::Real(number),
        Received::Text(text) => AnswerCell::of_text(text, body),
        Received::Blob(bytes) => AnswerCell::Blob(bytes),
    })
}

impl<'de: 'a, 'a> Deserialize<'de> for Received<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ReceivedVisitor;

        impl<'de> Visitor<'de> for ReceivedVisitor {
            type Value = Received<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Received::Null)
            }

            fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
                Ok(Received::Integer(i64::from(truth)))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(if number.unsigned_abs() <= MOST_EXACT {
                    Received::Integer(number)
                } else {
                    #[expect(clippy::cast_precision_loss, reason = "it is a double already")]
                    Received::Rounded(number as f64)
                })
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                match i64::try_from(number) {
                    Ok(number) => self.visit_i64(number),
                    #[expect(clippy::cast_precision_loss, reason = "it is a double already")]
                    Err(_) => self.visit_f64(number as f64),
                }
            }

            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                let is_whole = number.fract() == 0.0 && number.abs() > 9.0e15;
                Ok(if is_whole && number.abs() < BEYOND_INTEGERS {
                    Received::Rounded(number)
                } else {
                    Received::Real(number)
                })
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Received::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Received::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut bytes: A) -> Result<Self::Value, A::Error> {
                let mut blob = Vec::with_capacity(bytes.size_hint().unwrap_or_default());
                while let Some(byte) = bytes.next_element::<f64>()? {
                    if byte.fract() != 0.0 || !(0.0..256.0).contains(&byte) {
                        return Err(de::Error::custom("a byte out of range"));
                    }
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "just checked"
                    )]
                    blob.push(byte as u8);
                }
                Ok(Received::Blob(blob.into()))
            }
        }

        deserializer.deserialize_any(ReceivedVisitor)
    }
}

//! The messages of Hrana 3, the protocol of libSQL servers, as JSON.
//!
//! <https://github.com/tursodatabase/libsql/blob/main/docs/HRANA_3_SPEC.md>

use std::borrow::Cow;
use std::fmt;

use data_encoding::{BASE64, BASE64_NOPAD};
use diesel::result::QueryResult;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::numbers::with_exact_numbers;
use crate::remote::error::{malformed, unsendable};
use crate::remote::grid::Grid;
use crate::remote::value::{AnswerCell, BoundValue, Statement};

/// A request on one stream. Its parts are run in order.
#[derive(serde::Serialize)]
pub(super) struct Pipeline<'a> {
    pub(super) baton: Option<&'a str>,
    pub(super) requests: &'a [Request<'a>],
}

#[derive(serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Request<'a> {
    Batch { batch: Batch<'a> },
    GetAutocommit,
    Close,
}

#[derive(serde::Serialize)]
pub(super) struct Batch<'a> {
    pub(super) steps: Vec<Step<'a>>,
}

#[derive(serde::Serialize)]
pub(super) struct Step<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) condition: Option<Condition>,
    pub(super) stmt: Stmt<'a>,
}

#[derive(serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Condition {
    Ok { step: usize },
    Not { cond: Box<Condition> },
    And { conds: Vec<Condition> },
    IsAutocommit,
}

impl Condition {
    pub(super) fn not(self) -> Self {
        Self::Not {
            cond: Box::new(self),
        }
    }
}

#[derive(serde::Serialize)]
pub(super) struct Stmt<'a> {
    pub(super) sql: Cow<'a, str>,
    pub(super) args: StmtArgs<'a>,
    pub(super) want_rows: bool,
}

pub(super) struct StmtArgs<'a>(Cow<'a, [BoundValue]>);

impl<'a> Stmt<'a> {
    pub(super) fn new(statement: &'a Statement, want_rows: bool) -> QueryResult<Self> {
        let infinite =
            |value: &BoundValue| matches!(value, BoundValue::Real(number) if !number.is_finite());
        if statement.arguments.iter().any(infinite) {
            return Err(unsendable("libSQL's protocol cannot carry infinity"));
        }
        let (sql, arguments) = with_exact_numbers(statement);
        Ok(Self {
            sql,
            args: StmtArgs(arguments),
            want_rows,
        })
    }

    pub(super) fn of_text(sql: &'a str) -> Self {
        Self {
            sql: Cow::Borrowed(sql),
            args: StmtArgs(Cow::Borrowed(&[])),
            want_rows: false,
        }
    }
}

impl Serialize for StmtArgs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Argument))
    }
}

struct Argument<'a>(&'a BoundValue);

impl Serialize for Argument<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            BoundValue::Null => map.serialize_entry("type", "null")?,
            BoundValue::Integer(number) => {
                map.serialize_entry("type", "integer")?;
                map.serialize_entry("value", &Digits(*number))?;
            }
            BoundValue::Real(number) => {
                map.serialize_entry("type", "float")?;
                map.serialize_entry("value", number)?;
            }
            BoundValue::Text(text) => {
                map.serialize_entry("type", "text")?;
                map.serialize_entry("value", text)?;
            }
            BoundValue::Blob(bytes) => {
                map.serialize_entry("type", "blob")?;
                map.serialize_entry("base64", &BASE64_NOPAD.encode(bytes))?;
            }
        }
        map.end()
    }
}

/// A whole number written as a string, because many JSON parsers read numbers as doubles.
struct Digits(i64);

impl Serialize for Digits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[derive(serde::Deserialize)]
pub(super) struct PipelineReply<'a> {
    #[serde(borrow)]
    pub(super) baton: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) base_url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) results: Vec<StreamResult<'a>>,
}

/// Extracts the baton of an answer whose rest may be broken or of another form. `Some(None)` if the
/// answer says that there is none.
pub(super) fn baton(answer: &[u8]) -> Option<Option<String>> {
    struct BatonVisitor(Option<Option<String>>);

    impl<'de> Visitor<'de> for &mut BatonVisitor {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an answer")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(key) = map.next_key::<Cow<'_, str>>()? {
                if key == "baton" {
                    self.0 = Some(map.next_value()?);
                    break;
                }
                map.next_value::<de::IgnoredAny>()?;
            }
            Ok(())
        }
    }

    let mut head = BatonVisitor(None);
    // An error in the rest has been reported already.
    let _ = serde_json::Deserializer::from_slice(answer).deserialize_map(&mut head);
    head.0
}

#[derive(serde::Deserialize)]
pub(super) struct ServerError {
    pub(super) message: String,
    #[serde(default)]
    pub(super) code: Option<String>,
}

/// The result of one part of a pipeline, with the fields of all kinds. A tagged enumeration would
/// be parsed twice.
#[derive(serde::Deserialize)]
pub(super) struct StreamResult<'a> {
    #[serde(borrow)]
    pub(super) response: Option<Response<'a>>,
    pub(super) error: Option<ServerError>,
}

#[derive(serde::Deserialize)]
pub(super) struct Response<'a> {
    #[serde(borrow)]
    pub(super) result: Option<BatchResult<'a>>,
    pub(super) is_autocommit: Option<bool>,
}

#[derive(serde::Deserialize)]
pub(super) struct BatchResult<'a> {
    #[serde(borrow)]
    pub(super) step_results: Vec<Option<StmtResult<'a>>>,
    pub(super) step_errors: Vec<Option<ServerError>>,
}

#[derive(serde::Deserialize)]
pub(super) struct StmtResult<'a> {
    pub(super) cols: Vec<Column>,
    #[serde(borrow)]
    pub(super) rows: Grid<Received<'a>>,
    #[serde(default)]
    pub(super) affected_row_count: u64,
}

#[derive(serde::Deserialize)]
pub(super) struct Column {
    #[serde(default)]
    name: Option<String>,
}

#[derive(Debug, PartialEq)]
pub(super) enum Received<'a> {
    Null,
    Integer(i64),
    Real(f64),
    /// An infinite number; the protocol does not transmit its sign.
    Infinite,
    Text(Cow<'a, str>),
    Blob(Box<[u8]>),
}

/// With equal sizes, a list of one is converted in place to a list of the other.
const _: () = assert!(size_of::<Received<'_>>() == size_of::<AnswerCell>());

impl StmtResult<'_> {
    /// Returns the columns' names and the rows, which refer to the text `body`.
    pub(super) fn parts(self, body: &str) -> QueryResult<(Vec<String>, Vec<AnswerCell>)> {
        let cells = self.rows.into_cells(self.cols.len())?;
        let cells = cells.into_iter().map(|cell| {
            Ok(match cell {
                Received::Null => AnswerCell::Null,
                Received::Integer(number) => AnswerCell::Integer(number),
                Received::Real(number) => AnswerCell::Real(number),
                Received::Infinite => {
                    return Err(malformed(
                        "a number is infinite, and libSQL's protocol does not tell which way",
                    ));
                }
                Received::Blob(bytes) => AnswerCell::Blob(bytes),
                Received::Text(text) => AnswerCell::of_text(text, body),
            })
        });
        let cells = cells.collect::<QueryResult<_>>()?;
        let columns = self.cols.into_iter();
        let columns = columns.map(|column| column.name.unwrap_or_default());
        Ok((columns.collect(), cells))
    }
}

/// The names of types in the protocol, parsed without a copy.
#[derive(Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Type {
    Null,
    Integer,
    Float,
    Text,
    Blob,
}

#[derive(Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum ValueKey {
    Type,
    Value,
    Base64,
    #[serde(other)]
    Other,
}

/// A value before its type is known.
enum Raw<'a> {
    Nothing,
    Number(f64),
    Text(Cow<'a, str>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RawVisitor;

        impl<'de> Visitor<'de> for RawVisitor {
            type Value = Raw<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a number or null")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Raw::Nothing)
            }

            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Raw::Number(number))
            }

            #[expect(
                clippy::cast_precision_loss,
                reason = "a float that was written without a point"
            )]
            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Raw::Number(number as f64))
            }

            #[expect(
                clippy::cast_precision_loss,
                reason = "a float that was written without a point"
            )]
            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Raw::Number(number as f64))
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Raw::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Raw::Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_any(RawVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Received<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ReceivedVisitor;

        impl<'de> Visitor<'de> for ReceivedVisitor {
            type Value = Received<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value with its type")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut kind = None;
                let mut value = Raw::Nothing;
                while let Some(key) = map.next_key()? {
                    match key {
                        ValueKey::Type => kind = Some(map.next_value()?),
                        ValueKey::Value | ValueKey::Base64 => value = map.next_value()?,
                        ValueKey::Other => {
                            map.next_value::<de::IgnoredAny>()?;
                        }
                    }
                }
                let kind = kind.ok_or_else(|| de::Error::missing_field("type"))?;
                received(kind, value).map_err(de::Error::custom)
            }
        }

        deserializer.deserialize_map(ReceivedVisitor)
    }
}

fn received(kind: Type, value: Raw<'_>) -> Result<Received<'_>, &'static str> {
    match (kind, value) {
        (Type::Null, _) => Ok(Received::Null),
        (Type::Integer, Raw::Text(digits)) => digits
            .parse()
            .map(Received::Integer)
            .map_err(|_| "an integer out of range"),
        (Type::Float, Raw::Number(number)) => Ok(Received::Real(number)),
        (Type::Float, Raw::Nothing) => Ok(Received::Infinite),
        (Type::Text, Raw::Text(text)) => Ok(Received::Text(text)),
        (Type::Blob, Raw::Text(text)) => {
            let unpadded = text.trim_end_matches('=');
            BASE64_NOPAD
                .decode(unpadded.as_bytes())
                .or_else(|_| BASE64.decode(text.as_bytes()))
                .map(|bytes| Received::Blob(bytes.into()))
                .map_err(|_| "a blob that is not base64")
        }
        _ => Err("a value that is not of its type"),
    }
}

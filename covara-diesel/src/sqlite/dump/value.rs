//! Values of SQLite, and the form in which a seed reads them back.

use diesel::sqlite::{SqliteType, SqliteValue};

use crate::backend::column::{ColumnKind, ColumnValue};
use crate::dump::engine::DumpColumn;
use crate::dump::row::RowWriter;
use crate::dump::value::{
    JSON_FORM, NOT_NULL, NOT_READ_BACK, NOT_UTF_8, Reason, UNTYPED, Written, is_json, shown,
};
use crate::dump::{DumpError, Format};
use crate::fixture::{Cell, stored_value};

/// A value of any column: SQLite's types are those of values.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Text(&'a str),
    Blob(&'a [u8]),
    /// A text that is not UTF-8.
    Broken,
}

impl<'a> Value<'a> {
    pub(super) fn of(value: Option<&'a mut SqliteValue<'_, '_, '_>>) -> Self {
        let Some(value) = value else {
            return Self::Null;
        };
        match value.value_type() {
            None => Self::Null,
            Some(SqliteType::Integer | SqliteType::SmallInt | SqliteType::Long) => {
                Self::Integer(value.read_long())
            }
            Some(SqliteType::Double | SqliteType::Float) => Self::Real(value.read_double()),
            Some(SqliteType::Binary) => Self::Blob(value.read_blob()),
            Some(SqliteType::Text) => Self::Text(value.read_text()),
        }
    }
}

/// Returns whether Diesel may have put a replacement character in the place of bytes that are not
/// UTF-8.
pub(super) fn is_suspect(text: &str) -> bool {
    /// The first byte of the replacement character.
    const FIRST: u8 = 0xef;
    text.as_bytes().contains(&FIRST) && text.contains(char::REPLACEMENT_CHARACTER)
}

/// Writes the value of a column.
pub(super) fn write(
    writer: &mut RowWriter<'_>,
    position: usize,
    column: &DumpColumn,
    value: &Value<'_>,
) -> Result<(), DumpError> {
    match written(column, value, writer.format()) {
        Ok(written) => writer.value(position, &written),
        Err(reason) => Err(writer.refusal(column, show(value), reason)),
    }
}

fn show(value: &Value<'_>) -> String {
    shown(&match *value {
        Value::Null => Written::Null,
        Value::Integer(number) => Written::Integer(number),
        Value::Real(number) => Written::Real(number),
        Value::Text(text) => Written::Text(text),
        Value::Blob(bytes) => Written::Bytes(bytes),
        Value::Broken => Written::Bare("the value"),
    })
}

fn written<'a>(
    column: &DumpColumn,
    value: &Value<'a>,
    format: Format,
) -> Result<Written<'a>, Reason> {
    use ColumnKind as Kind;
    Ok(match (&column.kind, *value) {
        (_, Value::Broken) => return Err(NOT_UTF_8),
        (_, Value::Null) if column.nullable => Written::Null,
        (_, Value::Null) => return Err(NOT_NULL),
        (Kind::Flexible, Value::Integer(number)) => Written::Integer(number),
        (Kind::Double, Value::Real(number)) => Written::Real(number),
        (Kind::Bool, Value::Integer(0)) => Written::Bare("false"),
        (Kind::Bool, Value::Integer(1)) => Written::Bare("true"),
        (Kind::Text, Value::Text(text)) => Written::Text(text),
        (Kind::Blob, Value::Blob(bytes)) => Written::Bytes(bytes),
        // A seed takes it for JSON that was written as a string.
        (Kind::Json, Value::Text(text)) if format == Format::Ndjson && is_json_in_string(text) => {
            return Err(JSON_FORM);
        }
        (Kind::Json | Kind::Jsonb, Value::Text(text)) => Written::Json(text),
        (kind, Value::Text(text)) if is_read_back(kind, value, format) => Written::Text(text),
        (kind, Value::Integer(number)) if is_read_back(kind, value, format) => {
            Written::Integer(number)
        }
        (kind, Value::Real(number)) if is_read_back(kind, value, format) => Written::Real(number),
        (Kind::Any | Kind::Affine, Value::Integer(_) | Value::Real(_)) if format == Format::Csv => {
            return Err(UNTYPED);
        }
        _ => return Err(NOT_READ_BACK),
    })
}

fn is_json_in_string(text: &str) -> bool {
    text.trim_start().starts_with('"')
        && serde_json::from_str::<String>(text).is_ok_and(|inner| is_json(&inner))
}

/// Reads the value as a seed reads it from a file.
fn is_read_back(kind: &ColumnKind, value: &Value<'_>, format: Format) -> bool {
    let number = match value {
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => format!("{number:?}"),
        _ => String::new(),
    };
    let cell = match (value, format) {
        (Value::Text(""), Format::Csv) => Cell::QuotedNothing,
        (Value::Text(text), Format::Csv) => Cell::Field(text),
        (Value::Text(text), Format::Ndjson) => Cell::JsonString((*text).into()),
        (_, Format::Csv) => Cell::Field(&number),
        (_, Format::Ndjson) => Cell::JsonNumber(&number),
    };
    match (stored_value(kind, &cell).flatten(), value) {
        (Some(ColumnValue::Text(read)), Value::Text(text)) => read == *text,
        (Some(ColumnValue::BigInt(read)), Value::Integer(number)) => read == *number,
        (Some(ColumnValue::Double(read)), Value::Real(number)) => {
            read.to_bits() == number.to_bits()
        }
        _ => false,
    }
}

//! Values of SQLite, and the form in which a seed reads them back.

use diesel::sqlite::{SqliteType, SqliteValue};

use crate::backend::column::ColumnKind;
use crate::dump::engine::DumpColumn;
use crate::dump::row::RowWriter;
use crate::dump::value::{
    NOT_NULL, NOT_READ_BACK, NOT_UTF_8, Reason, UNTYPED, Written, is_canonical, is_short, shown,
};
use crate::dump::{DumpError, Format};

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
        (Kind::Flexible | Kind::Number | Kind::Json, Value::Integer(number)) => {
            Written::Integer(number)
        }
        (Kind::Double, Value::Real(number)) => Written::Real(number),
        (Kind::Number, Value::Real(number)) if number.is_finite() => Written::Real(number),
        (Kind::Bool, Value::Integer(0)) => Written::Bare("false"),
        (Kind::Bool, Value::Integer(1)) => Written::Bare("true"),
        (Kind::Text | Kind::Any, Value::Text(text)) => Written::Text(text),
        (Kind::Blob, Value::Blob(bytes)) => Written::Bytes(bytes),
        (Kind::Date | Kind::Time | Kind::Timestamp | Kind::Timestamptz, Value::Text(text))
            if is_canonical(&column.kind, text) =>
        {
            Written::Text(text)
        }
        (Kind::Json, Value::Text(text)) => Written::Json(text),
        // A JSON text that looks like a number was made one, and will be again. Its digits are read
        // exactly only if they are few.
        (Kind::Json, Value::Real(number)) if is_short(number) => Written::Real(number),
        (Kind::Jsonb, Value::Text(text)) => Written::Json(text),
        (Kind::Any, Value::Integer(number)) => match format {
            Format::Csv if !column.makes_numbers => return Err(UNTYPED),
            _ => Written::Integer(number),
        },
        (Kind::Any, Value::Real(number)) if number.is_finite() => match format {
            Format::Csv if !column.makes_numbers || !is_short(number) => return Err(UNTYPED),
            _ => Written::Real(number),
        },
        _ => return Err(NOT_READ_BACK),
    })
}

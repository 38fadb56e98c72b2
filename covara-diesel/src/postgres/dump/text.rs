//! Texts of PostgreSQL's values, and the form in which a seed reads them back.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};

use crate::backend::column::ColumnKind;
use crate::dump::DumpError;
use crate::dump::engine::DumpColumn;
use crate::dump::row::RowWriter;
use crate::dump::value::{NOT_NULL, NOT_READ_BACK, Written};
use crate::fixture::{Cell, FixtureValue};

/// Writes the text of a column's value; `None` is NULL.
pub(super) fn write(
    writer: &mut RowWriter<'_>,
    position: usize,
    column: &DumpColumn,
    text: Option<&str>,
) -> Result<(), DumpError> {
    use ColumnKind as Kind;
    let Some(text) = text else {
        return match column.nullable {
            true => writer.value(position, &Written::Null),
            false => Err(writer.refusal(column, "NULL".to_owned(), NOT_NULL)),
        };
    };
    let value = match &column.kind {
        Kind::SmallInt | Kind::Integer | Kind::BigInt => Written::Bare(text),
        Kind::Float | Kind::Double => match text.ends_with(|c: char| c.is_ascii_digit()) {
            true => Written::Bare(text),
            // NaN and Infinity.
            false => Written::Text(text),
        },
        Kind::Bool if text == "t" => Written::Bare("true"),
        Kind::Bool if text == "f" => Written::Bare("false"),
        Kind::Json => Written::Json(text),
        Kind::Jsonb => Written::BinaryJson(text),
        Kind::Date | Kind::Time | Kind::Timestamp | Kind::Timestamptz => {
            return time(writer, position, column, text);
        }
        _ => Written::Text(text),
    };
    writer.value(position, &value)
}

fn time(
    writer: &mut RowWriter<'_>,
    position: usize,
    column: &DumpColumn,
    text: &str,
) -> Result<(), DumpError> {
    if is_plain(&column.kind, text.as_bytes()) {
        return writer.value(position, &Written::Text(text));
    }
    let counted = with_counted_year(&column.kind, text);
    let counted = counted.filter(|text| is_read(&column.kind, text));
    match counted {
        Some(text) => writer.value(position, &Written::Text(&text)),
        None => Err(writer.refusal(column, format!("{text:?}"), NOT_READ_BACK)),
    }
}

/// Returns whether the time is in a form that both PostgreSQL and a seed read: after the birth of
/// Christ, in the years up to 9999, in UTC. The server writes no day that does not exist.
fn is_plain(kind: &ColumnKind, bytes: &[u8]) -> bool {
    let is_date = |bytes: &[u8]| matches!(bytes, [_, _, _, _, b'-', _, _, b'-', _, _]);
    let is_time = |bytes: &[u8]| match bytes {
        [b'2', b'4', ..] => false,
        [_, _, b':', _, _, b':', _, _] => true,
        [_, _, b':', _, _, b':', _, _, b'.', fraction @ ..] => {
            fraction.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    };
    let (date, time) = bytes.split_at(bytes.len().min(10));
    match (kind, time) {
        (ColumnKind::Date, []) => is_date(date),
        (ColumnKind::Time, _) => is_time(bytes),
        (ColumnKind::Timestamp, [b' ', time @ ..]) => is_date(date) && is_time(time),
        (ColumnKind::Timestamptz, [b' ', time @ .., b'+', b'0', b'0']) => {
            is_date(date) && is_time(time)
        }
        _ => false,
    }
}

/// Writes the year as ISO 8601 counts it: `0044-03-15 BC` is in the year -43, and a year of more
/// than four digits has a sign.
fn with_counted_year(kind: &ColumnKind, text: &str) -> Option<String> {
    if *kind == ColumnKind::Time {
        return Some(text.to_owned());
    }
    let (text, is_before) = match text.strip_suffix(" BC") {
        Some(text) => (text, true),
        None => (text, false),
    };
    let (year, rest) = text.split_once('-')?;
    let year: i32 = year.parse().ok()?;
    Some(match (is_before, year) {
        (true, 1) => format!("0000-{rest}"),
        (true, year) => format!("-{:04}-{rest}", year - 1),
        (false, 0..=9999) => format!("{year:04}-{rest}"),
        (false, year) => format!("+{year}-{rest}"),
    })
}

fn is_read(kind: &ColumnKind, text: &str) -> bool {
    let cell = Cell::Field(text);
    match kind {
        ColumnKind::Date => NaiveDate::from_cell(&cell).is_some(),
        ColumnKind::Time => NaiveTime::from_cell(&cell).is_some(),
        ColumnKind::Timestamp => NaiveDateTime::from_cell(&cell).is_some(),
        ColumnKind::Timestamptz => DateTime::<Utc>::from_cell(&cell).is_some(),
        _ => false,
    }
}

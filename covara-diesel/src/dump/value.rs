//! Values on their way to a file, and whether a seed would read them back.

use std::fmt::{self, Write};

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde_json::value::RawValue;

use crate::backend::column::ColumnKind;
use crate::fixture::{Cell, FixtureValue};

/// A value in the form of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Written<'a> {
    Null,
    Text(&'a str),
    /// A number, `true` or `false`.
    Bare(&'a str),
    Integer(i64),
    Real(f64),
    Bytes(&'a [u8]),
    /// JSON, which the database keeps as written.
    Json(&'a str),
    /// JSON, which the database brings into a form of its own.
    BinaryJson(&'a str),
}

/// The reason why a value is refused.
pub(crate) type Reason = &'static str;

/// A seed would read another value, or none.
pub(crate) const NOT_READ_BACK: Reason =
    "is a value that a seed of this file would not read back unchanged";
pub(crate) const EMPTY: Reason = "would be read back from CSV as NULL: use NDJSON";
pub(crate) const BLANK: Reason = "alone would be a blank line of CSV, which is no row: use NDJSON";
pub(crate) const NOT_NULL: Reason = "is not allowed by a seed in this column";
pub(crate) const NOT_UTF_8: Reason = "is a text that is not UTF-8";
pub(crate) const UNTYPED: Reason =
    "is a number in a column without a type, and would be read back from CSV as a text: use NDJSON";
pub(crate) const JSON_NULL: Reason =
    "is JSON's null, which would be read back from NDJSON as NULL: use CSV";
pub(crate) const JSON_FORM: Reason =
    "is JSON in a form that NDJSON does not keep, such as with line breaks: use CSV";

/// Shows a value as errors do, shortened if it is long.
pub(crate) fn shown(value: &Written<'_>) -> String {
    /// Enough to recognise a value, on one line of a terminal.
    const SHOWN: usize = 60;
    let short = |text: &str| match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    };
    match *value {
        Written::Null => "NULL".to_owned(),
        Written::Text(text) | Written::Json(text) | Written::BinaryJson(text) => short(text),
        Written::Bare(text) => text.to_owned(),
        Written::Integer(number) => number.to_string(),
        Written::Real(number) => format!("{number:?}"),
        Written::Bytes(bytes) => format!("a blob of {} bytes", bytes.len()),
    }
}

pub(crate) fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

/// Returns why NDJSON does not keep a JSON text, if it does not.
pub(crate) fn lost_in_ndjson(text: &str, is_binary: bool) -> Option<Reason> {
    let trimmed = text.trim_matches([' ', '\t', '\r', '\n']);
    if trimmed == "null" {
        return Some(JSON_NULL);
    }
    let changed = trimmed.len() < text.len() && !is_binary || text.contains('\n');
    let is_changed_string = || {
        text.starts_with('"') && {
            let read = serde_json::from_str::<String>(text);
            // A text without a backslash is the same in every form.
            text.contains('\\')
                && !is_binary
                && read
                    .as_ref()
                    .map(serde_json::to_string)
                    .is_ok_and(|again| again.is_ok_and(|again| again != text))
                || read.is_err()
        }
    };
    (changed || is_changed_string()).then_some(JSON_FORM)
}

/// Returns whether a time is written as a seed would write it into SQLite.
pub(crate) fn is_canonical(kind: &ColumnKind, text: &str) -> bool {
    let bytes = text.as_bytes();
    match kind {
        ColumnKind::Date if bytes.len() == 10 && is_plain_date(bytes) => true,
        ColumnKind::Timestamp if bytes.len() == 19 && is_plain_time(bytes) => true,
        ColumnKind::Timestamptz if bytes.len() == 25 && text.ends_with("+00:00") => {
            is_plain_time(&bytes[..19]) || is_rewritten(kind, text)
        }
        _ => is_rewritten(kind, text),
    }
}

/// Reads the time and writes it again.
fn is_rewritten(kind: &ColumnKind, text: &str) -> bool {
    let cell = Cell::Field(text);
    match kind {
        ColumnKind::Date => is_same(
            NaiveDate::from_cell(&cell).map(|date| date.format("%F")),
            text,
        ),
        ColumnKind::Time => is_same(
            NaiveTime::from_cell(&cell).map(|time| time.format("%T%.f")),
            text,
        ),
        ColumnKind::Timestamp => {
            let time = NaiveDateTime::from_cell(&cell);
            is_same(time.map(|time| time.format("%F %T%.f")), text)
        }
        ColumnKind::Timestamptz => {
            let time = DateTime::<Utc>::from_cell(&cell);
            is_same(time.map(|time| time.format("%F %T%.f%:z")), text)
        }
        _ => false,
    }
}

fn is_same(written: Option<impl fmt::Display>, text: &str) -> bool {
    written.is_some_and(|written| {
        let mut again = String::with_capacity(text.len());
        write!(again, "{written}").is_ok() && again == text
    })
}

/// `2026-01-31`, of a day that exists.
fn is_plain_date(bytes: &[u8]) -> bool {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *bytes else {
        return false;
    };
    let (Some(century), Some(year)) = (two(y1, y2), two(y3, y4)) else {
        return false;
    };
    let (Some(month), Some(day)) = (two(m1, m2), two(d1, d2)) else {
        return false;
    };
    let is_leap = year % 4 == 0 && (year != 0 || century % 4 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// `2026-01-31 23:59:59`.
fn is_plain_time(bytes: &[u8]) -> bool {
    let (Some(date), Some(&[b' ', h1, h2, b':', m1, m2, b':', s1, s2])) =
        (bytes.get(..10), bytes.get(10..))
    else {
        return false;
    };
    let below = |one, other, limit| two(one, other).is_some_and(|number| number < limit);
    is_plain_date(date) && below(h1, h2, 24) && below(m1, m2, 60) && below(s1, s2, 60)
}

fn two(one: u8, other: u8) -> Option<u8> {
    (one.is_ascii_digit() && other.is_ascii_digit()).then(|| (one - b'0') * 10 + (other - b'0'))
}

/// Returns whether every parser reads the number exactly from its shortest form: up to 15 digits
/// are a whole number that a double holds exactly, and so is a power of ten up to 22.
pub(crate) fn is_short(number: f64) -> bool {
    let shortest = format!("{number:e}");
    let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let count = digits.bytes().filter(u8::is_ascii_digit).count();
    let exponent = exponent.parse::<i32>().unwrap_or(i32::MAX);
    let of_last = exponent.saturating_sub(i32::try_from(count).unwrap_or(i32::MAX)) + 1;
    number.is_finite() && count <= 15 && of_last.abs() <= 22
}

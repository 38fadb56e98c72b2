//! Values on their way to a file, and whether a seed would read them back.

use serde_json::value::RawValue;

/// A value in the form of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Written<'a> {
    Null,
    Text(&'a str),
    /// A number, `true` or `false`.
    Bare(&'a str),
    #[cfg_attr(
        not(feature = "sqlite"),
        expect(dead_code, reason = "PostgreSQL gives texts")
    )]
    Integer(i64),
    #[cfg_attr(
        not(feature = "sqlite"),
        expect(dead_code, reason = "PostgreSQL gives texts")
    )]
    Real(f64),
    #[cfg_attr(
        not(feature = "sqlite"),
        expect(dead_code, reason = "PostgreSQL gives texts")
    )]
    Bytes(&'a [u8]),
    /// JSON, which the database keeps as written.
    Json(&'a str),
    /// JSON, which the database brings into a form of its own.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(dead_code, reason = "SQLite keeps JSON as written")
    )]
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
#[cfg_attr(
    not(feature = "sqlite"),
    expect(dead_code, reason = "every column of PostgreSQL has a type")
)]
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
    let changed = trimmed.len() < text.len() && !is_binary || text.contains(['\n', '\r']);
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

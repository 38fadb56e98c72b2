//! CSV as a seed reads it.

use std::io::Write;

use data_encoding::HEXLOWER;

use super::engine::DumpTable;
use super::error::DumpError;
use super::value::{BLANK, EMPTY, NOT_READ_BACK, Reason, Written, is_json};
use crate::backend::column::ColumnKind;
use crate::fixture::holds_nothing;

/// Refuses names of columns that a seed would not read back, because it trims them.
pub(super) fn check_names(table: &DumpTable) -> Result<(), DumpError> {
    let is_bad =
        |name: &str| name.is_empty() || name.trim() != name || name.starts_with('\u{feff}');
    match table.columns.iter().find(|column| is_bad(&column.name)) {
        Some(column) => Err(DumpError::ColumnName {
            table: table.name.clone(),
            column: column.name.clone(),
        }),
        None => Ok(()),
    }
}

/// Writes the names of the columns.
pub(super) fn header<'c>(out: &mut Vec<u8>, names: impl Iterator<Item = &'c str>) {
    for (position, name) in names.enumerate() {
        if position > 0 {
            out.push(b',');
        }
        text(out, name);
    }
    out.push(b'\n');
}

/// Writes a field. In quotes, nothing is a value of the types that hold it, and NULL of others.
/// `is_alone`: the column is the only one, and a blank line is no row.
pub(super) fn field(
    out: &mut Vec<u8>,
    value: &Written<'_>,
    kind: &ColumnKind,
    is_alone: bool,
) -> Result<(), Reason> {
    match *value {
        Written::Text("") if !holds_nothing(kind) => return Err(EMPTY),
        Written::Text("") => out.extend_from_slice(b"\"\""),
        Written::Null if is_alone && holds_nothing(kind) => return Err(BLANK),
        Written::Null if is_alone => out.extend_from_slice(b"\"\""),
        Written::Null => {}
        Written::Text(value) => text(out, value),
        Written::Bare(value) => out.extend_from_slice(value.as_bytes()),
        Written::Integer(number) => number_into(out, format_args!("{number}")),
        Written::Real(number) => number_into(out, format_args!("{number:?}")),
        Written::Bytes(bytes) => {
            out.extend_from_slice(b"\\x");
            hex(out, bytes);
        }
        Written::Json(value) | Written::BinaryJson(value) => {
            if !is_json(value) {
                return Err(NOT_READ_BACK);
            }
            text(out, value);
        }
    }
    Ok(())
}

pub(super) fn number_into(out: &mut Vec<u8>, number: std::fmt::Arguments<'_>) {
    // A vector takes everything.
    let _ = out.write_fmt(number);
}

pub(super) fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    let begin = out.len();
    out.resize(begin + 2 * bytes.len(), 0);
    HEXLOWER.encode_mut(bytes, &mut out[begin..]);
}

fn text(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|byte| is_special(*byte)) {
        out.extend_from_slice(bytes);
        return;
    }
    out.push(b'"');
    for part in bytes.split_inclusive(|byte| *byte == b'"') {
        out.extend_from_slice(part);
        if part.ends_with(b"\"") {
            out.push(b'"');
        }
    }
    out.push(b'"');
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b',' | b'"' | b'\n' | b'\r')
}

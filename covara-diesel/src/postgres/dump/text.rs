//! Texts of PostgreSQL's values, and the form in which a seed reads them back.

use crate::backend::column::ColumnKind;
use crate::dump::DumpError;
use crate::dump::engine::DumpColumn;
use crate::dump::row::RowWriter;
use crate::dump::value::{NOT_NULL, Written};

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
        _ => Written::Text(text),
    };
    writer.value(position, &value)
}

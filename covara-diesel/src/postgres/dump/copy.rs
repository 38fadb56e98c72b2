//! Reads a table by `COPY`, the fastest way out of PostgreSQL.

use std::io::BufRead;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};

use super::quoted;
use super::text::write;
use crate::dump::DumpError;
use crate::dump::engine::DumpTable;
use crate::dump::row::RowWriter;
use crate::dump::value::NOT_UTF_8;
use crate::postgres::copy_target::Target;

pub(super) fn read(
    conn: &mut PgConnection,
    table: &DumpTable,
    writer: &mut RowWriter<'_>,
) -> Result<(), DumpError> {
    let copied = rows(conn, table, writer);
    // libpq discards what is left of the rows with this command. It also tells whether the server
    // stopped before the last row, which Diesel takes for the end: the transaction has failed then.
    let ended = conn.batch_execute("SELECT 1");
    copied?;
    ended.map_err(|_| writer.interrupted(stopped()))
}

fn rows(
    conn: &mut PgConnection,
    table: &DumpTable,
    writer: &mut RowWriter<'_>,
) -> Result<(), DumpError> {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| quoted(&column.name))
        .collect();
    let query = format!(
        "(SELECT {} FROM {} ORDER BY {})",
        columns.join(", "),
        table.table,
        table.order
    );
    Target::set(query);
    let rows = diesel::copy_to(Target).load_raw(conn);
    let mut rows = rows.map_err(|error| writer.interrupted(error))?;
    let mut unescaped = Vec::new();
    loop {
        // A message is a row with its line break.
        let block = rows.fill_buf().map_err(|error| {
            let kind = DatabaseErrorKind::ClosedConnection;
            writer.interrupted(Error::DatabaseError(kind, Box::new(error.to_string())))
        })?;
        let read = block.len();
        if read == 0 {
            return Ok(());
        }
        let line = block.strip_suffix(b"\n").unwrap_or(block);
        row(line, table, writer, &mut unescaped)?;
        rows.consume(read);
    }
}

fn stopped() -> Error {
    Error::DatabaseError(
        DatabaseErrorKind::Unknown,
        Box::new(
            "the server stopped before the last row: at a time-out or by an administrator, as its \
             log tells"
                .to_owned(),
        ),
    )
}

/// Writes a row in the text format of COPY,
/// <https://www.postgresql.org/docs/current/sql-copy.html>.
fn row(
    line: &[u8],
    table: &DumpTable,
    writer: &mut RowWriter<'_>,
    unescaped: &mut Vec<u8>,
) -> Result<(), DumpError> {
    let Ok(line) = str::from_utf8(line) else {
        return Err(not_utf_8(line, table, writer));
    };
    let has_escapes = line.as_bytes().contains(&b'\\');
    let mut fields = line.split('\t');
    for (position, column) in table.columns.iter().enumerate() {
        let field = fields.next().unwrap_or_default();
        if !has_escapes || !field.as_bytes().contains(&b'\\') {
            write(writer, position, column, Some(field))?;
            continue;
        }
        if field == "\\N" {
            write(writer, position, column, None)?;
            continue;
        }
        unescape(field.as_bytes(), unescaped);
        let field = str::from_utf8(unescaped);
        let field = field.map_err(|_| writer.refusal(column, "the value".to_owned(), NOT_UTF_8))?;
        write(writer, position, column, Some(field))?;
    }
    writer.end()
}

fn unescape(field: &[u8], into: &mut Vec<u8>) {
    into.clear();
    let mut parts = field.split(|byte| *byte == b'\\');
    into.extend_from_slice(parts.next().unwrap_or_default());
    while let Some(part) = parts.next() {
        let Some((escaped, rest)) = part.split_first() else {
            // Two backslashes are one.
            into.push(b'\\');
            into.extend_from_slice(parts.next().unwrap_or_default());
            continue;
        };
        into.push(match escaped {
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 0x0b,
            other => *other,
        });
        into.extend_from_slice(rest);
    }
}

fn not_utf_8(line: &[u8], table: &DumpTable, writer: &RowWriter<'_>) -> DumpError {
    let mut fields = line.split(|byte| *byte == b'\t').zip(&table.columns);
    let broken = fields.find(|(field, _)| str::from_utf8(field).is_err());
    match broken {
        Some((_, column)) => writer.refusal(column, "the value".to_owned(), NOT_UTF_8),
        None => writer.interrupted(Error::DeserializationError("a row is not UTF-8".into())),
    }
}

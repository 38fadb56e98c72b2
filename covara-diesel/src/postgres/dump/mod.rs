//! Reads tables of PostgreSQL for a dump.

mod catalogue;
mod copy;
mod cursor;
mod pages;
mod text;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::row::{Field, Row};

use crate::backend::connection::BackendConnection;
use crate::dump::DumpError;
use crate::dump::engine::{DumpEngine, DumpTable, TableName};
use crate::dump::row::RowWriter;
use crate::dump::value::NOT_UTF_8;
use crate::postgres::copy::connection;

/// The settings on which the text of a value depends. `row_security` makes rows that would be
/// hidden an error. With this `search_path` no function or operator of another role's is found.
const SETTINGS: &str = "SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL row_security = off;
SET LOCAL client_encoding = 'UTF8';
SET LOCAL DateStyle = 'ISO, YMD';
SET LOCAL IntervalStyle = 'postgres';
SET LOCAL TimeZone = 'UTC';
SET LOCAL bytea_output = 'hex';
SET LOCAL extra_float_digits = 3;
SET LOCAL quote_all_identifiers = off";

impl DumpEngine for Pg {
    fn list<C>(conn: &mut C) -> QueryResult<Vec<TableName>>
    where
        C: BackendConnection<Backend = Self>,
    {
        catalogue::list(conn)
    }

    fn left_out<C>(conn: &mut C) -> QueryResult<Vec<String>>
    where
        C: BackendConnection<Backend = Self>,
    {
        catalogue::left_out(conn)
    }

    fn prepare<C>(conn: &mut C, names: Vec<TableName>) -> Result<Vec<DumpTable>, DumpError>
    where
        C: BackendConnection<Backend = Self>,
    {
        let found = names.into_iter().map(|name| catalogue::find(conn, name));
        let found = found.collect::<Result<Vec<_>, _>>()?;
        conn.apply_settings(SETTINGS)?;
        found
            .into_iter()
            .map(|found| catalogue::describe(conn, found))
            .collect()
    }

    fn read<C>(conn: &mut C, table: &DumpTable, writer: &mut RowWriter<'_>) -> Result<(), DumpError>
    where
        C: BackendConnection<Backend = Self>,
    {
        if !conn.is_transactional() {
            return pages::read(conn, table, writer);
        }
        match connection(conn) {
            Some(conn) if table.can_copy => copy::read(conn, table, writer),
            _ => cursor::read(conn, table, writer),
        }
    }
}

/// Quotes a name.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Returns an expression for the text of a column's value.
fn as_text(column: &str) -> String {
    text_of(&quoted(column))
}

/// Returns an expression for the text of a value, as `COPY` writes it. No cast is used, because the
/// owner of a type may have created one, and no `IS NULL`, which is true for rows of NULLs.
fn text_of(value: &str) -> String {
    format!("CASE WHEN {value} IS DISTINCT FROM NULL THEN pg_catalog.format('%s', {value}) END")
}

/// Writes the columns of a row and returns the length of their texts.
fn write_row<'a>(
    row: &impl Row<'a, Pg>,
    table: &DumpTable,
    writer: &mut RowWriter<'_>,
) -> Result<usize, DumpError> {
    let mut bytes = 0;
    for (position, column) in table.columns.iter().enumerate() {
        let field = row.get(position);
        let value = field.as_ref().and_then(Field::value);
        let text = value.as_ref().map(|value| str::from_utf8(value.as_bytes()));
        let text = text
            .transpose()
            .map_err(|_| writer.refusal(column, "the value".to_owned(), NOT_UTF_8))?;
        bytes += text.map_or(0, str::len);
        text::write(writer, position, column, text)?;
    }
    writer.end()?;
    Ok(bytes)
}

//! Reads tables of SQLite for a dump.

mod pages;
mod value;

use diesel::connection::LoadConnection;
use diesel::prelude::*;
use diesel::row::{Field, Row};
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::Sqlite;

use super::place::Place;
use super::{describe, name};
use crate::backend::column::{ColumnKind, TableDescription};
use crate::backend::connection::BackendConnection;
use crate::dump::DumpError;
use crate::dump::engine::{DumpColumn, DumpEngine, DumpTable, TableName};
use crate::dump::row::RowWriter;
use crate::internal_tables::{DIESELS_HISTORY, quoted_table_names};
use value::{Value, is_suspect, write};

impl DumpEngine for Sqlite {
    fn list<C>(conn: &mut C) -> QueryResult<Vec<TableName>>
    where
        C: BackendConnection<Backend = Self>,
    {
        // A server has no temporary table that could hide one of these.
        let schema = (!conn.is_remote()).then(|| "main".to_owned());
        let names = diesel::sql_query(list()).load::<Name>(conn)?;
        let names = names.into_iter().map(|Name { name }| TableName {
            name,
            schema: schema.clone(),
        });
        Ok(names.collect())
    }

    fn left_out<C>(conn: &mut C) -> QueryResult<Vec<String>>
    where
        C: BackendConnection<Backend = Self>,
    {
        let names = diesel::sql_query(
            "SELECT name FROM sqlite_master
             WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL %'
               AND name NOT LIKE '\\_\\_covara\\_%' ESCAPE '\\'
             ORDER BY name COLLATE BINARY",
        );
        let names = names.load::<Name>(conn)?;
        Ok(names.into_iter().map(|Name { name }| name).collect())
    }

    fn prepare<C>(conn: &mut C, names: Vec<TableName>) -> Result<Vec<DumpTable>, DumpError>
    where
        C: BackendConnection<Backend = Self>,
    {
        names.into_iter().map(|name| table(conn, name)).collect()
    }

    fn read<C>(conn: &mut C, table: &DumpTable, writer: &mut RowWriter<'_>) -> Result<(), DumpError>
    where
        C: BackendConnection<Backend = Self>,
    {
        match conn.is_remote() {
            true => pages::read(conn, table, writer),
            false => read(conn, table, writer),
        }
    }
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Returns a query for the tables of the application. Left out are virtual tables and the tables
/// that those of SQLite keep their content in, which SQLite creates with these quotes around their
/// names, the tables of this library, and those of Diesel, wrangler, Cloudflare and libSQL.
fn list() -> String {
    const PARTS: [&str; 12] = [
        "data", "idx", "content", "docsize", "config", "segments", "segdir", "stat", "node",
        "parent", "rowid", "instance",
    ];
    let parts = PARTS.map(|part| format!("v.name || '_{part}'")).join(", ");
    format!(
        "SELECT t.name AS name FROM sqlite_master AS t
         WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL %'
           AND name NOT IN ({}, '{DIESELS_HISTORY}', 'd1_migrations', 'libsql_wasm_func_table')
           AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_\\_covara\\_%' ESCAPE '\\'
           AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' AND name NOT LIKE 'libsql\\_vector\\_%' ESCAPE '\\'
           AND NOT EXISTS (
               SELECT 1 FROM sqlite_master AS v
               WHERE v.sql LIKE 'CREATE VIRTUAL %' AND t.name IN ({parts})
                   AND (t.sql LIKE 'CREATE TABLE ''%' OR t.sql LIKE 'CREATE TABLE \"%')
           )
         ORDER BY name COLLATE BINARY",
        quoted_table_names()
    )
}

#[derive(QueryableByName)]
struct Object {
    #[diesel(sql_type = Text)]
    kind: String,
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    name: String,
    /// Position in the primary key, from 1.
    #[diesel(sql_type = BigInt)]
    key_position: i64,
}

fn table<C>(conn: &mut C, given: TableName) -> Result<DumpTable, DumpError>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let TableName {
        name: given,
        schema,
    } = given;
    let description = match &schema {
        Some(_) => describe::in_schema(conn, schema.as_deref(), &given)?,
        None => describe::table(conn, &given)?,
    };
    let Some(TableDescription { table, columns }) = description else {
        return Err(DumpError::UnknownTable { table: given });
    };
    let place = Place::of(conn, &table)?;
    if let Some(found) = other_kind(conn, &place)? {
        return Err(DumpError::NotATable {
            table: given,
            found,
        });
    }
    let mut real = diesel::sql_query(
        "SELECT name AS name, pk AS key_position FROM pragma_table_xinfo(?1, ?2)",
    )
    .bind::<Text, _>(&place.table)
    .bind::<Nullable<Text>, _>(&place.schema)
    .load::<Column>(conn)?;
    let columns = DumpColumn::of(columns);
    real.retain(|column| column.key_position > 0);
    real.sort_by_key(|column| column.key_position);
    let key: Vec<String> = real.into_iter().map(|column| column.name).collect();
    Ok(DumpTable {
        order: order(&columns, &key),
        name: given,
        table,
        columns,
        key,
        can_copy: false,
        page_keys: Vec::new(),
    })
}

/// Returns what has a name, if it is not a table.
fn other_kind<C>(conn: &mut C, place: &Place) -> QueryResult<Option<String>>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let found = diesel::sql_query(format!(
        "SELECT CASE WHEN sql LIKE 'CREATE VIRTUAL %' THEN 'virtual table' ELSE type END AS kind
         FROM {} WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE LIMIT 1",
        place.master()
    ))
    .bind::<Text, _>(&place.table)
    .get_result::<Object>(conn)
    .optional()?;
    Ok(match found {
        Some(Object { kind }) if kind == "table" => None,
        Some(Object { kind }) => Some(format!("a {kind}")),
        None => Some("a part of SQLite".to_owned()),
    })
}

fn quoted(column: &str) -> String {
    name::quoted(None, column)
}

/// Terms that SQLite takes to sort by
/// (<https://sqlite.org/limits.html#max_column>).
const MOST_TERMS: usize = 2_000;

/// Returns whether a table without a key has too many columns to be sorted by each of them.
fn is_wide(columns: &[DumpColumn], key: &[String]) -> bool {
    key.is_empty() && 2 * columns.len() > MOST_TERMS
}

/// Sorts by the key, or by all columns. By their bytes, so that neither a missing collation nor
/// another version of one matters. 1 and 1.0 are equal, but of different types.
fn order(columns: &[DumpColumn], key: &[String]) -> String {
    if is_wide(columns, key) {
        let values: Vec<String> = columns
            .iter()
            .map(|column| format!("quote({})", quoted(&column.name)))
            .collect();
        return joined(&values, " || ',' || ");
    }
    let of_key = key
        .iter()
        .map(|name| format!("{} COLLATE BINARY", quoted(name)));
    let of_all = columns.iter().map(|column| {
        let name = quoted(&column.name);
        format!("{name} COLLATE BINARY, typeof({name})")
    });
    let terms: Vec<String> = match key.is_empty() {
        true => of_all.collect(),
        false => of_key.collect(),
    };
    terms.join(", ")
}

/// Joins expressions in pairs, and these in pairs again: SQLite refuses an expression that is nested
/// more than 1,000 times (<https://sqlite.org/limits.html#max_expr_depth>).
fn joined(terms: &[String], operator: &str) -> String {
    match terms {
        [] => String::new(),
        [term] => term.clone(),
        terms => {
            let (first, second) = terms.split_at(terms.len() / 2);
            let [first, second] = [first, second].map(|terms| joined(terms, operator));
            format!("({first}{operator}{second})")
        }
    }
}

/// Returns an expression for a column's value. JSON in binary form is read as text; what is no such
/// JSON becomes a blob, which is refused.
fn expression(column: &DumpColumn) -> String {
    let name = quoted(&column.name);
    match column.kind {
        ColumnKind::Jsonb => format!(
            "CASE WHEN {name} IS NULL THEN NULL \
             WHEN typeof({name}) = 'blob' AND json_valid({name}, 8) THEN json({name}) \
             ELSE x'' END"
        ),
        _ => name,
    }
}

fn read<C>(conn: &mut C, table: &DumpTable, writer: &mut RowWriter<'_>) -> Result<(), DumpError>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let columns: Vec<String> = table.columns.iter().map(expression).collect();
    let query = format!(
        "SELECT {} FROM {} ORDER BY {}",
        columns.join(", "),
        table.table,
        table.order
    );
    let rows = LoadConnection::load(conn, diesel::sql_query(query));
    for row in rows.map_err(|error| writer.interrupted(error))? {
        let row = row.map_err(|error| writer.interrupted(error))?;
        for (position, column) in table.columns.iter().enumerate() {
            let field = row.get(position);
            let mut value = field.as_ref().and_then(Field::value);
            let mut found = Value::of(value.as_mut());
            if let Value::Text(text) = found
                && is_suspect(text)
                && let Some(mut again) = field.as_ref().and_then(Field::value)
                && again.read_blob() != text.as_bytes()
            {
                found = Value::Broken;
            }
            write(writer, position, column, &found)?;
        }
        writer.end()?;
    }
    Ok(())
}

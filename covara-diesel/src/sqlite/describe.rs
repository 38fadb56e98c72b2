//! Descriptions of tables, as SQLite reports them.

use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{Nullable, Text};
use diesel::sqlite::Sqlite;

use super::migrate::affinity;
use super::name;
use super::place::Place;
use crate::backend::answer::Answer;
use crate::backend::column::JsonText;
use crate::backend::column::{
    CatalogueColumn, ColumnKind, ColumnValue, TableDescription, visit_value,
};
use crate::backend::connection::BackendConnection;
use crate::seed::ColumnVisitor;

/// Lists the columns of a table. SQLite assigns the rowid where it is omitted or NULL. A column is
/// an alias of the rowid if it is the only key, has the type INTEGER, and has no index of its own,
/// as descending keys and those of tables WITHOUT ROWID have
/// (<https://sqlite.org/lang_createtable.html#rowid>). Other keys may hold NULL because of an old
/// bug in SQLite; they are described as NOT NULL, because no file relies on that bug. Hidden
/// columns are generated (2, 3) or belong to a virtual table (1). libSQL's server does not accept
/// HAVING without GROUP BY.
const COLUMNS: &str = "
WITH columns AS (SELECT * FROM pragma_table_xinfo(?1, ?2) WHERE hidden <> 1),
     rowid AS (
         SELECT cid FROM (
             SELECT max(cid) AS cid, count(*) AS keys, upper(max(type)) AS kind
             FROM columns WHERE pk > 0
         )
         WHERE keys = 1 AND kind = 'INTEGER'
             AND NOT EXISTS (SELECT 1 FROM pragma_index_list(?1, ?2) WHERE origin = 'pk')
     )
SELECT c.name AS name, c.type AS kind, 0 AS is_range,
       c.cid IS (SELECT cid FROM rowid) OR (c.\"notnull\" = 0 AND c.pk = 0) AS nullable,
       c.cid IS (SELECT cid FROM rowid) OR (c.\"notnull\" = 0 AND c.pk = 0)
           OR c.dflt_value IS NOT NULL AS optional,
       c.hidden <> 0 AS generated,
       CASE WHEN c.cid IS (SELECT cid FROM rowid) THEN 'rowid'
            WHEN c.hidden <> 0 THEN 'same'
            WHEN upper(ifnull(c.dflt_value, 'NULL')) = 'NULL' THEN 'new'
            WHEN c.dflt_value NOT LIKE '''%' AND instr(c.dflt_value, '(') > 0 THEN 'new'
            ELSE 'same' END AS absent
FROM columns AS c ORDER BY c.cid";

#[derive(QueryableByName)]
struct Schema {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Describes a table. A name with a dot is first looked up as a table's whole name, then as a
/// schema and a table.
pub(super) fn table<C>(conn: &mut C, name: &str) -> QueryResult<Option<TableDescription>>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let mut found = in_schema(conn, None, name)?;
    if let (None, Some((schema, table))) = (&found, name.split_once('.')) {
        let schemas = diesel::sql_query("SELECT name AS name FROM pragma_database_list");
        let schemas = schemas.load::<Schema>(conn)?;
        if schemas
            .iter()
            .any(|known| known.name.eq_ignore_ascii_case(schema))
        {
            found = in_schema(conn, Some(schema), table)?;
        }
    }
    Ok(found)
}

/// Describes a table of a schema, or the one that the name alone stands for.
pub(super) fn in_schema<C>(
    conn: &mut C,
    schema: Option<&str>,
    table: &str,
) -> QueryResult<Option<TableDescription>>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let columns = diesel::sql_query(COLUMNS)
        .bind::<Text, _>(table)
        .bind::<Nullable<Text>, _>(schema)
        .load::<CatalogueColumn>(conn)?;
    let has_any = columns.iter().any(|column| is_any(&column.kind));
    let table = name::quoted(schema, table);
    let is_strict = has_any && is_strict(conn, &table)?;
    let kind = |declared: &str| match is_strict && is_any(declared) {
        true => ColumnKind::Any,
        false => kind(declared),
    };
    Ok(TableDescription::of(table, columns, kind))
}

fn is_any(declared: &str) -> bool {
    declared.eq_ignore_ascii_case("ANY")
}

/// Returns whether a table is STRICT, where ANY keeps every value as it is
/// (<https://sqlite.org/stricttables.html>).
fn is_strict<C>(conn: &mut C, table: &str) -> QueryResult<bool>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let Place { schema, table } = Place::of(conn, table)?;
    let found = diesel::sql_query(
        "SELECT strict AS yes FROM pragma_table_list(?1)
         WHERE schema = coalesce(?2, 'main') COLLATE NOCASE",
    )
    .bind::<Text, _>(table)
    .bind::<Nullable<Text>, _>(schema)
    .get_result::<Answer>(conn)
    .optional()?;
    Ok(found.is_some_and(|found| found.yes))
}

/// Returns the kind of a declared type: by the type's name where Diesel or common use gives it a
/// meaning, otherwise by its affinity. A type that has an affinity for numbers only because its name
/// is unknown, as POINT has for INTEGER, may hold anything.
fn kind(declared: &str) -> ColumnKind {
    let declared = declared.to_ascii_uppercase();
    let name = declared.split('(').next().unwrap_or_default().trim();
    match name {
        "BOOLEAN" | "BOOL" => ColumnKind::Bool,
        "DATE" => ColumnKind::Date,
        "TIME" => ColumnKind::Time,
        "TIMESTAMP" | "DATETIME" | "TIMESTAMP WITHOUT TIME ZONE" => ColumnKind::Timestamp,
        "TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE" => ColumnKind::Timestamptz,
        "JSON" => ColumnKind::Json,
        "JSONB" => ColumnKind::Jsonb,
        "NUMERIC" | "DECIMAL" | "DEC" | "NUMBER" | "MONEY" | "FLOATING POINT" => ColumnKind::Number,
        "" => ColumnKind::Any,
        _ => match affinity(&declared) {
            "INTEGER" if name.split_whitespace().any(is_integer) => ColumnKind::Flexible,
            "TEXT" => ColumnKind::Text,
            "BLOB" => ColumnKind::Blob,
            "REAL" => ColumnKind::Double,
            _ => ColumnKind::Affine,
        },
    }
}

/// Tells whether a word of a type's name means an integer: INTEGER, BIGINT, INT8 and the like.
fn is_integer(word: &str) -> bool {
    let word = word.trim_end_matches(|c: char| c.is_ascii_digit());
    word.ends_with("INTEGER") || (word.ends_with("INT") && !word.ends_with("POINT"))
}

pub(super) fn visit_value<'b, V>(value: &'b ColumnValue, visitor: &mut V) -> QueryResult<()>
where
    V: ColumnVisitor<'b, Sqlite>,
{
    visit_value!(value, visitor, {
        ColumnValue::Json(JsonText(text)) => visitor.column::<Text, _>(text),
        ColumnValue::Jsonb(JsonText(text)) => visitor.call("jsonb", text),
        // NULL has no type in SQLite.
        ColumnValue::Null(_) => visitor.column::<Nullable<Text>, Option<String>>(const { &None }),
        // SQLite has no such types; a time is a text here.
        ColumnValue::Other(..)
        | ColumnValue::Date(_)
        | ColumnValue::Time(_)
        | ColumnValue::Timestamp(_)
        | ColumnValue::Timestamptz(_) => {
            Err(Error::QueryBuilderError("a value of another database's".into()))
        }
    })
}

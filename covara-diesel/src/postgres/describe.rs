//! Tables as PostgreSQL's catalogue describes them.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Nullable, Text, Timestamptz};

use crate::connection::DatabaseConnection;
use crate::seed::ColumnVisitor;
use crate::seed::column::{ColumnKind, ColumnValue, TableColumn, TableDescription, visit_value};

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bool)]
    nullable: bool,
    #[diesel(sql_type = Bool)]
    optional: bool,
}

/// Domains count as what they are made of. No column that is generated: it takes no value.
const COLUMNS: &str = "
SELECT c.attname::text AS name,
       format_type(COALESCE(NULLIF(t.typbasetype, 0), t.oid), NULL) AS kind,
       NOT (c.attnotnull OR t.typnotnull) AS nullable,
       c.atthasdef OR c.attidentity <> '' OR NOT (c.attnotnull OR t.typnotnull) AS optional
FROM pg_catalog.pg_attribute AS c
JOIN pg_catalog.pg_type AS t ON t.oid = c.atttypid
WHERE c.attrelid = to_regclass($1) AND c.attnum > 0 AND NOT c.attisdropped
  AND c.attgenerated = ''
ORDER BY c.attnum";

pub(super) fn table<C>(conn: &mut C, name: &str) -> QueryResult<Option<TableDescription>>
where
    C: DatabaseConnection<Backend = Pg>,
{
    let quote = |part: &str| format!("\"{}\"", part.replace('"', "\"\""));
    let quoted = match name.split_once('.') {
        Some((schema, table)) => format!("{}.{}", quote(schema), quote(table)),
        None => quote(name),
    };
    let columns = diesel::sql_query(COLUMNS)
        .bind::<Text, _>(&quoted)
        .load::<Column>(conn)?;
    if columns.is_empty() {
        return Ok(None);
    }
    let columns = columns.into_iter().map(|column| TableColumn {
        name: column.name,
        kind: kind(column.kind),
        nullable: column.nullable,
        optional: column.optional,
    });
    Ok(Some(TableDescription {
        table: quoted,
        columns: columns.collect(),
    }))
}

fn kind(type_name: String) -> ColumnKind {
    match type_name.as_str() {
        "smallint" => ColumnKind::SmallInt,
        "integer" => ColumnKind::Integer,
        "bigint" => ColumnKind::BigInt,
        "real" => ColumnKind::Float,
        "double precision" => ColumnKind::Double,
        "boolean" => ColumnKind::Bool,
        "text" | "character varying" | "character" => ColumnKind::Text,
        "bytea" => ColumnKind::Blob,
        "date" => ColumnKind::Date,
        "time without time zone" => ColumnKind::Time,
        "timestamp without time zone" => ColumnKind::Timestamp,
        "timestamp with time zone" => ColumnKind::Timestamptz,
        "json" => ColumnKind::Json,
        "jsonb" => ColumnKind::Jsonb,
        _ => ColumnKind::Other(type_name),
    }
}

pub(super) fn visit_value<'b, V>(value: &'b ColumnValue, visitor: &mut V) -> QueryResult<()>
where
    V: ColumnVisitor<'b, Pg>,
{
    visit_value!(value, visitor, {
        ColumnValue::Timestamptz(value) => visitor.column::<Timestamptz, _>(value),
        ColumnValue::Null(ColumnKind::Timestamptz) => {
            visitor.column::<Nullable<Timestamptz>, Option<chrono::NaiveDateTime>>(const { &None })
        }
        ColumnValue::Other(text, sql_type) => visitor.cast(text, sql_type),
        // Kinds that no column of PostgreSQL is described with.
        ColumnValue::Null(ColumnKind::Number | ColumnKind::Any | ColumnKind::Other(_)) => {
            visitor.column::<Nullable<Text>, Option<String>>(const { &None })
        }
    })
}

#[derive(QueryableByName)]
struct Referenced {
    #[diesel(sql_type = Text)]
    name: String,
}

const REFERENCED: &str = "
SELECT other.name FROM unnest($2) WITH ORDINALITY AS other (name, position)
JOIN pg_catalog.pg_constraint AS k ON k.confrelid = to_regclass(other.name)
WHERE k.contype = 'f' AND k.conrelid = to_regclass($1)
ORDER BY other.position LIMIT 1";

pub(super) fn referenced_among<C>(
    conn: &mut C,
    table: &str,
    others: &[String],
) -> QueryResult<Option<String>>
where
    C: DatabaseConnection<Backend = Pg>,
{
    let found = diesel::sql_query(REFERENCED)
        .bind::<Text, _>(table)
        .bind::<Array<Text>, _>(others)
        .get_result::<Referenced>(conn)
        .optional()?;
    Ok(found.map(|referenced| referenced.name))
}

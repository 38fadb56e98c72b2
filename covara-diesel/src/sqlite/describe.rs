//! Tables as SQLite describes them.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Double, Nullable, Text};
use diesel::sqlite::Sqlite;

use super::layout::affinity;
use crate::connection::DatabaseConnection;
use crate::seed::ColumnVisitor;
use crate::seed::column::{ColumnKind, ColumnValue, TableColumn, TableDescription, visit_value};
use crate::seed::target::unquoted;

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

/// An INTEGER PRIMARY KEY is given by SQLite where it is left out or NULL. Hidden columns
/// are generated or a virtual table's own.
const COLUMNS: &str = "
SELECT c.name AS name, c.type AS kind,
       c.\"notnull\" = 0 AND (c.pk = 0 OR upper(c.type) = 'INTEGER') AS nullable,
       c.dflt_value IS NOT NULL
           OR (c.\"notnull\" = 0 AND (c.pk = 0 OR upper(c.type) = 'INTEGER'))
           OR (c.pk = 1 AND upper(c.type) = 'INTEGER') AS optional
FROM pragma_table_xinfo(?, ?) AS c WHERE c.hidden = 0 ORDER BY c.cid";

pub(super) fn table<C>(conn: &mut C, name: &str) -> QueryResult<Option<TableDescription>>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let quote = |part: &str| format!("`{}`", part.replace('`', "``"));
    let (schema, table) = match name.split_once('.') {
        Some((schema, table)) => (Some(schema), table),
        None => (None, name),
    };
    let columns = diesel::sql_query(COLUMNS)
        .bind::<Text, _>(table)
        .bind::<Nullable<Text>, _>(schema)
        .load::<Column>(conn)?;
    if columns.is_empty() {
        return Ok(None);
    }
    let columns = columns.into_iter().map(|column| TableColumn {
        kind: kind(&column.kind),
        name: column.name,
        nullable: column.nullable,
        optional: column.optional,
    });
    let schema = schema.map_or_else(String::new, |schema| quote(schema) + ".");
    Ok(Some(TableDescription {
        table: schema + &quote(table),
        columns: columns.collect(),
    }))
}

/// By the declared type's name where Diesel or common use gives it a meaning, else by its
/// affinity.
fn kind(declared: &str) -> ColumnKind {
    let name = declared.split('(').next().unwrap_or_default().trim();
    match name.to_ascii_uppercase().as_str() {
        "BOOLEAN" | "BOOL" => ColumnKind::Bool,
        "DATE" => ColumnKind::Date,
        "TIME" => ColumnKind::Time,
        "TIMESTAMP" | "DATETIME" => ColumnKind::Timestamp,
        "JSON" => ColumnKind::Json,
        "JSONB" => ColumnKind::Jsonb,
        "" | "ANY" => ColumnKind::Any,
        _ => match affinity(declared) {
            "INTEGER" => ColumnKind::BigInt,
            "TEXT" => ColumnKind::Text,
            "BLOB" => ColumnKind::Blob,
            "REAL" => ColumnKind::Double,
            _ => ColumnKind::Number,
        },
    }
}

pub(super) fn visit_value<'b, V>(value: &'b ColumnValue, visitor: &mut V) -> QueryResult<()>
where
    V: ColumnVisitor<'b, Sqlite>,
{
    visit_value!(value, visitor, {
        ColumnValue::Null(ColumnKind::Number) => {
            visitor.column::<Nullable<Double>, Option<f64>>(const { &None })
        }
        ColumnValue::Null(ColumnKind::Any | ColumnKind::Timestamptz | ColumnKind::Other(_)) => {
            visitor.column::<Nullable<Text>, Option<String>>(const { &None })
        }
        // Kinds that no column of SQLite is described with.
        ColumnValue::Timestamptz(value) => {
            visitor.column::<diesel::sql_types::TimestamptzSqlite, _>(value)
        }
        ColumnValue::Other(text, _) => visitor.column::<Nullable<Text>, _>(text),
    })
}

#[derive(QueryableByName)]
struct ForeignKey {
    #[diesel(sql_type = Text)]
    parent: String,
}

pub(super) fn referenced_among<C>(
    conn: &mut C,
    table: &str,
    others: &[String],
) -> QueryResult<Option<String>>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let table = unquoted(table);
    let (schema, name) = match table.split_once('.') {
        Some((schema, name)) => (Some(schema), name),
        None => (None, table.as_str()),
    };
    let keys = diesel::sql_query("SELECT \"table\" AS parent FROM pragma_foreign_key_list(?, ?)")
        .bind::<Text, _>(name)
        .bind::<Nullable<Text>, _>(schema)
        .load::<ForeignKey>(conn)?;
    // A foreign key stays within its schema.
    let prefix = schema.map_or_else(String::new, |schema| format!("{schema}."));
    let first = others.iter().find(|other| {
        let other = unquoted(other);
        keys.iter()
            .any(|key| other.eq_ignore_ascii_case(&format!("{prefix}{}", key.parent)))
    });
    Ok(first.cloned())
}

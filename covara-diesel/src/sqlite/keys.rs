//! The unique keys of a table, and what a seed asks about conflicts.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text};
use diesel::sqlite::Sqlite;

use super::name;
use crate::backend::connection::BackendConnection;
use crate::seed::conflict::FoundKey;

#[derive(QueryableByName)]
struct KeyColumn {
    /// The index, or an empty name for the primary key.
    #[diesel(sql_type = Text)]
    key: String,
    /// `None` for an expression.
    #[diesel(sql_type = Nullable<Text>)]
    column: Option<String>,
}

/// The columns of a primary key have no index of their own if they are the rowid.
const KEYS: &str = "
SELECT '' AS key, name AS \"column\" FROM pragma_table_info(?1, ?2) WHERE pk > 0
UNION ALL
SELECT i.name, c.name FROM pragma_index_list(?1, ?2) AS i, pragma_index_info(i.name, ?2) AS c
WHERE i.\"unique\" AND NOT i.partial AND i.origin <> 'pk'
ORDER BY 1";

pub(super) fn unique_keys<C>(conn: &mut C, table: &str) -> QueryResult<Vec<FoundKey>>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let (schema, table) = name::parts(table);
    let columns = diesel::sql_query(KEYS)
        .bind::<Text, _>(table)
        .bind::<Nullable<Text>, _>(schema)
        .load::<KeyColumn>(conn)?;
    let keys = columns.chunk_by(|a, b| a.key == b.key);
    let keys = keys.filter_map(|columns| {
        let names = columns.iter().map(|it| it.column.clone());
        Some(FoundKey {
            columns: names.collect::<Option<_>>()?,
            is_primary: columns[0].key.is_empty(),
            is_deferrable: false,
            nulls_are_equal: false,
        })
    });
    Ok(keys.collect())
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    yes: bool,
}

/// Returns whether a table may have a conflict clause.
pub(super) fn has_conflict_clauses<C>(conn: &mut C, table: &str) -> QueryResult<bool>
where
    C: BackendConnection<Backend = Sqlite>,
{
    describes(
        conn,
        table,
        "type = 'table' AND instr(lower(sql), 'conflict') > 0",
    )
}

/// Returns whether a table has triggers. All of SQLite's are for rows.
pub(super) fn has_triggers<C>(conn: &mut C, table: &str) -> QueryResult<bool>
where
    C: BackendConnection<Backend = Sqlite>,
{
    describes(conn, table, "type = 'trigger'")
}

/// Returns whether what the database knows about a table meets a condition.
fn describes<C>(conn: &mut C, table: &str, condition: &str) -> QueryResult<bool>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let (schema, table) = name::parts(table);
    let master = name::master(schema.as_deref());
    let query = format!(
        "SELECT EXISTS (SELECT 1 FROM (SELECT type, tbl_name, sql FROM {master}
                        UNION ALL SELECT type, tbl_name, sql FROM sqlite_temp_master)
                        WHERE tbl_name = ?1 COLLATE NOCASE AND {condition}) AS yes"
    );
    let answer = diesel::sql_query(query).bind::<Text, _>(table);
    Ok(answer.get_result::<Answer>(conn)?.yes)
}

/// Compares bytes, whatever the collations of the columns, and types: 1 and 1.0 are equal.
pub(super) fn differs(columns: &[String]) -> String {
    let columns = columns.iter();
    let conditions = columns.map(|it| {
        format!(
            "present.{it} COLLATE BINARY IS NOT excluded.{it} \
             OR typeof(present.{it}) <> typeof(excluded.{it})"
        )
    });
    let conditions: Vec<String> = conditions.collect();
    conditions.join(" OR ")
}

//! Tables that a seed empties.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use diesel::sqlite::Sqlite;

use super::name;
use super::place::Place;
use crate::backend::answer::holds;
use crate::backend::connection::BackendConnection;
use crate::seed::foreign_key::OuterReference;

#[derive(QueryableByName)]
struct KeyColumn {
    #[diesel(sql_type = Text)]
    child: String,
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Text)]
    own: String,
}

/// Returns the foreign keys of other tables to these. A foreign key refers to a table in its own
/// schema. Cloudflare does not let its own tables be looked at.
pub(super) fn outer_references<C>(
    conn: &mut C,
    tables: &[String],
) -> QueryResult<Vec<OuterReference>>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let places = tables.iter().map(|table| Place::of(conn, table));
    let places = places.collect::<QueryResult<Vec<_>>>()?;
    let mut found = Vec::new();
    for (parent, place) in tables.iter().zip(&places) {
        let columns = diesel::sql_query(format!(
            "SELECT m.name AS child, k.id AS id, k.\"from\" AS own
             FROM {} AS m, pragma_foreign_key_list(m.name, ?2) AS k
             WHERE m.type = 'table' AND m.name NOT LIKE '\\_cf\\_%' ESCAPE '\\' AND k.\"table\" = ?1 COLLATE NOCASE
             ORDER BY m.name, k.id, k.seq",
            place.master()
        ))
        .bind::<Text, _>(&place.table)
        .bind::<Nullable<Text>, _>(&place.schema)
        .load::<KeyColumn>(conn)?;
        for key in columns.chunk_by(|a, b| (&a.child, a.id) == (&b.child, b.id)) {
            let child = &key[0].child;
            if !places.iter().any(|it| it.is_sibling(place, child)) {
                found.push(OuterReference {
                    child: place.sibling(conn, child)?,
                    columns: key.iter().map(|it| name::quoted(None, &it.own)).collect(),
                    may_hide: false,
                    parent: parent.clone(),
                });
            }
        }
    }
    Ok(found)
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = BigInt)]
    defer_foreign_keys: i64,
}

/// Deletes the rows of tables that refer to each other. No row of another table refers to them, so
/// nothing is violated when the foreign keys are no longer deferred.
pub(super) fn empty<C>(conn: &mut C, tables: &[String]) -> QueryResult<Vec<usize>>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let delete = |conn: &mut C, table: &String| {
        diesel::sql_query(format!("DELETE FROM {table}")).execute(conn)
    };
    if let [table] = tables {
        return Ok(vec![delete(conn, table)?]);
    }
    let setting = diesel::sql_query("PRAGMA defer_foreign_keys").get_result::<Setting>(conn)?;
    conn.batch_execute("PRAGMA defer_foreign_keys = ON")?;
    let deleted = tables.iter().map(|table| delete(conn, table)).collect();
    if setting.defer_foreign_keys == 0 {
        conn.batch_execute("PRAGMA defer_foreign_keys = OFF")?;
    }
    deleted
}

/// Forgets the largest id of a table with AUTOINCREMENT. Others start anew by themselves.
pub(super) fn restarts<C>(conn: &mut C, table: &str) -> QueryResult<Vec<String>>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let place = Place::of(conn, table)?;
    let has_sequences = format!(
        "EXISTS (SELECT 1 FROM {} WHERE name = 'sqlite_sequence')",
        place.master()
    );
    if !holds(conn, &has_sequences)? {
        return Ok(Vec::new());
    }
    Ok(vec![format!(
        "DELETE FROM {} WHERE name = '{}' COLLATE NOCASE",
        place.in_schema("sqlite_sequence"),
        place.table.replace('\'', "''")
    )])
}

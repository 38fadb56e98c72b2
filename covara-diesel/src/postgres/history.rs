//! Reads histories of migrations.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use super::objects::{hides_ours, kind_of};
use super::owners;
use crate::backend::connection::BackendConnection;
use crate::backend::stranger::Stranger;
use crate::internal_tables::DIESELS_HISTORY;
pub(super) use crate::internal_tables::HISTORY as INTERNAL;
use crate::migrate::{InTheWay, Obstacle};

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

pub(super) fn versions<C>(conn: &mut C, table: &str) -> QueryResult<Vec<String>>
where
    C: BackendConnection<Backend = Pg>,
{
    let rows =
        diesel::sql_query(format!("SELECT version::text FROM {table}")).load::<Version>(conn)?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

#[derive(QueryableByName)]
struct Table {
    /// The quoted name with its schema.
    #[diesel(sql_type = Text)]
    name: String,
    /// The owner, if it is another role and any role could have created the table.
    #[diesel(sql_type = Nullable<Text>)]
    suspect: Option<String>,
    #[diesel(sql_type = Text)]
    kind: String,
}

/// Reads the history where Diesel's harness would create it, and not further along the search path,
/// where it would describe another schema's tables.
pub(super) fn of_application<C>(
    conn: &mut C,
    trusted: &[String],
) -> QueryResult<Result<Vec<String>, InTheWay>>
where
    C: BackendConnection<Backend = Pg>,
{
    let table = diesel::sql_query(format!(
        "SELECT CAST(pg_catalog.format('%I.%I', n.nspname, t.relname) AS text) AS name,
             {} AS suspect, {} AS kind
         FROM pg_catalog.pg_class AS t
         JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
         WHERE t.relname = CAST($1 AS name)
             AND (n.nspname = pg_catalog.current_schema() OR {})",
        owners::suspect("t.relowner", "n.oid"),
        kind_of("t"),
        hides_ours("t"),
    ));
    let found = table.bind::<Text, _>(DIESELS_HISTORY).load::<Table>(conn)?;
    let named = |table: &Table| match &*table.kind {
        "table" => DIESELS_HISTORY.to_owned(),
        kind => format!("{kind} {DIESELS_HISTORY}"),
    };
    let suspects = found.iter().filter_map(|table| {
        table.suspect.as_ref().map(|owner| Stranger {
            table: named(table),
            owner: owner.clone(),
        })
    });
    let strangers = owners::strangers(conn, suspects.collect(), trusted)?;
    if let Some(stranger) = strangers.into_iter().next() {
        return Ok(Err(InTheWay::Stranger(stranger)));
    }
    if let Some(other) = found.iter().find(|table| table.kind != "table") {
        return Ok(Err(InTheWay::Obstacle(Obstacle {
            name: DIESELS_HISTORY.to_owned(),
            kind: other.kind.clone(),
        })));
    }
    match found.first() {
        Some(table) => versions(conn, &table.name).map(Ok),
        None => Ok(Ok(Vec::new())),
    }
}

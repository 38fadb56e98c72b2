//! Reads histories of migrations.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use super::owners;
use crate::backend::connection::BackendConnection;
use crate::backend::table::Stranger;

/// The library's own history table.
pub(super) const INTERNAL: &str = "__covara_migrations";
const DIESELS: &str = "__diesel_schema_migrations";

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
}

/// Reads the history where Diesel's harness would create it, and not further along the search path,
/// where it would describe another schema's tables.
pub(super) fn of_application<C>(
    conn: &mut C,
    trusted: &[String],
) -> QueryResult<Result<Vec<String>, Stranger>>
where
    C: BackendConnection<Backend = Pg>,
{
    let table = diesel::sql_query(format!(
        "SELECT CAST(pg_catalog.format('%I.%I', n.nspname, t.relname) AS text) AS name,
             {} AS suspect
         FROM pg_catalog.pg_class AS t
         JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
         WHERE n.nspname = pg_catalog.current_schema() AND t.relname = CAST($1 AS name)
             AND t.relkind IN ('r', 'p', 'v', 'm', 'f')",
        owners::suspect("t.relowner", "n.oid")
    ));
    let table = table
        .bind::<Text, _>(DIESELS)
        .get_result::<Table>(conn)
        .optional()?;
    let Some(Table { name, suspect }) = table else {
        return Ok(Ok(Vec::new()));
    };
    let suspects = suspect.map(|owner| Stranger {
        table: DIESELS.to_owned(),
        owner,
    });
    let strangers = owners::strangers(conn, suspects.into_iter().collect(), trusted)?;
    match strangers.into_iter().next() {
        Some(stranger) => Ok(Err(stranger)),
        None => versions(conn, &name).map(Ok),
    }
}

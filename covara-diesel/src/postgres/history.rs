//! What histories of migrations hold.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use super::owners;
use crate::connection::DatabaseConnection;
use crate::engine::Stranger;

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
    C: DatabaseConnection<Backend = Pg>,
{
    let rows =
        diesel::sql_query(format!("SELECT version::text FROM {table}")).load::<Version>(conn)?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

#[derive(QueryableByName)]
struct Table {
    /// Its owner, where that is another role and everybody could have made the table.
    #[diesel(sql_type = Nullable<Text>)]
    suspect: Option<String>,
}

pub(super) fn of_application<C>(
    conn: &mut C,
    trusted: &[String],
) -> QueryResult<Result<Vec<String>, Stranger>>
where
    C: DatabaseConnection<Backend = Pg>,
{
    let table = diesel::sql_query(format!(
        "SELECT {} AS suspect FROM pg_catalog.pg_class
         WHERE oid = CAST(pg_catalog.to_regclass($1) AS oid)",
        owners::suspect("relowner", "relnamespace")
    ));
    let table = table
        .bind::<Text, _>(DIESELS)
        .get_result::<Table>(conn)
        .optional()?;
    let Some(Table { suspect }) = table else {
        return Ok(Ok(Vec::new()));
    };
    let suspects = suspect.map(|owner| Stranger {
        table: DIESELS.to_owned(),
        owner,
    });
    let strangers = owners::strangers(conn, suspects.into_iter().collect(), trusted)?;
    match strangers.into_iter().next() {
        Some(stranger) => Ok(Err(stranger)),
        None => versions(conn, DIESELS).map(Ok),
    }
}

//! How SQLite takes a seed's rows best.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel::sqlite::Sqlite;

use super::name;
use crate::connection::DatabaseConnection;
use crate::engine::SeedWay;

#[derive(QueryableByName)]
struct Triggers {
    #[diesel(sql_type = Bool)]
    found: bool,
}

/// A statement that may have to undo itself journals every page it touches, which makes
/// keys in random order twice as slow; `OR FAIL` spares that. It would also replace the
/// conflict clauses inside triggers, so a table with triggers does without it, and so does
/// one in another schema, whose triggers are listed elsewhere.
pub(super) fn way<C>(conn: &mut C, table: &str) -> QueryResult<SeedWay>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let (None, name) = name::parts(table) else {
        return Ok(SeedWay::Ignore);
    };
    let triggers = diesel::sql_query(
        "SELECT EXISTS (SELECT 1 FROM sqlite_master
                        WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE)
             OR EXISTS (SELECT 1 FROM sqlite_temp_master
                        WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE) AS found",
    )
    .bind::<Text, _>(&name)
    .bind::<Text, _>(&name)
    .get_result::<Triggers>(conn)?;
    Ok(if triggers.found {
        SeedWay::Ignore
    } else {
        SeedWay::IgnoreOrFail
    })
}

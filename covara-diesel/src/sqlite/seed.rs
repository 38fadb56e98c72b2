//! How SQLite takes a seed's rows best.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel::sqlite::Sqlite;

use super::name;
use crate::backend::connection::DatabaseConnection;
use crate::backend::engine::SeedWay;

#[derive(QueryableByName)]
struct Clauses {
    #[diesel(sql_type = Bool)]
    possible: bool,
}

/// A statement that may have to undo itself journals every page it touches, which makes
/// keys in random order twice as slow; `OR FAIL` spares that. It would also replace the
/// conflict clauses of NOT NULL columns (`NOT NULL ON CONFLICT REPLACE`) and those inside
/// triggers, so a table that has such clauses or triggers does without it, and so does one
/// in another schema, which is described elsewhere.
pub(super) fn way<C>(conn: &mut C, table: &str) -> QueryResult<SeedWay>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let (None, name) = name::parts(table) else {
        return Ok(SeedWay::Ignore);
    };
    let clauses = diesel::sql_query(
        "SELECT EXISTS (
             SELECT 1 FROM (SELECT type, tbl_name, sql FROM sqlite_master
                            UNION ALL SELECT type, tbl_name, sql FROM sqlite_temp_master)
             WHERE tbl_name = ? COLLATE NOCASE
               AND (type = 'trigger' OR type = 'table' AND instr(lower(sql), 'conflict') > 0)
         ) AS possible",
    )
    .bind::<Text, _>(&name)
    .get_result::<Clauses>(conn)?;
    Ok(if clauses.possible {
        SeedWay::Ignore
    } else {
        SeedWay::IgnoreOrFail
    })
}

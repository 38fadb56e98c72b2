//! The fastest way to insert a seed's rows into SQLite.

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

/// Returns the way to insert a seed's rows. A statement that may have to be undone journals every
/// page it touches, which makes keys in random order twice as slow; `OR FAIL` avoids that. It would
/// also replace the conflict clauses of NOT NULL columns (`NOT NULL ON CONFLICT REPLACE`) and those
/// inside triggers, so it is not used for a table that has such clauses or triggers, nor for a
/// table in another schema, which is described elsewhere.
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

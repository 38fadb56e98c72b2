//! How PostgreSQL takes a seed's rows best.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use crate::connection::DatabaseConnection;
use crate::engine::SeedWay;

#[derive(QueryableByName)]
struct Rows {
    #[diesel(sql_type = Bool)]
    found: bool,
}

/// `ON CONFLICT` nearly doubles the time of an insert even where nothing conflicts, so an
/// empty table is filled without it. A table with rows is likely to conflict, and each
/// violation would stand in the server's log.
pub(super) fn way<C>(conn: &mut C, table: &str) -> QueryResult<SeedWay>
where
    C: DatabaseConnection<Backend = Pg>,
{
    let look = format!("SELECT EXISTS (SELECT 1 FROM {table}) AS found");
    // In a savepoint: a role may insert rows that it may not read.
    let rows = conn.transaction(|conn| diesel::sql_query(look).get_result::<Rows>(conn));
    Ok(match rows {
        Ok(Rows { found: false }) => SeedWay::PlainFirst,
        _ => SeedWay::Ignore,
    })
}

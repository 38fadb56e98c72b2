//! The constraints of a seed's tables that are checked when the transaction ends.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Text};

use crate::backend::connection::BackendConnection;
use crate::seed::deferral::DeferredConstraint;

#[derive(QueryableByName)]
struct Constraint {
    #[diesel(sql_type = BigInt)]
    table_position: i64,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    sql_name: String,
    #[diesel(sql_type = Bool)]
    is_foreign_key: bool,
    #[diesel(sql_type = Bool)]
    others_write: bool,
}

const CONSTRAINTS: &str = "
WITH seeded AS (
    SELECT CAST(pg_catalog.to_regclass(name) AS oid) AS oid, position
    FROM pg_catalog.unnest($1) WITH ORDINALITY AS given (name, position)
)
SELECT pg_catalog.min(s.position) - 1 AS table_position, CAST(k.conname AS text) AS name,
       pg_catalog.format('%I.%I', n.nspname, k.conname) AS sql_name,
       k.contype = 'f' AS is_foreign_key,
       EXISTS (SELECT FROM seeded AS other JOIN pg_catalog.pg_class AS t ON t.oid = other.oid
               WHERE t.relhasrules OR EXISTS (
                   SELECT FROM pg_catalog.pg_trigger AS g
                   WHERE NOT g.tgisinternal AND (g.tgrelid = t.oid OR g.tgrelid IN
                         (SELECT CAST(relid AS oid) FROM pg_catalog.pg_partition_tree(t.oid)))
               )) AS others_write
FROM seeded AS s
JOIN pg_catalog.pg_constraint AS k ON k.conrelid = s.oid AND k.condeferred AND k.contype <> 't'
JOIN pg_catalog.pg_namespace AS n ON n.oid = k.connamespace
GROUP BY k.oid, n.nspname, k.conname, k.contype
ORDER BY 1, k.oid";

/// Lists the constraints of the tables (quoted) that are INITIALLY DEFERRED.
pub(super) fn constraints<C>(
    conn: &mut C,
    tables: &[String],
) -> QueryResult<Vec<DeferredConstraint>>
where
    C: BackendConnection<Backend = Pg>,
{
    let found = diesel::sql_query(CONSTRAINTS)
        .bind::<Array<Text>, _>(tables)
        .load::<Constraint>(conn)?;
    let found = found.into_iter().filter_map(|row| {
        Some(DeferredConstraint {
            table: row.table_position.try_into().ok()?,
            name: row.name,
            sql_name: row.sql_name,
            is_foreign_key: row.is_foreign_key,
            others_write: row.others_write,
        })
    });
    Ok(found.collect())
}

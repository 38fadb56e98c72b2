//! The unique keys of a table, and how rows are compared.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Nullable, Text};

use crate::backend::answer::Answer;
use crate::backend::connection::BackendConnection;
use crate::seed::conflict::{FoundKey, UniqueIndex};

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = Array<Text>)]
    columns: Vec<String>,
    #[diesel(sql_type = Bool)]
    is_primary: bool,
    #[diesel(sql_type = Bool)]
    is_deferrable: bool,
    #[diesel(sql_type = Bool)]
    nulls_are_equal: bool,
}

/// The column `indnullsnotdistinct` exists since PostgreSQL 15.
const KEYS: &str = "
SELECT (SELECT pg_catalog.array_agg(CAST(c.attname AS text))
        FROM pg_catalog.unnest(CAST(i.indkey AS int2[])) WITH ORDINALITY AS k (attnum, position)
        JOIN pg_catalog.pg_attribute AS c ON c.attrelid = i.indrelid AND c.attnum = k.attnum
        WHERE k.position <= i.indnkeyatts) AS columns,
       i.indisprimary AS is_primary, NOT i.indimmediate AS is_deferrable,
       COALESCE(CAST(pg_catalog.to_jsonb(i) OPERATOR(pg_catalog.->>) 'indnullsnotdistinct' AS boolean),
                false) AS nulls_are_equal
FROM pg_catalog.pg_index AS i
WHERE i.indrelid = CAST(CAST($1 AS regclass) AS oid) AND i.indisunique AND i.indisvalid
  AND i.indpred IS NULL AND i.indexprs IS NULL
ORDER BY i.indexrelid";

pub(super) fn unique_keys<C>(conn: &mut C, table: &str) -> QueryResult<Vec<FoundKey>>
where
    C: BackendConnection<Backend = Pg>,
{
    let keys = diesel::sql_query(KEYS)
        .bind::<Text, _>(table)
        .load::<KeyRow>(conn)?;
    let keys = keys.into_iter().map(|row| FoundKey {
        columns: row.columns,
        is_primary: row.is_primary,
        is_deferrable: row.is_deferrable,
        nulls_are_equal: row.nulls_are_equal,
    });
    Ok(keys.collect())
}

#[derive(QueryableByName)]
struct IndexRow {
    #[diesel(sql_type = Array<Nullable<Text>>)]
    columns: Vec<Option<String>>,
    #[diesel(sql_type = Bool)]
    nulls_are_equal: bool,
}

const INDEXES: &str = "
SELECT (SELECT pg_catalog.array_agg(CAST(c.attname AS text))
        FROM pg_catalog.unnest(CAST(i.indkey AS int2[])) WITH ORDINALITY AS k (attnum, position)
        LEFT JOIN pg_catalog.pg_attribute AS c
            ON c.attrelid = i.indrelid AND c.attnum = k.attnum AND k.attnum <> 0
        WHERE k.position <= i.indnkeyatts) AS columns,
       COALESCE(CAST(pg_catalog.to_jsonb(i) OPERATOR(pg_catalog.->>) 'indnullsnotdistinct' AS boolean),
                false) AS nulls_are_equal
FROM pg_catalog.pg_index AS i
WHERE i.indrelid = CAST(CAST($1 AS regclass) AS oid) AND i.indisunique AND i.indisvalid
ORDER BY i.indisprimary DESC, i.indexrelid";

pub(super) fn unique_indexes<C>(conn: &mut C, table: &str) -> QueryResult<Vec<UniqueIndex>>
where
    C: BackendConnection<Backend = Pg>,
{
    let indexes = diesel::sql_query(INDEXES)
        .bind::<Text, _>(table)
        .load::<IndexRow>(conn)?;
    let indexes = indexes.into_iter().map(|row| UniqueIndex {
        columns: row.columns,
        nulls_are_equal: row.nulls_are_equal,
    });
    Ok(indexes.collect())
}

/// Looks for triggers for each row (type bit 1) of inserts (4) or updates (16), also on partitions.
const TRIGGERS: &str = "
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_trigger AS g
    WHERE NOT g.tgisinternal AND CAST(g.tgtype AS integer) & 1 = 1
      AND CAST(g.tgtype AS integer) & 20 <> 0
      AND (g.tgrelid = CAST(CAST($1 AS regclass) AS oid) OR g.tgrelid IN
           (SELECT CAST(relid AS oid) FROM pg_catalog.pg_partition_tree(CAST($1 AS regclass))))
) AS yes";

pub(super) fn has_row_triggers<C>(conn: &mut C, table: &str) -> QueryResult<bool>
where
    C: BackendConnection<Backend = Pg>,
{
    let answer = diesel::sql_query(TRIGGERS).bind::<Text, _>(table);
    Ok(answer.get_result::<Answer>(conn)?.yes)
}

/// Compares the bytes of the values: also of types without equality, and without calling an operator
/// that a stranger may have created.
pub(super) fn differs(columns: &[String]) -> String {
    compared("present", "*<>", "excluded", columns)
}

/// Compares the columns of two rows by one of the operators for the bytes of records.
pub(super) fn compared(a: &str, operator: &str, b: &str, columns: &[String]) -> String {
    let row = |name: &str| {
        let columns = columns.iter();
        let columns: Vec<String> = columns.map(|it| format!("{name}.{it}")).collect();
        format!("CAST(ROW({}) AS record)", columns.join(", "))
    };
    format!("{} OPERATOR(pg_catalog.{operator}) {}", row(a), row(b))
}

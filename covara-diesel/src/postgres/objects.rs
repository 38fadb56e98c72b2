//! Looks for objects that have internal names.

use super::{history, owners};
use crate::internal_tables::{
    DIESELS_HISTORY, quoted_index_names, quoted_indexes_and_tables, quoted_table_names,
};

/// Returns an expression for the kind of a relation, a row of `pg_class`. A partitioned table is a
/// table.
pub(super) fn kind_of(relation: &str) -> String {
    format!(
        "CASE WHEN {relation}.relpersistence = 't' THEN 'temporary ' ELSE '' END
         || CASE {relation}.relkind
             WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view'
             WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
             WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'composite type'
             ELSE 'index of ' || COALESCE(CAST((
                 SELECT o.relname FROM pg_catalog.pg_index AS x
                 JOIN pg_catalog.pg_class AS o ON o.oid = x.indrelid
                 WHERE x.indexrelid = {relation}.oid
             ) AS text), 'another table')
         END"
    )
}

/// Returns a condition for whether a relation is a temporary one that hides those of its name in the
/// schema where tables are created. A `search_path` may name `pg_temp` after that schema.
pub(super) fn hides_ours(relation: &str) -> String {
    format!(
        "({relation}.relnamespace = pg_catalog.pg_my_temp_schema()
          AND pg_catalog.array_position(pg_catalog.current_schemas(true), (
                  SELECT nspname FROM pg_catalog.pg_namespace
                  WHERE oid = pg_catalog.pg_my_temp_schema()
              )) < pg_catalog.array_position(
                  pg_catalog.current_schemas(true), pg_catalog.current_schema()
              ))"
    )
}

/// Returns the parts of the catalogue query, from `UNION ALL` on, for objects that are no tables
/// and have the name of one, for those with the name of an index that are none of its table, and
/// for Diesel's history if its owner is suspect.
///
/// A table brings a type of its name, and so does its array, which PostgreSQL renames where it
/// stands in the way. Other types do not give way.
pub(super) fn objects() -> String {
    format!(
        "
UNION ALL
SELECT CAST(t.relname AS text), '', '', false, false, 0, NULL, s.suspect, {kind}
FROM pg_catalog.pg_class AS t
CROSS JOIN LATERAL (SELECT {relation_suspect} AS suspect) AS s
WHERE t.relname IN ({names}, '{history}', '{DIESELS_HISTORY}', {indexes}) AND CASE
    WHEN t.relnamespace = {schema} THEN CASE
        WHEN t.relname IN ({indexes}) THEN NOT EXISTS (
            SELECT FROM pg_catalog.pg_index AS x
            JOIN pg_catalog.pg_class AS o ON o.oid = x.indrelid
            WHERE x.indexrelid = t.oid
              AND (CAST(t.relname AS text), CAST(o.relname AS text)) IN ({pairs})
        )
        WHEN t.relkind NOT IN ('r', 'p') THEN true
        ELSE t.relname = '{DIESELS_HISTORY}' AND s.suspect IS NOT NULL
    END
    ELSE {hides} AND t.relname NOT IN ({indexes})
END
UNION ALL
SELECT CAST(y.typname AS text), '', '', false, false, 0, NULL, {type_suspect},
       CASE y.typtype WHEN 'e' THEN 'enum type' WHEN 'd' THEN 'domain' ELSE 'type' END
FROM pg_catalog.pg_type AS y
WHERE y.typname IN ({names}, '{history}', '{DIESELS_HISTORY}') AND y.typnamespace = {schema}
  AND y.typrelid = '0'
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_type AS e WHERE e.oid = y.typelem AND e.typarray = y.oid
  )",
        kind = kind_of("t"),
        relation_suspect = owners::suspect("t.relowner", "t.relnamespace"),
        type_suspect = owners::suspect("y.typowner", "y.typnamespace"),
        names = quoted_table_names(),
        indexes = quoted_index_names(),
        pairs = quoted_indexes_and_tables(),
        hides = hides_ours("t"),
        schema = owners::CURRENT_SCHEMA,
        history = history::INTERNAL,
    )
}

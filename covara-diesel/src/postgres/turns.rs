//! Updates by rows of a stage whose keys are repeated many times.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text};

use super::keys::compared;
use super::stage::{ROW_NUMBER, TABLE, quoted};
use super::update::{StagedUpdate, between};
use crate::backend::answer::holds;
use crate::backend::connection::BackendConnection;

/// The table with the turn of each row: 1 for the first row with a key, 2 for the second.
const TURNS: &str = "pg_temp.__covara_seed_turns";

/// Turns in which rows that change nothing are left out first. Later ones have fewer rows.
const FILTERED_TURNS: i64 = 2;

#[derive(QueryableByName)]
struct Last {
    #[diesel(sql_type = Nullable<BigInt>)]
    turn: Option<i64>,
}

#[derive(QueryableByName)]
struct UniqueIndex {
    #[diesel(sql_type = Array<Text>)]
    columns: Vec<String>,
    #[diesel(sql_type = Bool)]
    is_plain: bool,
}

/// Lists what a table and its partitions demand to be unique or to exclude each other. An index is
/// plain if the operators `=` of its columns tell what is equal.
const UNIQUE_INDEXES: &str = r#"
SELECT COALESCE(pg_catalog.array_agg(CAST(c.attname AS text)) FILTER (WHERE c.attname IS NOT NULL),
                CAST('{}' AS text[])) AS columns,
       pg_catalog.bool_and(
           i.indrelid = CAST($1::regclass AS oid) AND NOT i.indisexclusion
           AND i.indpred IS NULL AND i.indexprs IS NULL
           AND NOT COALESCE(CAST(pg_catalog.to_jsonb(i) OPERATOR(pg_catalog.->>) 'indnullsnotdistinct'
                                 AS boolean), false)
           AND COALESCE(o.opcdefault AND k."collation" = c.attcollation
                        AND t.typnamespace = CAST('pg_catalog'::regnamespace AS oid), false)
       ) AS is_plain
FROM pg_catalog.pg_index AS i
CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indclass::oid[], i.indcollation::oid[])
    WITH ORDINALITY AS k (attnum, opclass, "collation", position)
LEFT JOIN pg_catalog.pg_attribute AS c ON c.attrelid = i.indrelid AND c.attnum = k.attnum
LEFT JOIN pg_catalog.pg_type AS t ON t.oid = c.atttypid
LEFT JOIN pg_catalog.pg_opclass AS o ON o.oid = k.opclass
WHERE (i.indisunique OR i.indisexclusion) AND k.position <= i.indnkeyatts
  AND (i.indrelid = CAST($1::regclass AS oid) OR i.indrelid IN
       (SELECT CAST(relid AS oid) FROM pg_catalog.pg_partition_tree($1::regclass)))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits AS h WHERE h.inhrelid = i.indexrelid)
GROUP BY i.indexrelid"#;

impl StagedUpdate<'_> {
    /// Applies the first row of each key, then the second of each, and so on. That does what applying
    /// the rows in order does if no row can be [in the way](Self::may_interfere) of one with another
    /// key.
    pub(super) fn apply_by_turns<C>(
        &self,
        conn: &mut C,
        numbers: (usize, usize),
    ) -> QueryResult<usize>
    where
        C: BackendConnection<Backend = Pg>,
    {
        conn.batch_execute(&format!(
            "CREATE TEMPORARY TABLE {TURNS} ON COMMIT DROP AS
                 SELECT {ROW_NUMBER}, pg_catalog.row_number() OVER (
                     PARTITION BY {} ORDER BY {ROW_NUMBER}
                 ) AS turn
                 FROM {TABLE} AS new WHERE {}{};
             CREATE INDEX ON {TURNS} (turn); ANALYZE {TURNS}",
            self.columns.key.join(", "),
            between(numbers),
            self.has_key()
        ))?;
        let last = diesel::sql_query(format!("SELECT pg_catalog.max(turn) AS turn FROM {TURNS}"))
            .get_result::<Last>(conn)?;
        let mut updated = 0;
        for turn in 1..=last.turn.unwrap_or(0) {
            let rows = format!(
                "new.{ROW_NUMBER} IN (SELECT {ROW_NUMBER} FROM {TURNS} WHERE turn = {turn})"
            );
            updated += self.apply(conn, &rows, turn <= FILTERED_TURNS)?;
        }
        conn.batch_execute(&format!("DROP TABLE {TURNS}"))?;
        Ok(updated)
    }

    /// Returns whether a row may be in the way of one with another key, by a unique constraint that
    /// is not the key.
    pub(super) fn may_interfere<C>(
        &self,
        conn: &mut C,
        numbers: (usize, usize),
    ) -> QueryResult<bool>
    where
        C: BackendConnection<Backend = Pg>,
    {
        let key = &self.columns.key;
        let others = &self.columns.others;
        let indexes = diesel::sql_query(UNIQUE_INDEXES)
            .bind::<Text, _>(self.table)
            .load::<UniqueIndex>(conn)?;
        for UniqueIndex { columns, is_plain } in indexes {
            let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
            let is_seeded = |column: &String| key.contains(column) || others.contains(column);
            if is_plain && columns.len() == key.len() && columns.iter().all(|it| key.contains(it)) {
                continue;
            }
            if !is_plain || !columns.iter().all(is_seeded) {
                return Ok(true);
            }
            if columns.iter().any(|it| others.contains(it))
                && holds(conn, &self.shares_values(&columns, numbers))?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the condition that rows with different keys have the same values in these columns, at
    /// some time.
    fn shares_values(&self, columns: &[String], numbers: (usize, usize)) -> String {
        let of = |prefix: &str, columns: &[String]| {
            let columns = columns.iter().map(|it| format!("{prefix}{it}"));
            columns.collect::<Vec<_>>()
        };
        let equal: Vec<String> = columns
            .iter()
            .map(|it| format!("present.{it} OPERATOR(pg_catalog.=) new.{it}"))
            .collect();
        let no_null: Vec<String> = of("new.", columns)
            .iter()
            .map(|it| format!(" AND {it} IS NOT NULL"))
            .collect();
        let rows = format!("{}{}", between(numbers), no_null.concat());
        let key = &self.columns.key;
        let values = of("new.", columns).join(", ");
        let both = of("new.", &[columns, key].concat()).join(", ");
        let table = self.table;
        format!(
            "EXISTS (SELECT FROM {TABLE} AS new JOIN {table} AS present ON {} WHERE {rows} AND {})
             OR (SELECT pg_catalog.count(*) FROM (
                     SELECT DISTINCT {values} FROM {TABLE} AS new WHERE {rows}
                 ) AS of_values)
             < (SELECT pg_catalog.count(*) FROM (
                     SELECT DISTINCT {both} FROM {TABLE} AS new WHERE {rows}
                 ) AS of_keys)",
            equal.join(" AND "),
            compared("present", "*<>", "new", key)
        )
    }
}

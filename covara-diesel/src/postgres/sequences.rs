//! Moves sequences past ids that a seed gave explicitly.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::{Array, Bool, Text};

use crate::backend::connection::BackendConnection;

#[derive(QueryableByName)]
struct Sequence {
    #[diesel(sql_type = Text)]
    sequence: String,
    #[diesel(sql_type = Text)]
    column: String,
}

/// The query for serial and identity columns among `columns`; both names are returned quoted. It
/// works in steps, because the function fails on dropped columns, which the planner may pass to it
/// first.
const SEQUENCES: &str = r#"
WITH seeded AS MATERIALIZED (
    SELECT c.attname FROM pg_catalog.pg_attribute AS c
    WHERE c.attrelid = CAST($1::regclass AS oid) AND c.attname = ANY($2) AND NOT c.attisdropped
      AND c.atttypid IN ('int2'::regtype::oid, 'int4'::regtype::oid, 'int8'::regtype::oid)
), sequences AS MATERIALIZED (
    SELECT pg_catalog.pg_get_serial_sequence($1, attname) AS sequence,
           pg_catalog.quote_ident(attname) AS "column"
    FROM seeded
)
SELECT sequence, "column" FROM sequences WHERE sequence IS NOT NULL ORDER BY sequence"#;

/// Moves the sequence of each seeded serial or identity column of `table` (quoted) past the largest
/// value in it, or past the smallest if it descends, never back.
///
/// Concurrent seeds take turns with a lock that lasts until the transaction ends, so that reading
/// and setting a sequence is one step for them.
pub(super) fn advance<C>(conn: &mut C, table: &str, columns: &[String]) -> QueryResult<()>
where
    C: BackendConnection<Backend = Pg>,
{
    for Sequence { sequence, column } in sequences(conn, table, columns)? {
        let name = sequence.replace('\'', "''");
        conn.batch_execute(&format!(
            "SELECT pg_catalog.pg_advisory_xact_lock(
                 'pg_class'::regclass::int, '{name}'::regclass::oid::int
             );
             SELECT pg_catalog.setval('{name}'::regclass, CASE
                 WHEN info.seqincrement > 0 THEN LEAST(ids.edge, info.seqmax)
                 ELSE GREATEST(ids.edge, info.seqmin)
             END)
             FROM pg_catalog.pg_sequence AS info, {sequence} AS state,
                  LATERAL (SELECT CASE
                      WHEN info.seqincrement > 0
                      THEN (SELECT pg_catalog.max({column})::bigint FROM {table})
                      ELSE (SELECT pg_catalog.min({column})::bigint FROM {table})
                  END AS edge) AS ids
             WHERE info.seqrelid = CAST('{name}'::regclass AS oid) AND CASE
                 WHEN ids.edge = state.last_value THEN NOT state.is_called
                 WHEN info.seqincrement > 0 THEN ids.edge > state.last_value
                 ELSE ids.edge < state.last_value
             END"
        ))?;
    }
    Ok(())
}

fn sequences<C>(conn: &mut C, table: &str, columns: &[String]) -> QueryResult<Vec<Sequence>>
where
    C: BackendConnection<Backend = Pg>,
{
    diesel::sql_query(SEQUENCES)
        .bind::<Text, _>(table)
        .bind::<Array<Text>, _>(columns)
        .load(conn)
}

#[derive(QueryableByName)]
struct Right {
    #[diesel(sql_type = Bool)]
    is_given: bool,
}

/// Checks that the role may do what [`advance`] does. No roll-back undoes that a sequence is moved.
pub(super) fn check<C>(conn: &mut C, table: &str, columns: &[String]) -> QueryResult<()>
where
    C: BackendConnection<Backend = Pg>,
{
    for Sequence { sequence, column } in sequences(conn, table, columns)? {
        let right = diesel::sql_query(
            "SELECT pg_catalog.has_sequence_privilege(CAST($1 AS regclass), 'UPDATE')
                 AND pg_catalog.has_sequence_privilege(CAST($1 AS regclass), 'SELECT') AS is_given",
        );
        let right = right.bind::<Text, _>(&sequence).get_result::<Right>(conn)?;
        if !right.is_given {
            let words = format!("permission denied for sequence {sequence}");
            return Err(Error::DatabaseError(
                DatabaseErrorKind::Unknown,
                Box::new(words),
            ));
        }
        // The largest or smallest value is read, for which the role needs a right, too.
        conn.batch_execute(&format!(
            "SELECT pg_catalog.max({column}) FROM {table} WHERE false"
        ))?;
    }
    Ok(())
}

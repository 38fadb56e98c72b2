//! Tables that a seed empties.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Bool, Text};

use crate::backend::answer::holds;
use crate::backend::connection::BackendConnection;
use crate::seed::foreign_key::OuterReference;

/// Locks out writers. A check of a foreign key takes a lock on the rows that are referred to, which
/// this one excludes, so no row that is not seen yet refers to the table.
pub(super) fn lock<C>(conn: &mut C, table: &str) -> QueryResult<()>
where
    C: BackendConnection<Backend = Pg>,
{
    if conn.is_transactional() {
        conn.batch_execute(&format!("LOCK TABLE {table} IN EXCLUSIVE MODE"))?;
    }
    let quoted = table.replace('\'', "''");
    let is_active = format!("pg_catalog.row_security_active(CAST('{quoted}' AS regclass))");
    match holds(conn, &is_active)? {
        true => Err(Error::QueryBuilderError(
            "row-level security may hide rows of it from this role".into(),
        )),
        false => Ok(()),
    }
}

/// Returns what stands for the rows of a table in a statement: those of tables that inherit from it
/// are not its own, and those of its partitions are.
pub(super) fn own_rows<C>(conn: &mut C, table: &str) -> QueryResult<String>
where
    C: BackendConnection<Backend = Pg>,
{
    let quoted = table.replace('\'', "''");
    let is_partitioned = format!(
        "EXISTS (SELECT FROM pg_catalog.pg_class
                 WHERE oid = CAST(CAST('{quoted}' AS regclass) AS oid) AND relkind = 'p')"
    );
    Ok(match holds(conn, &is_partitioned)? {
        true => table.to_owned(),
        false => format!("ONLY {table}"),
    })
}

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = Text)]
    child: String,
    #[diesel(sql_type = Array<Text>)]
    columns: Vec<String>,
    #[diesel(sql_type = Text)]
    parent: String,
    #[diesel(sql_type = Bool)]
    may_hide: bool,
}

/// Rows are deleted from the partitions of a table, too.
const REFERENCES: &str = "
WITH RECURSIVE emptied AS (
    SELECT given.name, CAST(pg_catalog.to_regclass(given.name) AS oid) AS oid
    FROM pg_catalog.unnest($1) AS given (name)
    UNION
    SELECT emptied.name, h.inhrelid
    FROM emptied JOIN pg_catalog.pg_inherits AS h ON h.inhparent = emptied.oid
)
SELECT DISTINCT
       pg_catalog.format('%I.%I', n.nspname, r.relname) AS child, emptied.name AS parent,
       pg_catalog.row_security_active(r.oid) AS may_hide,
       (SELECT pg_catalog.array_agg(pg_catalog.quote_ident(a.attname) ORDER BY c.position)
        FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY AS c (attnum, position)
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = c.attnum
       ) AS columns
FROM emptied
JOIN pg_catalog.pg_constraint AS k ON k.confrelid = emptied.oid AND k.contype = 'f'
JOIN pg_catalog.pg_class AS r ON r.oid = k.conrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = r.relnamespace
WHERE k.conrelid NOT IN (SELECT other.oid FROM emptied AS other WHERE other.oid IS NOT NULL)
ORDER BY parent, child";

pub(super) fn outer_references<C>(
    conn: &mut C,
    tables: &[String],
) -> QueryResult<Vec<OuterReference>>
where
    C: BackendConnection<Backend = Pg>,
{
    let found = diesel::sql_query(REFERENCES)
        .bind::<Array<Text>, _>(tables)
        .load::<KeyRow>(conn)?;
    let found = found.into_iter().map(|row| OuterReference {
        child: row.child,
        columns: row.columns,
        parent: row.parent,
        may_hide: row.may_hide,
    });
    Ok(found.collect())
}

#[derive(QueryableByName)]
struct Deleted {
    #[diesel(sql_type = Array<BigInt>)]
    deleted: Vec<i64>,
}

/// Deletes the rows of tables that refer to each other by one statement, at whose end their foreign
/// keys are checked.
pub(super) fn empty<C>(conn: &mut C, tables: &[String]) -> QueryResult<Vec<usize>>
where
    C: BackendConnection<Backend = Pg>,
{
    if let [table] = tables {
        let delete = format!("DELETE FROM {}", own_rows(conn, table)?);
        return Ok(vec![diesel::sql_query(delete).execute(conn)?]);
    }
    let mut deletes = Vec::new();
    for (at, table) in tables.iter().enumerate() {
        let rows = own_rows(conn, table)?;
        deletes.push(format!("d{at} AS (DELETE FROM {rows} RETURNING 1)"));
    }
    let counts: Vec<String> = (0..tables.len())
        .map(|at| format!("(SELECT pg_catalog.count(*) FROM d{at})"))
        .collect();
    let query = format!(
        "WITH {} SELECT ARRAY[{}] AS deleted",
        deletes.join(", "),
        counts.join(", ")
    );
    let deleted = diesel::sql_query(query)
        .get_result::<Deleted>(conn)?
        .deleted;
    let deleted = deleted.into_iter();
    Ok(deleted
        .map(|it| it.try_into().unwrap_or_default())
        .collect())
}

/// Returns the statements of a batch that do the same. Each is followed by the position of the table
/// whose rows it counts, if it does: the statement that deletes the rows of several tables does not
/// tell how many each had, so that a cursor moves over them before.
pub(super) fn emptying<C>(
    conn: &mut C,
    tables: &[String],
) -> QueryResult<Vec<(String, Option<usize>)>>
where
    C: BackendConnection<Backend = Pg>,
{
    // As in `lock`.
    let lock = format!("LOCK TABLE {} IN EXCLUSIVE MODE", tables.join(", "));
    let mut statements = vec![(lock, None)];
    let rows = tables.iter().map(|table| own_rows(conn, table));
    let rows = rows.collect::<QueryResult<Vec<String>>>()?;
    let [others @ .., last] = &rows[..] else {
        return Ok(Vec::new());
    };
    if others.is_empty() {
        statements.push((format!("DELETE FROM {last}"), Some(0)));
        return Ok(statements);
    }
    for (at, rows) in rows.iter().enumerate() {
        let declare = format!("DECLARE {CURSOR} NO SCROLL CURSOR FOR SELECT FROM {rows}");
        statements.push((declare, None));
        statements.push((format!("MOVE FORWARD ALL IN {CURSOR}"), Some(at)));
        statements.push((format!("CLOSE {CURSOR}"), None));
    }
    let deletes = others.iter().enumerate();
    let deletes = deletes.map(|(at, rows)| format!("d{at} AS (DELETE FROM {rows})"));
    let deletes = deletes.collect::<Vec<_>>().join(", ");
    statements.push((format!("WITH {deletes} DELETE FROM {last}"), None));
    Ok(statements)
}

const CURSOR: &str = "covara_emptied";

#[derive(QueryableByName)]
struct Sequence {
    #[diesel(sql_type = Text)]
    name: String,
}

/// The sequences that belong to columns: those of serial (a) and identity columns (i).
const SEQUENCES: &str = "
SELECT pg_catalog.format('%I.%I', n.nspname, s.relname) AS name
FROM pg_catalog.pg_depend AS d
JOIN pg_catalog.pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_catalog.pg_namespace AS n ON n.oid = s.relnamespace
WHERE d.refobjid = CAST(CAST($1 AS regclass) AS oid) AND d.refobjsubid > 0
  AND d.classid = CAST(CAST('pg_catalog.pg_class' AS regclass) AS oid)
  AND d.refclassid = CAST(CAST('pg_catalog.pg_class' AS regclass) AS oid)
  AND d.deptype IN ('a', 'i')
ORDER BY 1";

/// Restarts the sequences, which a roll-back undoes, unlike a call of `setval`.
pub(super) fn restarts<C>(conn: &mut C, table: &str) -> QueryResult<Vec<String>>
where
    C: BackendConnection<Backend = Pg>,
{
    let found = diesel::sql_query(SEQUENCES)
        .bind::<Text, _>(table)
        .load::<Sequence>(conn)?;
    let found = found.into_iter();
    Ok(found
        .map(|Sequence { name }| format!("ALTER SEQUENCE {name} RESTART"))
        .collect())
}

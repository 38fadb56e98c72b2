//! Chooses the best way to insert a seed's rows into a PostgreSQL table.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::QueryFragment;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Oid, Text};

use super::stage::SeedStages;
use super::{copy, deferred, describe, keys, look_up, replace, sequences};
use crate::backend::answer::holds;
use crate::backend::column::{ColumnValue, TableDescription};
use crate::backend::connection::BackendConnection;
use crate::backend::row::{ColumnVisitor, SeedRow};
use crate::seed::conflict::{FoundKey, UniqueIndex};
use crate::seed::deferral::DeferredConstraint;
use crate::seed::engine::{Forward, Insertion, NotInserted, SeedEngine, SeedWay};
use crate::seed::foreign_key::ForeignKey;
use crate::seed::foreign_key::OuterReference;
use crate::seed::look_up::{FoundKeyValue, WantedKey};

impl SeedEngine for Pg {
    /// Explicit ids are intended even if a column is `GENERATED ALWAYS AS IDENTITY`.
    const OVERRIDE: &'static str = " OVERRIDING SYSTEM VALUE";
    /// By a setting of the transaction.
    const NOT_INSERTED: NotInserted = NotInserted {
        forget: Some("SET LOCAL covara.has_inserted TO ''"),
        before_insert: "WITH covara_inserted AS (",
        after_insert: " RETURNING 1) SELECT pg_catalog.set_config('covara.has_inserted', 'yes', true) \
                       FROM covara_inserted",
        condition: "pg_catalog.current_setting('covara.has_inserted', true) \
                    IS DISTINCT FROM 'yes'",
    };
    const NAMES_HAVE_CASE: bool = true;
    const CHUNK_ROWS: usize = 8192;

    /// PostgreSQL defers foreign keys one by one, and only those declared DEFERRABLE.
    fn forward<C>() -> Forward<C>
    where
        C: BackendConnection<Backend = Self>,
    {
        Forward::Staged(&SeedStages)
    }

    fn way<C, T>(
        conn: &mut C,
        table: &str,
        columns: &[String],
        row: &T::Row<'_>,
    ) -> QueryResult<SeedWay<C>>
    where
        C: BackendConnection<Backend = Self>,
        T: SeedRow<Self>,
    {
        way::<C, T>(conn, table, columns, row)
    }

    fn bulk_load<C, T>(
        conn: &mut C,
        table: &str,
        columns: &[String],
        first: Option<usize>,
        rows: &[T::Row<'_>],
    ) -> QueryResult<usize>
    where
        C: BackendConnection<Backend = Self>,
        T: SeedRow<Self>,
    {
        copy::copy_rows::<C, T>(conn, table, columns, first, rows)
    }

    fn describe_table<C>(conn: &mut C, name: &str) -> QueryResult<Option<TableDescription>>
    where
        C: BackendConnection<Backend = Self>,
    {
        describe::table(conn, name)
    }

    fn visit_value<'b, V>(value: &'b ColumnValue, visitor: &mut V) -> QueryResult<()>
    where
        V: ColumnVisitor<'b, Self>,
    {
        describe::visit_value(value, visitor)
    }

    fn foreign_keys<C>(conn: &mut C, tables: &[String]) -> QueryResult<Vec<Vec<ForeignKey>>>
    where
        C: BackendConnection<Backend = Self>,
    {
        foreign_keys(conn, tables)
    }

    fn deferred_constraints<C>(
        conn: &mut C,
        tables: &[String],
    ) -> QueryResult<Vec<DeferredConstraint>>
    where
        C: BackendConnection<Backend = Self>,
    {
        deferred::constraints(conn, tables)
    }

    fn unique_keys<C>(conn: &mut C, table: &str) -> QueryResult<Vec<FoundKey>>
    where
        C: BackendConnection<Backend = Self>,
    {
        keys::unique_keys(conn, table)
    }

    fn unique_indexes<C>(conn: &mut C, table: &str) -> QueryResult<Vec<UniqueIndex>>
    where
        C: BackendConnection<Backend = Self>,
    {
        keys::unique_indexes(conn, table)
    }

    fn look_up<C>(
        conn: &mut C,
        wanted: &WantedKey,
        values: &dyn QueryFragment<Self>,
    ) -> QueryResult<Vec<FoundKeyValue>>
    where
        C: BackendConnection<Backend = Self>,
    {
        look_up::look_up(conn, wanted, values)
    }

    fn has_row_triggers<C>(conn: &mut C, table: &str) -> QueryResult<bool>
    where
        C: BackendConnection<Backend = Self>,
    {
        keys::has_row_triggers(conn, table)
    }

    fn differs(columns: &[String]) -> String {
        keys::differs(columns)
    }

    fn fails_if(condition: &str) -> String {
        format!("SELECT CAST(CASE WHEN {condition} THEN 'covara_left' ELSE '0' END AS integer)")
    }

    fn lock_to_empty<C>(conn: &mut C, table: &str) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>,
    {
        replace::lock(conn, table)
    }

    fn outer_references<C>(conn: &mut C, tables: &[String]) -> QueryResult<Vec<OuterReference>>
    where
        C: BackendConnection<Backend = Self>,
    {
        replace::outer_references(conn, tables)
    }

    fn holds<C>(conn: &mut C, condition: &str) -> QueryResult<bool>
    where
        C: BackendConnection<Backend = Self>,
    {
        holds(conn, condition)
    }

    fn own_rows<C>(conn: &mut C, table: &str) -> QueryResult<String>
    where
        C: BackendConnection<Backend = Self>,
    {
        replace::own_rows(conn, table)
    }

    fn empty<C>(conn: &mut C, tables: &[String]) -> QueryResult<Vec<usize>>
    where
        C: BackendConnection<Backend = Self>,
    {
        replace::empty(conn, tables)
    }

    fn emptying<C>(conn: &mut C, tables: &[String]) -> QueryResult<Vec<(String, Option<usize>)>>
    where
        C: BackendConnection<Backend = Self>,
    {
        replace::emptying(conn, tables)
    }

    fn restarts<C>(conn: &mut C, table: &str) -> QueryResult<Vec<String>>
    where
        C: BackendConnection<Backend = Self>,
    {
        replace::restarts(conn, table)
    }

    fn check_constraints<C>(conn: &mut C) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>,
    {
        conn.batch_execute("SET CONSTRAINTS ALL IMMEDIATE")
    }

    fn finish<C>(conn: &mut C, table: &str, columns: &[String], keeps: bool) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>,
    {
        match keeps {
            true => sequences::advance(conn, table, columns),
            false => sequences::check(conn, table, columns),
        }
    }
}

#[derive(QueryableByName)]
struct Look {
    #[diesel(sql_type = Bool)]
    has_rows: bool,
    #[diesel(sql_type = Bool)]
    takes_copy: bool,
    #[diesel(sql_type = Bool)]
    uses_up: bool,
}

/// Chooses the way. `ON CONFLICT` nearly doubles the time of an insert even without conflicts, so
/// an empty table is filled without it, by COPY if that has the same effect as INSERT. A table with
/// rows is likely to conflict, and each violation would appear in the server's log. There, existing
/// rows are filtered out first.
///
/// COPY ignores rules, is rejected under row-level security, and ends PGlite's server. So it is
/// never merely tried.
///
/// COPY is not used either if a column's real type differs from the declared type of the rows: an
/// insert converts values, COPY takes the bytes as they are. Type 0 is a user-defined type, and
/// `cstring` a type that the server reads from a text, of which only the label of an enum is the same.
///
/// A COPY that fails for a duplicate has used up values of sequences. It is not the first try where
/// a column that the rows leave out takes such a value, so that few rows get numbers without gaps.
fn way<C, T>(
    conn: &mut C,
    table: &str,
    columns: &[String],
    row: &T::Row<'_>,
) -> QueryResult<SeedWay<C>>
where
    C: BackendConnection<Backend = Pg>,
    T: SeedRow<Pg>,
{
    let types = copy::declared_types::<T>(row)?;
    let look = format!(
        "SELECT EXISTS (SELECT 1 FROM {table}) AS has_rows,
                t.relkind IN ('r', 'p') AND NOT t.relhasrules AND NOT t.relrowsecurity
                    AND pg_catalog.version() NOT LIKE '%PGlite%' AND NOT EXISTS (
                        SELECT FROM unnest($2, $3) AS given (name, type)
                        LEFT JOIN pg_catalog.pg_attribute AS c
                            ON c.attrelid = t.oid AND c.attname = given.name
                        LEFT JOIN pg_catalog.pg_type AS real ON real.oid = c.atttypid
                        CROSS JOIN LATERAL (
                            SELECT CASE real.typtype WHEN 'd' THEN real.typbasetype
                                ELSE real.oid END AS oid
                        ) AS scalar
                        WHERE NOT COALESCE(CASE
                            WHEN given.type = CAST(0 AS oid) THEN
                                real.typnamespace <> 'pg_catalog'::regnamespace::oid
                            WHEN given.type = 'cstring'::regtype::oid THEN EXISTS (
                                SELECT FROM pg_catalog.pg_type AS labels
                                WHERE labels.oid = scalar.oid AND labels.typtype = 'e')
                            WHEN given.type = 'text'::regtype::oid THEN
                                scalar.oid IN ('text'::regtype::oid, 'varchar'::regtype::oid,
                                               'bpchar'::regtype::oid)
                            ELSE scalar.oid = given.type
                        END, false)
                    ) AS takes_copy,
                EXISTS (
                    SELECT FROM pg_catalog.pg_attribute AS c
                    LEFT JOIN pg_catalog.pg_attrdef AS d
                        ON d.adrelid = t.oid AND d.adnum = c.attnum AND c.attgenerated = ''
                    WHERE c.attrelid = t.oid AND c.attnum > 0 AND c.attname <> ALL ($2) AND (
                        c.attidentity <> ''
                        OR pg_catalog.strpos(pg_catalog.pg_get_expr(d.adbin, t.oid), 'nextval') > 0
                        OR EXISTS (
                            SELECT FROM pg_catalog.pg_depend AS functions
                            WHERE functions.classid = 'pg_catalog.pg_attrdef'::regclass::oid
                                AND functions.objid = d.oid
                                AND functions.refclassid = 'pg_catalog.pg_proc'::regclass::oid
                        )
                    )
                ) AS uses_up
         FROM pg_catalog.pg_class AS t WHERE t.oid = $1::regclass::oid"
    );
    // In a savepoint: a role may have the right to insert rows but not to read them.
    let look = conn.transaction(|conn| {
        diesel::sql_query(look)
            .bind::<Text, _>(table)
            .bind::<Array<Text>, _>(columns)
            .bind::<Array<Oid>, _>(types)
            .get_result::<Look>(conn)
    });
    let Ok(Look {
        has_rows,
        takes_copy,
        uses_up,
    }) = look
    else {
        return Ok(SeedWay::Insert(Insertion::Ignore));
    };
    Ok(match (has_rows, takes_copy && copy::can_copy(conn)) {
        (false, true) if !uses_up => SeedWay::BulkFirst(&SeedStages),
        (_, true) => SeedWay::Stage(&SeedStages),
        (false, false) => SeedWay::Insert(Insertion::PlainFirst),
        (true, false) => SeedWay::Insert(Insertion::Ignore),
    })
}

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = BigInt)]
    child: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    position: Option<i64>,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    sql_name: String,
    #[diesel(sql_type = Text)]
    parent: String,
    #[diesel(sql_type = Array<Text>)]
    columns: Vec<String>,
    #[diesel(sql_type = Array<Text>)]
    parent_columns: Vec<String>,
    #[diesel(sql_type = Bool)]
    is_deferrable: bool,
    #[diesel(sql_type = Bool)]
    may_outlast: bool,
}

/// Lists the foreign keys of tables. Left out are those that a foreign key to a partitioned table
/// has on the same table for each of the partitions.
const FOREIGN_KEYS: &str = "
SELECT child.position - 1 AS child,
       (SELECT pg_catalog.max(other.position) - 1
        FROM pg_catalog.unnest($1) WITH ORDINALITY AS other (name, position)
        WHERE CAST(pg_catalog.to_regclass(other.name) AS oid) = k.confrelid) AS position,
       k.conname::text AS name,
       pg_catalog.format('%I.%I', n.nspname, k.conname) AS sql_name,
       k.confrelid::regclass::text AS parent, k.condeferrable AS is_deferrable,
       k.condeferred AS may_outlast,
       (SELECT pg_catalog.array_agg(pg_catalog.quote_ident(a.attname) ORDER BY c.position)
        FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY AS c (attnum, position)
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = c.attnum
       ) AS columns,
       (SELECT pg_catalog.array_agg(pg_catalog.quote_ident(a.attname) ORDER BY c.position)
        FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY AS c (attnum, position)
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = c.attnum
       ) AS parent_columns
FROM pg_catalog.unnest($1) WITH ORDINALITY AS child (name, position)
JOIN pg_catalog.pg_constraint AS k
    ON k.conrelid = CAST(pg_catalog.to_regclass(child.name) AS oid) AND k.contype = 'f'
JOIN pg_catalog.pg_namespace AS n ON n.oid = k.connamespace
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS whole
                  WHERE whole.oid = k.conparentid AND whole.conrelid = k.conrelid)
ORDER BY child.position, k.oid";

fn foreign_keys<C>(conn: &mut C, tables: &[String]) -> QueryResult<Vec<Vec<ForeignKey>>>
where
    C: BackendConnection<Backend = Pg>,
{
    let found = diesel::sql_query(FOREIGN_KEYS)
        .bind::<Array<Text>, _>(tables)
        .load::<KeyRow>(conn)?;
    let mut all = vec![Vec::new(); tables.len()];
    for row in found {
        let child = usize::try_from(row.child).ok();
        if let Some(keys) = child.and_then(|child| all.get_mut(child)) {
            keys.push(ForeignKey {
                name: Some(row.name),
                sql_name: row.sql_name,
                columns: row.columns,
                parent: row.parent,
                parent_columns: row.parent_columns,
                position: row.position.and_then(|position| position.try_into().ok()),
                is_deferrable: row.is_deferrable,
                may_outlast: row.may_outlast,
            });
        }
    }
    Ok(all)
}

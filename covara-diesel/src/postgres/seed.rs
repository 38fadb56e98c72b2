//! Chooses the best way to insert a seed's rows into a PostgreSQL table.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Oid, Text};

use super::{copy, describe, sequences, stage};
use crate::backend::column::{ColumnValue, TableDescription};
use crate::backend::connection::BackendConnection;
use crate::backend::row::{ColumnVisitor, SeedRow};
use crate::seed::engine::{SeedEngine, SeedWay, Stage};

impl SeedEngine for Pg {
    /// Explicit ids are intended even if a column is `GENERATED ALWAYS AS IDENTITY`.
    const OVERRIDE: &'static str = " OVERRIDING SYSTEM VALUE";
    const CHUNK_ROWS: usize = 8192;
    fn way<C, T>(
        conn: &mut C,
        table: &str,
        columns: &[String],
        row: &T::Row<'_>,
    ) -> QueryResult<SeedWay>
    where
        C: BackendConnection<Backend = Self>,
        T: SeedRow<Self>,
    {
        way::<C, T>(conn, table, columns, row)
    }

    fn bulk_load<C, T>(
        conn: &mut C,
        first: Option<usize>,
        rows: &[T::Row<'_>],
    ) -> QueryResult<usize>
    where
        C: BackendConnection<Backend = Self>,
        T: SeedRow<Self>,
    {
        copy::rows::<C, T>(conn, first, rows)
    }

    fn open_stage<C>(conn: &mut C, table: &str, columns: &[String]) -> QueryResult<Stage>
    where
        C: BackendConnection<Backend = Self>,
    {
        stage::open(conn, table, columns)
    }

    fn insert_staged<C>(
        conn: &mut C,
        stage: &Stage,
        numbers: Option<(usize, usize)>,
        ignore: bool,
    ) -> QueryResult<usize>
    where
        C: BackendConnection<Backend = Self>,
    {
        stage::insert(conn, stage, numbers, ignore)
    }

    fn clear_stage<C>(conn: &mut C) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>,
    {
        stage::clear(conn)
    }

    fn close_stage<C>(conn: &mut C) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>,
    {
        stage::close(conn)
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

    fn referenced_among<C>(
        conn: &mut C,
        table: &str,
        constraint: Option<&str>,
        others: &[String],
    ) -> QueryResult<Option<String>>
    where
        C: BackendConnection<Backend = Self>,
    {
        describe::referenced_among(conn, table, constraint, others)
    }

    fn finish<C>(conn: &mut C, table: &str, columns: &[String]) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>,
    {
        sequences::advance(conn, table, columns)
    }
}

#[derive(QueryableByName)]
struct Look {
    #[diesel(sql_type = Bool)]
    has_rows: bool,
    #[diesel(sql_type = Bool)]
    takes_copy: bool,
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
/// insert converts values, COPY takes the bytes as they are. Type 0 is a user-defined type.
pub(super) fn way<C, T>(
    conn: &mut C,
    table: &str,
    columns: &[String],
    row: &T::Row<'_>,
) -> QueryResult<SeedWay>
where
    C: BackendConnection<Backend = Pg>,
    T: SeedRow<Pg>,
{
    let types = copy::declared_types::<T>(row)?;
    let look = format!(
        "SELECT EXISTS (SELECT 1 FROM {table}) AS has_rows,
                t.relkind IN ('r', 'p') AND NOT t.relhasrules AND NOT t.relrowsecurity
                    AND version() NOT LIKE '%PGlite%' AND NOT EXISTS (
                        SELECT FROM unnest($2, $3) AS given (name, type)
                        LEFT JOIN pg_catalog.pg_attribute AS c
                            ON c.attrelid = t.oid AND c.attname = given.name
                        LEFT JOIN pg_catalog.pg_type AS real ON real.oid = c.atttypid
                        WHERE NOT COALESCE(CASE
                            WHEN given.type = 0 THEN
                                real.typnamespace <> 'pg_catalog'::regnamespace
                            WHEN given.type = 'text'::regtype THEN
                                COALESCE(NULLIF(real.typbasetype, 0), real.oid)
                                    IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype)
                            ELSE COALESCE(NULLIF(real.typbasetype, 0), real.oid) = given.type
                        END, false)
                    ) AS takes_copy
         FROM pg_catalog.pg_class AS t WHERE t.oid = $1::regclass"
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
    }) = look
    else {
        return Ok(SeedWay::Ignore);
    };
    Ok(match (has_rows, takes_copy && copy::can_copy(conn)) {
        (false, true) => SeedWay::BulkFirst,
        (true, true) => SeedWay::Stage,
        (false, false) => SeedWay::PlainFirst,
        (true, false) => SeedWay::Ignore,
    })
}

//! The insert statement of a seed.

use std::marker::PhantomData;

use diesel::QueryResult;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Nullable, Text};

use super::target::SeedTarget;
use crate::backend::row::{ColumnVisitor, SeedRow, TableRow};
use crate::seed::engine::SeedEngine;

/// The SQL with which an insert handles conflicts.
///
/// `ON CONFLICT DO NOTHING` rather than SQLite's `INSERT OR IGNORE`, which would silently skip rows
/// that violate NOT NULL or CHECK.
pub(super) trait Conflicts: 'static {
    const VERB: &'static str = "INSERT INTO ";
    const CLAUSE: &'static str = " ON CONFLICT DO NOTHING";
}

/// Rows that conflict are skipped.
pub(super) struct Ignored;

impl Conflicts for Ignored {}

/// Rows that conflict are skipped. What a failing statement did before stays until the seed's
/// roll-back, which spares SQLite a journal for each statement.
pub(super) struct IgnoredOrFail;

impl Conflicts for IgnoredOrFail {
    const VERB: &'static str = "INSERT OR FAIL INTO ";
}

/// A row that conflicts is an error.
pub(super) struct Refused;

impl Conflicts for Refused {
    const CLAUSE: &'static str = "";
}

/// A row that conflicts is an error, whatever the table says.
pub(super) struct Aborted;

impl Conflicts for Aborted {
    const VERB: &'static str = "INSERT OR ABORT INTO ";
    const CLAUSE: &'static str = "";
}

/// A row for the engine's stage, which has no constraints to conflict with.
pub(super) struct Staging;

impl Conflicts for Staging {
    const CLAUSE: &'static str = "";
}

/// `INSERT INTO table (columns) VALUES (…), …` for exactly `N` rows.
pub(super) struct Insert<'s, 'r, T: TableRow + 'r, M, const N: usize> {
    target: &'s SeedTarget,
    conflicts: PhantomData<M>,
    rows: &'s [T::Row<'r>],
}

impl<'s, 'r, T: TableRow + 'r, M, const N: usize> Insert<'s, 'r, T, M, N> {
    /// Creates the statement. The caller guarantees that `rows` holds `N` rows, because the
    /// statement is cached by that number.
    pub(super) fn new(target: &'s SeedTarget, rows: &'s [T::Row<'r>]) -> Self {
        debug_assert_eq!(rows.len(), N);
        Self {
            target,
            conflicts: PhantomData,
            rows,
        }
    }
}

/// The type that identifies the statement in a connection's cache.
pub(super) struct InsertId<K, M, const N: usize>(PhantomData<(K, M)>);

impl<T: TableRow, M: 'static, const N: usize> QueryId for Insert<'_, '_, T, M, N> {
    type QueryId = InsertId<T::Key, M, N>;

    const HAS_STATIC_QUERY_ID: bool = T::STATIC;
}

impl<DB, T, M, const N: usize> QueryFragment<DB> for Insert<'_, '_, T, M, N>
where
    DB: SeedEngine,
    T: SeedRow<DB>,
    M: Conflicts,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(M::VERB);
        out.push_sql(&self.target.table);
        out.push_sql(" (");
        for (position, column) in self.target.columns.iter().enumerate() {
            if position > 0 {
                out.push_sql(", ");
            }
            out.push_identifier(column)?;
        }
        out.push_sql(")");
        out.push_sql(DB::OVERRIDE);
        out.push_sql(" VALUES ");
        push_rows::<DB, T>(out.reborrow(), self.rows, false)?;
        out.push_sql(M::CLAUSE);
        Ok(())
    }
}

/// The values of rows between two texts. It is cached by its SQL.
pub(super) struct RowsBetween<'s, 'r, T: TableRow + 'r> {
    pub(super) texts: &'s [String; 2],
    pub(super) rows: &'s [T::Row<'r>],
}

impl<T: TableRow> QueryId for RowsBetween<'_, '_, T> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: SeedEngine, T: SeedRow<DB>> QueryFragment<DB> for RowsBetween<'_, '_, T> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let [before, after] = self.texts;
        out.push_sql(before);
        push_rows::<DB, T>(out.reborrow(), self.rows, false)?;
        out.push_sql(after);
        Ok(())
    }
}

/// The values of rows, each after the position of the row: `(0, …), (1, …)`.
pub(super) struct NumberedRows<'s, 'r, T: TableRow + 'r>(pub(super) &'s [T::Row<'r>]);

impl<DB: SeedEngine, T: SeedRow<DB>> QueryFragment<DB> for NumberedRows<'_, '_, T> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        push_rows::<DB, T>(out, self.0, true)
    }
}

/// Adds the values of rows, `(…), (…)`. With `numbered`, the position of a row comes before its
/// values.
fn push_rows<'b, DB, T>(
    mut out: AstPass<'_, 'b, DB>,
    rows: &'b [T::Row<'_>],
    numbered: bool,
) -> QueryResult<()>
where
    DB: SeedEngine,
    T: SeedRow<DB>,
{
    for (position, row) in rows.iter().enumerate() {
        out.push_sql(if position == 0 { "(" } else { ", (" });
        if numbered {
            out.push_sql(&position.to_string());
        }
        let mut binds = Binds {
            out: out.reborrow(),
            first: !numbered,
        };
        T::visit(row, &mut binds)?;
        out.push_sql(")");
    }
    Ok(())
}

struct Binds<'a, 'b, DB: SeedEngine> {
    out: AstPass<'a, 'b, DB>,
    first: bool,
}

impl<DB: SeedEngine> Binds<'_, '_, DB> {
    fn separate(&mut self) {
        if !self.first {
            self.out.push_sql(", ");
        }
        self.first = false;
    }
}

impl<'b, DB: SeedEngine> ColumnVisitor<'b, DB> for Binds<'_, 'b, DB> {
    fn column<ST, U>(&mut self, value: &'b U) -> QueryResult<()>
    where
        DB: HasSqlType<ST>,
        U: ToSql<ST, DB> + ?Sized,
    {
        self.separate();
        self.out.push_bind_param::<ST, U>(value)
    }

    fn cast(&mut self, value: &'b Option<String>, sql_types: &[&str]) -> QueryResult<()>
    where
        DB: HasSqlType<Nullable<Text>>,
        Option<String>: ToSql<Nullable<Text>, DB>,
    {
        self.separate();
        sql_types.iter().for_each(|_| self.out.push_sql("CAST("));
        self.out.push_bind_param::<Nullable<Text>, _>(value)?;
        for sql_type in sql_types {
            self.out.push_sql(" AS ");
            self.out.push_sql(sql_type);
            self.out.push_sql(")");
        }
        Ok(())
    }

    fn call(&mut self, function: &str, value: &'b String) -> QueryResult<()>
    where
        DB: HasSqlType<Text>,
        String: ToSql<Text, DB>,
    {
        self.separate();
        self.out.push_sql(function);
        self.out.push_sql("(");
        self.out.push_bind_param::<Text, _>(value)?;
        self.out.push_sql(")");
        Ok(())
    }
}

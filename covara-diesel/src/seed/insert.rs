//! The insert statement of a seed.

use std::marker::PhantomData;

use diesel::QueryResult;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::HasSqlType;

use super::row::{ColumnVisitor, SeedRow, Seedable};
use crate::engine::Engine;

/// What an insert does about conflicts, as SQL.
///
/// `ON CONFLICT DO NOTHING` and not SQLite's `INSERT OR IGNORE`, which would skip rows that
/// violate NOT NULL or CHECK in silence.
pub(super) trait Conflicts: 'static {
    const VERB: &'static str = "INSERT INTO ";
    const CLAUSE: &'static str = " ON CONFLICT DO NOTHING";
}

/// Rows that conflict are skipped.
pub(super) struct Ignored;

impl Conflicts for Ignored {}

/// Rows that conflict are skipped; what a failing statement did before stays until the
/// seed's rollback. That spares SQLite a journal of its own for each statement.
pub(super) struct IgnoredOrFail;

impl Conflicts for IgnoredOrFail {
    const VERB: &'static str = "INSERT OR FAIL INTO ";
}

/// A row that conflicts is an error.
pub(super) struct Refused;

impl Conflicts for Refused {
    const CLAUSE: &'static str = "";
}

/// `INSERT INTO table (columns) VALUES (…), …` for exactly `N` rows.
pub(super) struct Insert<'s, 'r, T: Seedable + 'r, M, const N: usize> {
    table: T::Table,
    conflicts: PhantomData<M>,
    columns: &'s [&'static str],
    rows: &'s [T::Row<'r>],
}

impl<'s, 'r, T: Seedable + 'r, M, const N: usize> Insert<'s, 'r, T, M, N> {
    /// Caller's duty: `rows` holds `N` rows, as the statement is cached by that number.
    pub(super) fn new(columns: &'s [&'static str], rows: &'s [T::Row<'r>]) -> Self {
        debug_assert_eq!(rows.len(), N);
        Self {
            table: T::Table::default(),
            conflicts: PhantomData,
            columns,
            rows,
        }
    }
}

/// The type that stands for the statement in a connection's cache.
pub(super) struct InsertId<K, M, const N: usize>(PhantomData<(K, M)>);

impl<T: Seedable, M: 'static, const N: usize> QueryId for Insert<'_, '_, T, M, N> {
    type QueryId = InsertId<T::Key, M, N>;
}

impl<DB, T, M, const N: usize> QueryFragment<DB> for Insert<'_, '_, T, M, N>
where
    DB: Engine,
    T: SeedRow<DB>,
    M: Conflicts,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(M::VERB);
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" (");
        for (position, column) in self.columns.iter().enumerate() {
            if position > 0 {
                out.push_sql(", ");
            }
            out.push_identifier(column)?;
        }
        out.push_sql(")");
        out.push_sql(DB::SEED_OVERRIDE);
        out.push_sql(" VALUES ");
        for (position, row) in self.rows.iter().enumerate() {
            out.push_sql(if position == 0 { "(" } else { ", (" });
            let mut binds = Binds {
                out: out.reborrow(),
                first: true,
            };
            T::visit(row, &mut binds)?;
            out.push_sql(")");
        }
        out.push_sql(M::CLAUSE);
        Ok(())
    }
}

struct Binds<'a, 'b, DB: Engine> {
    out: AstPass<'a, 'b, DB>,
    first: bool,
}

impl<'b, DB: Engine> ColumnVisitor<'b, DB> for Binds<'_, 'b, DB> {
    fn column<ST, U>(&mut self, value: &'b U) -> QueryResult<()>
    where
        DB: HasSqlType<ST>,
        U: ToSql<ST, DB> + ?Sized,
    {
        if !self.first {
            self.out.push_sql(", ");
        }
        self.first = false;
        self.out.push_bind_param::<ST, U>(value)
    }
}

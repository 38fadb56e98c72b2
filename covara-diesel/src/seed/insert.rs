//! The insert statement of a seed.

use std::marker::PhantomData;

use diesel::QueryResult;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::HasSqlType;

use super::row::{ColumnVisitor, SeedRow, Seedable};
use crate::engine::Engine;

/// `INSERT INTO table (columns) VALUES (…), …` for exactly `N` rows, with
/// `ON CONFLICT DO NOTHING` if `IGNORE`.
///
/// `ON CONFLICT DO NOTHING` and not SQLite's `INSERT OR IGNORE`, which would skip rows that
/// violate NOT NULL or CHECK in silence.
pub(super) struct Insert<'s, 'r, T: Seedable + 'r, const N: usize, const IGNORE: bool> {
    table: T::Table,
    columns: &'s [&'static str],
    rows: &'s [T::Row<'r>],
}

impl<'s, 'r, T: Seedable + 'r, const N: usize, const IGNORE: bool> Insert<'s, 'r, T, N, IGNORE> {
    /// Caller's duty: `rows` holds `N` rows, as the statement is cached by that number.
    pub(super) fn new(columns: &'s [&'static str], rows: &'s [T::Row<'r>]) -> Self {
        debug_assert_eq!(rows.len(), N);
        Self {
            table: T::Table::default(),
            columns,
            rows,
        }
    }
}

/// The type that stands for the statement in a connection's cache.
pub(super) struct InsertId<K, const N: usize, const IGNORE: bool>(PhantomData<K>);

impl<T: Seedable, const N: usize, const IGNORE: bool> QueryId for Insert<'_, '_, T, N, IGNORE> {
    type QueryId = InsertId<T::Key, N, IGNORE>;
}

impl<DB, T, const N: usize, const IGNORE: bool> QueryFragment<DB> for Insert<'_, '_, T, N, IGNORE>
where
    DB: Engine,
    T: SeedRow<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("INSERT INTO ");
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
        if IGNORE {
            out.push_sql(" ON CONFLICT DO NOTHING");
        }
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

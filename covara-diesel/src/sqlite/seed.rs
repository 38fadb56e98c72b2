//! The fastest way to insert a seed's rows into SQLite.

use diesel::prelude::*;
use diesel::query_builder::QueryFragment;
use diesel::sqlite::Sqlite;

use super::deferral::{self, DeferForeignKeys};
use super::{describe, keys, look_up, replace, unique_indexes};
use crate::backend::answer::holds;
use crate::backend::column::{ColumnValue, TableDescription};
use crate::backend::connection::BackendConnection;
use crate::backend::row::{ColumnVisitor, SeedRow};
use crate::seed::conflict::{FoundKey, UniqueIndex};
use crate::seed::engine::{Forward, Insertion, NotInserted, SeedEngine, SeedWay};
use crate::seed::foreign_key::ForeignKey;
use crate::seed::foreign_key::OuterReference;
use crate::seed::look_up::{FoundKeyValue, WantedKey};

impl SeedEngine for Sqlite {
    const OVERRIDE: &'static str = "";
    const NOT_INSERTED: NotInserted = NotInserted {
        forget: None,
        before_insert: "",
        after_insert: "",
        condition: "changes() = 0",
    };
    const NAMES_HAVE_CASE: bool = false;
    const CHUNK_ROWS: usize = 256;

    fn forward<C>() -> Forward<C>
    where
        C: BackendConnection<Backend = Self>,
    {
        Forward::Deferred(&DeferForeignKeys)
    }

    fn way<C, T>(
        conn: &mut C,
        table: &str,
        _columns: &[String],
        _row: &T::Row<'_>,
    ) -> QueryResult<SeedWay<C>>
    where
        C: BackendConnection<Backend = Self>,
        T: SeedRow<Self>,
    {
        way(conn, table)
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
        deferral::foreign_keys(conn, tables)
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
        let indexes = unique_indexes::of_table(conn, table)?.into_iter();
        let indexes = indexes.map(|index| UniqueIndex {
            columns: index.columns,
            nulls_are_equal: false,
        });
        Ok(indexes.collect())
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
        keys::has_triggers(conn, table)
    }

    fn has_conflict_clauses<C>(conn: &mut C, table: &str) -> QueryResult<bool>
    where
        C: BackendConnection<Backend = Self>,
    {
        keys::has_conflict_clauses(conn, table)
    }

    fn fails_if(condition: &str) -> String {
        format!("SELECT json_extract('{{}}', 'covara_left') WHERE {condition}")
    }

    fn differs(columns: &[String]) -> String {
        keys::differs(columns)
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

    fn empty<C>(conn: &mut C, tables: &[String]) -> QueryResult<Vec<usize>>
    where
        C: BackendConnection<Backend = Self>,
    {
        replace::empty(conn, tables)
    }

    fn restarts<C>(conn: &mut C, table: &str) -> QueryResult<Vec<String>>
    where
        C: BackendConnection<Backend = Self>,
    {
        replace::restarts(conn, table)
    }

    /// SQLite advances its sequences itself.
    fn finish<C>(_: &mut C, _: &str, _: &[String], _: bool) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>,
    {
        Ok(())
    }
}

/// Returns the way to insert a seed's rows. A statement that may have to be undone journals every
/// page it touches, which makes keys in random order twice as slow; `OR FAIL` avoids that. It would
/// also replace the conflict clauses of NOT NULL columns (`NOT NULL ON CONFLICT REPLACE`) and those
/// inside triggers, so it is not used for a table that has such clauses or triggers.
fn way<C>(conn: &mut C, table: &str) -> QueryResult<SeedWay<C>>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let keeps_all = keys::has_triggers_or_clauses(conn, table)?;
    Ok(SeedWay::Insert(match keeps_all {
        true => Insertion::Ignore,
        false => Insertion::IgnoreOrFail,
    }))
}

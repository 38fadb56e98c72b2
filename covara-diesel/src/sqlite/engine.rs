use diesel::QueryResult;
use diesel::sqlite::Sqlite;
use diesel_migrations::EmbeddedMigrations;

use super::{SQLITE_MIGRATIONS, describe, layout, seed};
use crate::backend::column::{ColumnValue, TableDescription};
use crate::backend::connection::DatabaseConnection;
use crate::backend::dialect::Dialect;
use crate::backend::engine::{Engine, Fault, Inspection, SeedWay};
use crate::backend::sealed::Sealed;
use crate::backend::table::Stranger;
use crate::backend::table::TableLayout;
use crate::seed::{ColumnVisitor, SeedRow};

static EMBEDDED: EmbeddedMigrations = SQLITE_MIGRATIONS;

impl Sealed for Sqlite {}

impl Engine for Sqlite {
    const DIALECT: Dialect = Dialect::Sqlite;
    /// `SQLITE_MAX_VARIABLE_NUMBER`, <https://sqlite.org/limits.html>.
    const BIND_LIMIT: usize = 32_766;
    const SEED_OVERRIDE: &'static str = "";
    const ERROR_ENDS_TRANSACTION: bool = false;
    const SEED_ROWS: usize = 256;

    fn migrations() -> &'static EmbeddedMigrations {
        &EMBEDDED
    }

    fn expected_tables() -> [TableLayout; 4] {
        layout::expected()
    }

    fn inspect<C>(conn: &mut C, _: &[String]) -> QueryResult<Inspection>
    where
        C: DatabaseConnection<Backend = Self>,
    {
        layout::inspect(conn)
    }

    fn mend_outdated<C>(conn: &mut C, outdated: &[String])
    where
        C: DatabaseConnection<Backend = Self>,
    {
        crate::search::mend_outdated(conn, outdated);
    }

    fn covered_indexes<C>(conn: &mut C) -> QueryResult<Vec<String>>
    where
        C: DatabaseConnection<Backend = Self>,
    {
        layout::covered_indexes(conn)
    }

    fn application_history<C>(
        conn: &mut C,
        _: &[String],
    ) -> QueryResult<Result<Vec<String>, Stranger>>
    where
        C: DatabaseConnection<Backend = Self>,
    {
        layout::application_history(conn).map(Ok)
    }

    fn seed_way<C, T>(
        conn: &mut C,
        table: &str,
        _columns: &[String],
        _row: &T::Row<'_>,
    ) -> QueryResult<SeedWay>
    where
        C: DatabaseConnection<Backend = Self>,
        T: SeedRow<Self>,
    {
        seed::way(conn, table)
    }

    fn describe_table<C>(conn: &mut C, name: &str) -> QueryResult<Option<TableDescription>>
    where
        C: DatabaseConnection<Backend = Self>,
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
        C: DatabaseConnection<Backend = Self>,
    {
        describe::referenced_among(conn, table, constraint, others)
    }

    /// SQLite moves its own sequences.
    fn finish_seed<C>(_: &mut C, _: &str, _: &[String]) -> QueryResult<()>
    where
        C: DatabaseConnection<Backend = Self>,
    {
        Ok(())
    }

    fn fault(message: &str) -> Fault {
        if message.starts_with("database") && message.contains("is locked") {
            Fault::Locked
        } else if message.contains("readonly database") {
            Fault::ReadOnly
        } else if message.contains("database or disk is full") {
            Fault::DiskFull
        } else {
            Fault::Other
        }
    }

    fn backend() -> Self {
        Self
    }
}

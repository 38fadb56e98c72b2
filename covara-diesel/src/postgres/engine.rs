use diesel::QueryResult;
use diesel::pg::Pg;
use diesel_migrations::EmbeddedMigrations;

use super::{POSTGRES_MIGRATIONS, copy, describe, history, layout, seed, sequences, stage};
use crate::backend::column::{ColumnValue, TableDescription};
use crate::backend::connection::DatabaseConnection;
use crate::backend::dialect::Dialect;
use crate::backend::engine::{Engine, Fault, Inspection, SeedWay, Stage};
use crate::backend::sealed::Sealed;
use crate::backend::table::Stranger;
use crate::backend::table::TableLayout;
use crate::seed::{ColumnVisitor, SeedRow};

static EMBEDDED: EmbeddedMigrations = POSTGRES_MIGRATIONS;

impl Sealed for Pg {}

impl Engine for Pg {
    const DIALECT: Dialect = Dialect::Postgres;
    /// The parameter count of a Bind message is 16 bits wide,
    /// <https://www.postgresql.org/docs/current/protocol-message-formats.html>.
    const BIND_LIMIT: usize = 65_535;
    /// Explicit ids are meant also where a column is `GENERATED ALWAYS AS IDENTITY`.
    const SEED_OVERRIDE: &'static str = " OVERRIDING SYSTEM VALUE";
    const ERROR_ENDS_TRANSACTION: bool = true;
    const SEED_ROWS: usize = 8192;

    fn migrations() -> &'static EmbeddedMigrations {
        &EMBEDDED
    }

    fn expected_tables() -> [TableLayout; 4] {
        layout::expected()
    }

    fn inspect<C>(conn: &mut C, trusted: &[String]) -> QueryResult<Inspection>
    where
        C: DatabaseConnection<Backend = Self>,
    {
        layout::inspect(conn, trusted)
    }

    fn application_history<C>(
        conn: &mut C,
        trusted: &[String],
    ) -> QueryResult<Result<Vec<String>, Stranger>>
    where
        C: DatabaseConnection<Backend = Self>,
    {
        history::of_application(conn, trusted)
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

    fn seed_way<C, T>(
        conn: &mut C,
        table: &str,
        columns: &[String],
        row: &T::Row<'_>,
    ) -> QueryResult<SeedWay>
    where
        C: DatabaseConnection<Backend = Self>,
        T: SeedRow<Self>,
    {
        seed::way::<C, T>(conn, table, columns, row)
    }

    fn bulk_load<C, T>(
        conn: &mut C,
        first: Option<usize>,
        rows: &[T::Row<'_>],
    ) -> QueryResult<usize>
    where
        C: DatabaseConnection<Backend = Self>,
        T: SeedRow<Self>,
    {
        copy::rows::<C, T>(conn, first, rows)
    }

    fn open_stage<C>(conn: &mut C, table: &str, columns: &[String]) -> QueryResult<Stage>
    where
        C: DatabaseConnection<Backend = Self>,
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
        C: DatabaseConnection<Backend = Self>,
    {
        stage::insert(conn, stage, numbers, ignore)
    }

    fn clear_stage<C>(conn: &mut C) -> QueryResult<()>
    where
        C: DatabaseConnection<Backend = Self>,
    {
        stage::clear(conn)
    }

    fn close_stage<C>(conn: &mut C) -> QueryResult<()>
    where
        C: DatabaseConnection<Backend = Self>,
    {
        stage::close(conn)
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

    fn finish_seed<C>(conn: &mut C, table: &str, columns: &[String]) -> QueryResult<()>
    where
        C: DatabaseConnection<Backend = Self>,
    {
        sequences::advance(conn, table, columns)
    }

    /// The words are English unless the server's `lc_messages` says otherwise; then the
    /// failure is reported as it is, only without advice.
    fn fault(message: &str) -> Fault {
        if message.contains("read-only transaction") {
            Fault::ReadOnly
        } else if message.contains("lock timeout") {
            Fault::Locked
        } else if message.contains("No space left on device") {
            Fault::DiskFull
        } else if message.contains("prepared statement \"__diesel_stmt") {
            Fault::SharedSession
        } else if message.contains("deadlock detected")
            || message.contains("canceling statement due to")
        {
            Fault::Cancelled
        } else {
            Fault::Other
        }
    }

    fn backend() -> Self {
        Self
    }
}

use diesel::QueryResult;
use diesel::sqlite::Sqlite;
use diesel_migrations::EmbeddedMigrations;

use super::{SQLITE_MIGRATIONS, layout};
use crate::backend::connection::BackendConnection;
use crate::backend::table::{Stranger, TableLayout};
use crate::migrate::engine::{Inspection, MigrateEngine};

static EMBEDDED: EmbeddedMigrations = SQLITE_MIGRATIONS;

impl MigrateEngine for Sqlite {
    fn migrations() -> &'static EmbeddedMigrations {
        &EMBEDDED
    }

    fn expected_tables() -> [TableLayout; 4] {
        layout::expected()
    }

    fn inspect<C>(conn: &mut C, _: &[String]) -> QueryResult<Inspection>
    where
        C: BackendConnection<Backend = Self>,
    {
        layout::inspect(conn)
    }

    fn application_history<C>(
        conn: &mut C,
        _: &[String],
    ) -> QueryResult<Result<Vec<String>, Stranger>>
    where
        C: BackendConnection<Backend = Self>,
    {
        layout::application_history(conn).map(Ok)
    }

    fn covered_indexes<C>(conn: &mut C) -> QueryResult<Vec<String>>
    where
        C: BackendConnection<Backend = Self>,
    {
        layout::covered_indexes(conn)
    }

    fn mend_outdated<C>(conn: &mut C, outdated: &[String])
    where
        C: BackendConnection<Backend = Self>,
    {
        crate::search::mend_outdated(conn, outdated);
    }
}

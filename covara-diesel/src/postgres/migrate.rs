use diesel::QueryResult;
use diesel::pg::Pg;
use diesel_migrations::EmbeddedMigrations;

use super::{POSTGRES_MIGRATIONS, history, layout};
use crate::backend::connection::BackendConnection;
use crate::backend::table::{Stranger, TableLayout};
use crate::migrate::engine::{Inspection, MigrateEngine};

static EMBEDDED: EmbeddedMigrations = POSTGRES_MIGRATIONS;

impl MigrateEngine for Pg {
    fn migrations() -> &'static EmbeddedMigrations {
        &EMBEDDED
    }

    fn expected_tables() -> [TableLayout; 4] {
        layout::expected()
    }

    fn inspect<C>(conn: &mut C, trusted: &[String]) -> QueryResult<Inspection>
    where
        C: BackendConnection<Backend = Self>,
    {
        layout::inspect(conn, trusted)
    }

    fn application_history<C>(
        conn: &mut C,
        trusted: &[String],
    ) -> QueryResult<Result<Vec<String>, Stranger>>
    where
        C: BackendConnection<Backend = Self>,
    {
        history::of_application(conn, trusted)
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

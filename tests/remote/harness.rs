//! Diesel's own migration harness, which wants transactions, and migrations for files.

use covara_diesel::auto_migrate;
use covara_diesel::remote::{D1Connection, LibsqlConnection};
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use support::boot::assert_rebuilding_is_refused;
use support::{d1, sqld};

const APPLICATION: EmbeddedMigrations = embed_migrations!("tests/app_migrations");

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
}

fn tables<C>(conn: &mut C) -> Vec<String>
where
    C: diesel::connection::LoadConnection<Backend = diesel::sqlite::Sqlite>,
{
    let all = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' ORDER BY name";
    let found: Vec<Table> = diesel::sql_query(all).load(conn).unwrap();
    found.into_iter().map(|table| table.name).collect()
}

#[test]
fn diesels_harness_works_on_libsql() {
    let db = sqld::TestDb::new();
    let mut conn = LibsqlConnection::establish(&db.url()).unwrap();
    assert_eq!(conn.run_pending_migrations(APPLICATION).unwrap().len(), 3);
    assert_eq!(conn.run_pending_migrations(APPLICATION).unwrap().len(), 0);
    conn.revert_last_migration(APPLICATION).unwrap();
    assert_eq!(conn.run_pending_migrations(APPLICATION).unwrap().len(), 1);
}

/// As documented: it makes its own table and goes no further.
#[test]
fn diesels_harness_fails_on_d1_and_leaves_its_table_only() {
    let db = d1::TestDb::new();
    let mut conn = D1Connection::establish(&db.url()).unwrap();
    let error = conn.run_pending_migrations(APPLICATION).unwrap_err();
    assert!(error.to_string().contains("batch()"), "{error}");
    assert_eq!(tables(&mut conn), ["__diesel_schema_migrations"]);
    assert!(!auto_migrate(&mut conn).unwrap().applied.is_empty());
}

#[test]
fn a_table_is_not_rebuilt_where_that_loses_the_rows_that_refer_to_it() {
    fn assert_kept<C>(mut conn: C)
    where
        C: covara_diesel::AnyDatabase
            + diesel::connection::LoadConnection<Backend = diesel::sqlite::Sqlite>,
    {
        assert_rebuilding_is_refused(&mut conn);
        let kept = diesel::sql_query("SELECT CAST(count(*) AS TEXT) AS name FROM children");
        assert_eq!(kept.get_result::<Table>(&mut conn).unwrap().name, "2");
    }
    let (libsql, d1) = (sqld::TestDb::new(), d1::TestDb::new());
    let mut conn = LibsqlConnection::establish(&libsql.url()).unwrap();
    diesel::sql_query("PRAGMA foreign_keys = ON")
        .execute(&mut conn)
        .unwrap();
    assert_kept(conn);
    assert_kept(D1Connection::establish(&d1.url()).unwrap());
}

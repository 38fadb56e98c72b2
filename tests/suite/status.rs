//! What a migration would find.

use covara_diesel::migrate::{MigrationStatus, TableFit, status};
use covara_diesel::{INTERNAL_TABLE_NAMES, MigrateError, auto_migrate};
use diesel::connection::SimpleConnection;

use crate::backend::{self, Conn, TestDb};

fn pending(status: &MigrationStatus) -> Vec<&str> {
    status
        .pending()
        .map(|state| state.version.as_str())
        .collect()
}

fn misfits(status: &MigrationStatus) -> Vec<&str> {
    status.misfits().map(|table| table.name.as_str()).collect()
}

#[test]
fn an_empty_database_has_everything_pending_and_stays_empty() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let found = status(&mut conn).unwrap();
    assert_eq!(found.dialect, backend::DIALECT);
    assert_eq!(pending(&found).len(), 4);
    assert_eq!(
        found.migrations[0].name,
        "2026-11-22-000001_create_auth_sessions"
    );
    let tables: Vec<_> = found.tables.iter().map(|table| &*table.name).collect();
    assert_eq!(tables, INTERNAL_TABLE_NAMES);
    assert!(
        found
            .tables
            .iter()
            .all(|table| table.fit == TableFit::Missing)
    );
    assert!(misfits(&found).is_empty(), "they are still to be made");
    assert!(!found.would_fail());
    assert!(backend::tables(&mut conn).is_empty());
}

#[test]
fn what_is_pending_is_what_a_migration_then_runs() {
    let db = TestDb::new();
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    let found = status(&mut conn).unwrap();
    assert!(pending(&found).is_empty());
    assert!(found.tables.iter().all(|table| table.fit == TableFit::Fits));
    assert!(found.unknown.is_empty());
    assert!(!found.would_fail());

    conn.batch_execute(
        "DELETE FROM __covara_migrations WHERE version <> '20261122000002';
         INSERT INTO __covara_migrations (version, name) VALUES ('29991231000000', 'later');",
    )
    .unwrap();
    let found = status(&mut conn).unwrap();
    assert_eq!(found.unknown, ["29991231000000"]);
    let foreseen: Vec<String> = pending(&found).into_iter().map(str::to_owned).collect();
    assert_eq!(auto_migrate(&mut conn).unwrap().applied, foreseen);
    assert!(status(&mut conn).unwrap().pending().next().is_none());
}

#[test]
fn a_misfit_names_all_its_columns_and_the_migration_fails_with_the_first() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(&format!(
        "CREATE TABLE auth_verification_tokens (
             identifier TEXT NOT NULL,
             token TEXT,
             expires {} NOT NULL,
             extra TEXT NOT NULL,
             PRIMARY KEY (identifier)
         )",
        backend::TIME
    ))
    .unwrap();
    let found = status(&mut conn).unwrap();
    assert_eq!(misfits(&found), ["auth_verification_tokens"]);
    assert!(found.would_fail());
    let TableFit::Mismatch { columns } = &found.tables[3].fit else {
        panic!("{found:?}");
    };
    let names: Vec<_> = columns.iter().map(|column| &*column.column).collect();
    assert_eq!(names, ["token", "extra"]);
    assert!(
        columns[0].to_string().starts_with("column token should be"),
        "{}",
        columns[0]
    );

    let error = auto_migrate(&mut conn).unwrap_err();
    let MigrateError::ColumnMismatch {
        table,
        column,
        expected,
        found,
    } = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(table, "auth_verification_tokens");
    assert_eq!(column, columns[0].column);
    assert_eq!(expected, columns[0].expected);
    assert_eq!(found, columns[0].found);
    assert!(
        expected.ends_with(" PRIMARY KEY (position 2)"),
        "{expected}"
    );
    assert!(!found.contains("PRIMARY KEY"), "{found}");
}

#[test]
fn a_lost_table_is_a_misfit_unless_a_migration_is_pending_that_makes_it() {
    let db = TestDb::new();
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    let versions = migrations(&mut conn);
    for (table, version) in INTERNAL_TABLE_NAMES.iter().zip(&versions) {
        conn.batch_execute(&format!("DROP TABLE {table}")).unwrap();
        let found = status(&mut conn).unwrap();
        assert_eq!(misfits(&found), [*table]);
        assert!(found.would_fail());
        assert!(matches!(
            auto_migrate(&mut conn),
            Err(MigrateError::MissingTable { .. })
        ));
        // Another migration does not make it.
        for other in versions.iter().filter(|other| *other != version) {
            forget(&mut conn, other);
            let found = status(&mut conn).unwrap();
            assert_eq!(misfits(&found), [*table], "{other}");
            let error = auto_migrate(&mut conn).unwrap_err();
            assert!(
                matches!(&error, MigrateError::MissingTable { table: missing } if missing == table),
                "{error:?}"
            );
        }
        forget(&mut conn, version);
        let found = status(&mut conn).unwrap();
        assert!(misfits(&found).is_empty(), "{found:?}");
        assert!(!found.would_fail());
        auto_migrate(&mut conn).unwrap();
    }
}

/// The versions of the migrations, each of which makes the table of the same place.
fn migrations(conn: &mut Conn) -> Vec<String> {
    let states = status(conn).unwrap().migrations;
    states.into_iter().map(|state| state.version).collect()
}

fn forget(conn: &mut Conn, version: &str) {
    let sql = format!("DELETE FROM __covara_migrations WHERE version = '{version}'");
    conn.batch_execute(&sql).unwrap();
}

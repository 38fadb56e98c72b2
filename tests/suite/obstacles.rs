//! Objects that have the names of internal tables and indexes.

use covara_diesel::migrate::{Obstacle, status};
use covara_diesel::{Boot, INTERNAL_TABLE_NAMES, MigrateError, auto_migrate};
use diesel::connection::SimpleConnection;
use support::boot;

use super::chain;
use crate::backend::{self, Conn, TestDb};

const INDEXES: [&str; 5] = [
    "auth_session_userid_idx",
    "auth_session_expiresat_idx",
    "auth_account_userid_idx",
    "auth_api_key_userid_idx",
    "auth_api_key_prefix_idx",
];

fn obstacles(conn: &mut Conn) -> Vec<(String, String)> {
    let found = status(conn).unwrap().obstacles.into_iter();
    found
        .map(|Obstacle { name, kind, .. }| (name, kind))
        .collect()
}

/// A migration fails because of the object `name`, says what it is, and changes nothing.
fn is_refused(conn: &mut Conn, name: &str, kind: &str) {
    let before = backend::tables(conn);
    let found = status(conn).unwrap();
    assert!(found.would_fail(), "{name}: {found:?}");
    assert_eq!(found.misfits().count(), 0, "{name}: {found:?}");
    assert_eq!(obstacles(conn), [(name.to_owned(), kind.to_owned())]);
    for error in [
        auto_migrate(conn).unwrap_err(),
        Boot::new().run(conn).unwrap_err(),
    ] {
        let MigrateError::NameTaken { obstacle } = &error else {
            panic!("{name}: {error:?}");
        };
        assert_eq!((&*obstacle.name, &*obstacle.kind), (name, kind));
        let text = chain(&error);
        let is = format!(
            "{name} is a{} {kind}",
            if kind.starts_with('i') { "n" } else { "" }
        );
        assert!(text.contains(&is), "{text}");
    }
    assert_eq!(backend::tables(conn), before);
}

#[test]
fn a_view_with_a_tables_name_is_refused() {
    for name in INTERNAL_TABLE_NAMES
        .into_iter()
        .chain(["__covara_migrations"])
    {
        let db = TestDb::new();
        let mut conn = db.connect();
        conn.batch_execute(&format!("CREATE VIEW {name} AS SELECT '' AS version"))
            .unwrap();
        is_refused(&mut conn, name, "view");
        conn.batch_execute(&format!("DROP VIEW {name}")).unwrap();
        assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 4);
    }
}

#[test]
fn an_index_with_a_tables_name_is_refused() {
    for name in ["auth_verification_tokens", "__covara_migrations"] {
        let db = TestDb::new();
        let mut conn = db.connect();
        conn.batch_execute(&format!(
            "CREATE TABLE x (a INTEGER); CREATE INDEX {name} ON x (a)"
        ))
        .unwrap();
        is_refused(&mut conn, name, "index of x");
    }
}

/// `CREATE INDEX IF NOT EXISTS` would not create ours, and say nothing.
#[test]
fn another_tables_index_with_the_name_of_ours_is_refused() {
    for name in INDEXES {
        let db = TestDb::new();
        let mut conn = db.connect();
        conn.batch_execute(&format!(
            "CREATE TABLE x (a INTEGER); CREATE INDEX {name} ON x (a)"
        ))
        .unwrap();
        is_refused(&mut conn, name, "index of x");
        conn.batch_execute("DROP TABLE x").unwrap();
        auto_migrate(&mut conn).unwrap();
        assert!(
            backend::tables(&mut conn)
                .iter()
                .any(|made| made.eq_ignore_ascii_case(name))
        );
    }
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("CREATE TABLE auth_api_key_prefix_idx (a INTEGER)")
        .unwrap();
    is_refused(&mut conn, "auth_api_key_prefix_idx", "table");
}

/// A renamed table keeps the indexes that the library made.
#[test]
fn a_taken_index_fails_only_the_migration_that_makes_it() {
    let db = TestDb::new();
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    assert_eq!(obstacles(&mut conn), []);
    conn.batch_execute(
        "CREATE TABLE x (a INTEGER);
         DROP INDEX auth_session_userId_idx; DROP INDEX auth_api_key_prefix_idx;
         CREATE INDEX auth_session_userId_idx ON x (a);
         CREATE INDEX auth_api_key_prefix_idx ON auth_api_keys (\"keyPrefix\") WHERE name <> ''",
    )
    .unwrap();
    // The other one is on our table: what it indexes there is up to whoever made it.
    let taken = (
        "auth_session_userid_idx".to_owned(),
        "index of x".to_owned(),
    );
    assert_eq!(obstacles(&mut conn), [taken]);
    assert!(!status(&mut conn).unwrap().would_fail());
    assert!(auto_migrate(&mut conn).unwrap().applied.is_empty());

    conn.batch_execute("DELETE FROM __covara_migrations WHERE version = '20261122000002'")
        .unwrap();
    assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 1);
    conn.batch_execute("DELETE FROM __covara_migrations WHERE version = '20261122000001'")
        .unwrap();
    assert!(status(&mut conn).unwrap().would_fail());
    let error = auto_migrate(&mut conn).unwrap_err();
    assert!(matches!(error, MigrateError::NameTaken { .. }), "{error:?}");
}

#[test]
fn a_history_with_other_columns_is_refused_by_name() {
    for (columns, column) in [
        ("a INTEGER", "version"),
        ("version TEXT PRIMARY KEY", "name"),
        ("version TEXT, name TEXT, run_by TEXT NOT NULL", "run_by"),
    ] {
        let db = TestDb::new();
        let mut conn = db.connect();
        conn.batch_execute(&format!("CREATE TABLE __covara_migrations ({columns})"))
            .unwrap();
        let found = status(&mut conn).unwrap();
        assert!(found.would_fail(), "{columns}: {found:?}");
        let misfits: Vec<_> = found.misfits().map(|table| &*table.name).collect();
        assert_eq!(misfits, ["__covara_migrations"]);
        let error = auto_migrate(&mut conn).unwrap_err();
        assert!(
            matches!(&error, MigrateError::ColumnMismatch { table, column: c, .. }
                if table == "__covara_migrations" && c == column),
            "{columns}: {error:?}"
        );
    }
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("CREATE TABLE __covara_migrations (version TEXT, name TEXT, note TEXT)")
        .unwrap();
    assert!(!status(&mut conn).unwrap().would_fail());
    assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 4);
}

/// It stands in the way of the application's migrations only.
#[test]
fn a_view_named_like_diesels_history_is_reported_and_fails_a_boot_that_reads_it() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("CREATE VIEW __diesel_schema_migrations AS SELECT '' AS version")
        .unwrap();
    let view = ("__diesel_schema_migrations".to_owned(), "view".to_owned());
    assert_eq!(obstacles(&mut conn), [view]);
    assert!(!status(&mut conn).unwrap().would_fail());
    assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 4);
    let boot = Boot::new().migrations(backend::DIALECT, boot::PLAIN);
    let error = boot.run(&mut conn).unwrap_err();
    assert!(
        matches!(&error, MigrateError::NameTaken { obstacle } if obstacle.kind == "view"),
        "{error:?}"
    );
}

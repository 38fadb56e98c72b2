//! A dry run ends as the migration then does.

use diesel::connection::SimpleConnection;

use super::{contains_all, covara, succeeds};
use crate::backend::{self, TestDb};

#[test]
fn a_dry_run_and_a_doctor_name_what_has_an_internal_name() {
    let view = |name: &str| format!("CREATE VIEW {name} AS SELECT '' AS version");
    let index = |name: &str| format!("CREATE TABLE x (a INTEGER); CREATE INDEX {name} ON x (a)");
    for (sql, text) in [
        (view("auth_sessions"), "auth_sessions is a view"),
        (view("__covara_migrations"), "__covara_migrations is a view"),
        (
            index("auth_verification_tokens"),
            "auth_verification_tokens is an index of x",
        ),
        (
            index("auth_session_expiresAt_idx"),
            "auth_session_expiresat_idx is an index of x",
        ),
        (
            "CREATE TABLE __covara_migrations (a INTEGER)".to_owned(),
            "table __covara_migrations",
        ),
    ] {
        let db = TestDb::new();
        let url = db.url();
        db.connect().batch_execute(&sql).unwrap();
        let before = backend::tables(&mut db.connect());
        for arguments in [
            ["migrate", "--quiet", "--database-url", &url],
            ["doctor", "--quiet", "--database-url", &url],
            ["migrate", "--dry-run", "--database-url", &url],
        ] {
            let ran = covara(&arguments);
            assert_eq!(ran.code, Some(1), "{arguments:?} {sql}: {}", ran.all());
            contains_all(&ran.err, &[text]);
            assert!(!ran.err.contains("delete that row"), "{}", ran.err);
        }
        assert_eq!(backend::tables(&mut db.connect()), before, "{sql}");
        let shown = covara(&["migrate", "--status", "--json", "--database-url", &url]);
        let is_obstacle = text.contains(" is a");
        assert_eq!(shown.code, Some(i32::from(is_obstacle)), "{}", shown.all());
        let obstacles = shown.json()["obstacles"].as_array().unwrap().len();
        assert_eq!(obstacles, usize::from(is_obstacle), "{}", shown.all());
    }
}

/// What only running shows, such as a constraint on the history.
#[test]
fn a_dry_run_foresees_a_migration_that_fails() {
    let db = TestDb::new();
    let url = db.url();
    db.connect()
        .batch_execute(
            "CREATE TABLE __covara_migrations (version TEXT PRIMARY KEY NOT NULL,
                 name TEXT NOT NULL, applied_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
                 CONSTRAINT not_the_third CHECK (version <> '20261122000003'))",
        )
        .unwrap();
    let before = backend::tables(&mut db.connect());
    for arguments in [
        ["migrate", "--dry-run", "--database-url", &url],
        ["migrate", "--quiet", "--database-url", &url],
    ] {
        let ran = covara(&arguments);
        assert_eq!(ran.code, Some(1), "{}", ran.all());
        contains_all(&ran.err, &["migration 20261122000003", "not_the_third"]);
        assert_eq!(backend::tables(&mut db.connect()), before);
    }
    let json = covara(&["migrate", "--dry-run", "--json", "--database-url", &url]).json();
    assert_eq!(json["ok"], false);
}

#[test]
fn a_dry_run_notes_what_fails_the_applications_migrations_only() {
    let db = TestDb::new();
    let url = db.url();
    db.connect()
        .batch_execute("CREATE VIEW __diesel_schema_migrations AS SELECT '' AS version")
        .unwrap();
    let ran = succeeds(&["migrate", "--dry-run", "--database-url", &url]);
    contains_all(
        &ran.out,
        &[
            "4 migrations would run",
            "__diesel_schema_migrations is a view",
        ],
    );
    succeeds(&["migrate", "--database-url", &url]);
}

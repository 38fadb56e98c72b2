//! Objects with internal names as only SQLite has them.

use covara_diesel::migrate::status;
use covara_diesel::{MigrateError, auto_migrate};
use diesel::connection::SimpleConnection;
use support::sqlite::TestDb;

#[test]
fn a_temporary_table_that_hides_ours_is_refused() {
    for (sql, name, kind) in [
        (
            "TABLE auth_sessions (id TEXT)",
            "auth_sessions",
            "temporary table",
        ),
        (
            "VIEW Auth_Sessions AS SELECT 1 AS id",
            "auth_sessions",
            "temporary view",
        ),
        (
            "TABLE __covara_migrations (version TEXT)",
            "__covara_migrations",
            "temporary table",
        ),
    ] {
        let db = TestDb::new();
        let mut conn = db.connect();
        conn.batch_execute(&format!("CREATE TEMPORARY {sql}"))
            .unwrap();
        let found = status(&mut conn).unwrap();
        let told: Vec<_> = found
            .obstacles
            .iter()
            .map(|o| (&*o.name, &*o.kind))
            .collect();
        assert_eq!(told, [(name, kind)]);
        let error = auto_migrate(&mut conn).unwrap_err();
        assert!(matches!(error, MigrateError::NameTaken { .. }), "{error:?}");
    }
}

#[test]
fn capitals_are_the_same_name_and_triggers_stand_in_nobodys_way() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE x (a INTEGER);
         CREATE TRIGGER auth_sessions AFTER INSERT ON x BEGIN SELECT 1; END;
         CREATE TRIGGER auth_session_userId_idx AFTER INSERT ON x BEGIN SELECT 1; END",
    )
    .unwrap();
    assert!(status(&mut conn).unwrap().obstacles.is_empty());
    assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 4);

    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("CREATE VIEW AUTH_SESSIONS AS SELECT 1 AS id")
        .unwrap();
    let found = status(&mut conn).unwrap();
    assert_eq!(found.obstacles[0].name, "auth_sessions");
    assert!(found.would_fail());
}

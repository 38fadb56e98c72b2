//! Tables whose names are in capitals, which are the same names to SQLite.

use covara_diesel::{MigrateError, auto_migrate};
use diesel::connection::SimpleConnection;

use crate::backend::{self, TestDb};

#[test]
fn tables_in_capitals_are_adopted() {
    let db = TestDb::new();
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    for table in ["auth_sessions", "auth_verification_tokens"] {
        let capitals = table.to_uppercase();
        conn.batch_execute(&format!(
            "ALTER TABLE {table} RENAME TO meanwhile; ALTER TABLE meanwhile RENAME TO {capitals}"
        ))
        .unwrap();
    }
    let before = backend::tables(&mut conn);
    assert!(auto_migrate(&mut conn).unwrap().applied.is_empty());
    assert_eq!(backend::tables(&mut conn), before);
}

#[test]
fn another_programs_table_in_capitals_is_named_with_what_differs() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("CREATE TABLE AUTH_SESSIONS (\"sessionId\" TEXT PRIMARY KEY)")
        .unwrap();
    let error = auto_migrate(&mut conn).unwrap_err();
    assert!(
        matches!(&error, MigrateError::ColumnMismatch { table, .. } if table == "auth_sessions"),
        "{error:?}"
    );
}

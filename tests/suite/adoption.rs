//! Databases in which another program, or its migration tool, has changed indexes or history.

use covara_diesel::auto_migrate;
use diesel::connection::SimpleConnection;

use crate::backend::{self, Conn, TestDb};

const INDEXES: [(&str, &str, &str); 5] = [
    ("auth_session_userId_idx", "auth_sessions", "userId"),
    ("auth_session_expiresAt_idx", "auth_sessions", "expiresAt"),
    ("auth_account_userId_idx", "auth_accounts", "userId"),
    ("auth_api_key_userId_idx", "auth_api_keys", "userId"),
    ("auth_api_key_prefix_idx", "auth_api_keys", "keyPrefix"),
];

/// The indexes that somebody made, not those of primary keys.
fn indexes(conn: &mut Conn) -> Vec<String> {
    let mut names: Vec<_> = backend::tables(conn)
        .into_iter()
        .filter(|name| name.contains("_idx"))
        .collect();
    names.sort();
    names
}

/// As `drizzle-kit push` does with what its schema says otherwise or does not know.
fn replace_indexes(conn: &mut Conn, sql: impl Fn(&str, &str, &str) -> String) {
    for (name, table, column) in INDEXES {
        conn.batch_execute(&format!("DROP INDEX IF EXISTS {name}"))
            .unwrap();
        conn.batch_execute(&sql(name, table, column)).unwrap();
    }
    conn.batch_execute("DROP TABLE IF EXISTS __covara_migrations")
        .unwrap();
}

#[test]
fn indexes_by_other_names_are_not_made_again() {
    for covaras in [false, true] {
        let db = TestDb::new();
        if covaras {
            backend::load_interop(&db);
        }
        let mut conn = db.connect();
        if !covaras {
            auto_migrate(&mut conn).unwrap();
        }
        replace_indexes(&mut conn, |name, table, column| {
            // One has more columns: it serves as well.
            let more = if column == "expiresAt" { ", id" } else { "" };
            format!("CREATE INDEX theirs_{name} ON {table} (\"{column}\"{more})")
        });
        let before = indexes(&mut conn);
        assert_eq!(before.len(), 5, "{before:?}");
        assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 4);
        assert_eq!(indexes(&mut conn), before);
        assert!(auto_migrate(&mut conn).unwrap().applied.is_empty());
        assert_eq!(indexes(&mut conn), before);
    }
}

#[test]
fn indexes_that_serve_otherwise_are_no_replacement() {
    let db = TestDb::new();
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    let ours = indexes(&mut conn);
    replace_indexes(&mut conn, |name, table, column| match column {
        // For some of the rows only.
        "expiresAt" => {
            format!("CREATE INDEX theirs_{name} ON {table} (\"{column}\") WHERE \"userId\" = 'ada'")
        }
        // By another column first.
        _ => format!("CREATE INDEX theirs_{name} ON {table} (\"createdAt\", \"{column}\")")
            .replace("auth_accounts (\"createdAt\"", "auth_accounts (scope"),
    });
    auto_migrate(&mut conn).unwrap();
    let now = indexes(&mut conn);
    assert_eq!(now.len(), 10, "{now:?}");
    assert!(ours.iter().all(|name| now.contains(name)), "{now:?}");
}

#[test]
fn a_history_that_was_dropped_is_made_again() {
    let db = TestDb::new();
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    let before = backend::tables(&mut conn);
    conn.batch_execute("DROP TABLE __covara_migrations")
        .unwrap();
    assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 4);
    assert_eq!(backend::tables(&mut conn), before);
}

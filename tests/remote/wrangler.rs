//! Migrations applied by Cloudflare's own tool, in its local mode.

use std::path::Path;
use std::process::Command;

use covara_diesel::auto_migrate;
use covara_diesel::migrate::status;
use covara_diesel::remote::D1Connection;
use diesel::prelude::*;
use support::d1::TestDb;
use support::server::installed;

/// A Worker's folder with the files of `covara export` in it.
fn exported() -> support::temporary::TempDir {
    let directory = support::temporary::tempdir().unwrap();
    let settings = r#"{
        "name": "app",
        "compatibility_date": "2026-04-01",
        "d1_databases": [
            { "binding": "DB", "database_name": "app", "database_id": "db-0" }
        ]
    }"#;
    std::fs::write(directory.path().join("wrangler.jsonc"), settings).unwrap();
    let exported = Command::new(env!("CARGO_BIN_EXE_covara-command"))
        .args(["export", "--directory"])
        .arg(directory.path().join("migrations"))
        .output()
        .unwrap();
    assert!(exported.status.success(), "{exported:?}");
    directory
}

/// Lets wrangler apply them, and returns what it printed.
fn apply(directory: &Path) -> String {
    let output = Command::new("node")
        .arg(installed("node_modules/wrangler/bin/wrangler.js"))
        .args([
            "d1",
            "migrations",
            "apply",
            "app",
            "--local",
            "--persist-to",
            "state",
        ])
        .current_dir(directory)
        // Nobody to ask, nowhere to report to, and settings of its own.
        .env("CI", "1")
        .env("WRANGLER_SEND_METRICS", "false")
        .env("HOME", directory)
        .env("XDG_CONFIG_HOME", directory)
        .output()
        .expect("node");
    let printed = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{printed}");
    printed
}

#[test]
fn a_database_that_wrangler_migrated_is_adopted() {
    let directory = exported();
    let printed = apply(directory.path());
    assert!(printed.contains("create_auth_sessions"), "{printed}");
    let db = TestDb::of_wrangler(&directory.path().join("state"));
    let mut conn = D1Connection::establish(&db.url()).unwrap();
    let found = status(&mut conn).unwrap();
    assert!(found.pending().next().is_none() && found.misfits().next().is_none());
    assert!(found.unknown.is_empty());
    assert!(auto_migrate(&mut conn).unwrap().applied.is_empty());
    drop((conn, db));
    // The tool, too, has nothing left to do.
    let again = apply(directory.path());
    assert!(again.contains("No migrations to apply"), "{again}");
}

#[test]
fn wrangler_sees_the_librarys_migrations_as_applied() {
    let directory = exported();
    let state = directory.path().join("state");
    let db = TestDb::of_wrangler(&state);
    let mut conn = D1Connection::establish(&db.url()).unwrap();
    assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 4);
    drop((conn, db));
    apply(directory.path());
    let db = TestDb::of_wrangler(&state);
    let mut conn = D1Connection::establish(&db.url()).unwrap();
    assert!(auto_migrate(&mut conn).unwrap().applied.is_empty());
    let history =
        diesel::dsl::sql::<diesel::sql_types::BigInt>("(SELECT count(*) FROM __covara_migrations)");
    assert_eq!(diesel::select(history).get_result::<i64>(&mut conn), Ok(4));
}

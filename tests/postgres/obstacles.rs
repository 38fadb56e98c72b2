//! Objects of PostgreSQL's kinds that have internal names, and what only running shows.

use std::thread;
use std::time::{Duration, Instant};

use covara_diesel::migrate::status;
use covara_diesel::{Boot, Dialect, MigrateError, MigrateOptions, auto_migrate, migrate_internal};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use support::boot;
use support::postgres::TestDb;

use super::owners::Roles;
use crate::backend;
use crate::suite::command::{Ran, covara};

fn obstacles(conn: &mut PgConnection) -> Vec<(String, String)> {
    let found = status(conn).unwrap().obstacles.into_iter();
    found.map(|one| (one.name, one.kind)).collect()
}

const HISTORY_VIEW: &str = "CREATE VIEW __covara_migrations AS
    SELECT ''::text AS version, ''::text AS name, now()::timestamp AS applied_at WHERE false";

#[test]
fn a_strangers_view_runs_nothing_of_theirs() {
    let mut roles = Roles::new();
    roles
        .conn
        .batch_execute("CREATE TABLE loot (who TEXT); GRANT ALL ON loot TO PUBLIC")
        .unwrap();
    roles.be_mallory();
    roles
        .conn
        .batch_execute(&format!(
            "CREATE FUNCTION evil() RETURNS trigger LANGUAGE plpgsql AS
                 'BEGIN INSERT INTO loot VALUES (current_user); RETURN new; END';
             {HISTORY_VIEW};
             CREATE TRIGGER t INSTEAD OF INSERT ON __covara_migrations
                 FOR EACH ROW EXECUTE FUNCTION evil()"
        ))
        .unwrap();
    let theirs = "view __covara_migrations".to_owned();
    for who in [Roles::be_app as fn(&mut Roles), |roles| roles.be("")] {
        who(&mut roles);
        for error in [
            auto_migrate(&mut roles.conn).unwrap_err(),
            Boot::new().run(&mut roles.conn).unwrap_err(),
        ] {
            assert!(
                matches!(&error, MigrateError::StrangersTable { table, owner }
                    if *table == theirs && *owner == roles.mallory),
                "{error:?}"
            );
            let text = error.to_string();
            assert!(
                text.starts_with("view __covara_migrations belongs"),
                "{text}"
            );
        }
        let found = status(&mut roles.conn).unwrap();
        assert_eq!(found.strangers, [(theirs.clone(), roles.mallory.clone())]);
        assert!(
            found.obstacles.is_empty() && found.would_fail(),
            "{found:?}"
        );
    }
    // Trusting its owner makes no table of it.
    let options = MigrateOptions::default().trust_owner(roles.mallory.clone());
    let error = migrate_internal(&mut roles.conn, &options).unwrap_err();
    assert!(matches!(error, MigrateError::NameTaken { .. }), "{error:?}");
    let url = roles.db.url();
    for arguments in [
        ["migrate", "--dry-run"],
        ["migrate", "--status"],
        ["migrate", "--quiet"],
        ["doctor", "--quiet"],
    ] {
        let ran = covara(&[&arguments[..], &["--database-url", &url]].concat());
        assert_eq!(ran.code, Some(1), "{arguments:?}: {}", ran.all());
        assert!(
            ran.err.contains("view __covara_migrations"),
            "{}",
            ran.all()
        );
    }
    assert_eq!(crate::suite::count(&mut roles.conn, "loot"), 0);
}

#[test]
fn a_strangers_diesel_history_is_reported_and_fails_a_boot_only() {
    for (made, named) in [
        ("TABLE __diesel_schema_migrations (version TEXT)", ""),
        (
            "VIEW __diesel_schema_migrations AS SELECT '' AS version",
            "view ",
        ),
    ] {
        let mut roles = Roles::new();
        roles.be_mallory();
        roles.conn.batch_execute(&format!("CREATE {made}")).unwrap();
        roles.be_app();
        let found = status(&mut roles.conn).unwrap();
        let theirs = format!("{named}__diesel_schema_migrations");
        assert_eq!(found.strangers, [(theirs.clone(), roles.mallory.clone())]);
        assert!(!found.would_fail());
        let url = roles.db.url();
        let run = |arguments: &[&str]| covara(&[arguments, &["--database-url", &url]].concat());
        let dry = run(&["migrate", "--dry-run"]);
        assert_eq!(dry.code, Some(0), "{}", dry.all());
        assert!(dry.out.contains(&theirs), "{}", dry.all());
        let doctor = run(&["doctor"]);
        assert_eq!(doctor.code, Some(1), "{}", doctor.all());
        assert_eq!(auto_migrate(&mut roles.conn).unwrap().applied.len(), 4);
        let boot = Boot::new().migrations(Dialect::Postgres, boot::PLAIN);
        let error = boot.run(&mut roles.conn).unwrap_err();
        assert!(
            matches!(&error, MigrateError::StrangersTable { table, .. } if *table == theirs),
            "{error:?}"
        );
    }
}

#[test]
fn every_kind_is_named_and_refused() {
    for (sql, name, kind) in [
        (
            "MATERIALIZED VIEW auth_accounts AS SELECT 1 AS id",
            "auth_accounts",
            "materialized view",
        ),
        ("SEQUENCE auth_sessions", "auth_sessions", "sequence"),
        (
            "TYPE auth_sessions AS ENUM ('a')",
            "auth_sessions",
            "enum type",
        ),
        ("TYPE auth_sessions", "auth_sessions", "type"),
        (
            "TYPE auth_api_keys AS (a int)",
            "auth_api_keys",
            "composite type",
        ),
        (
            "TYPE __covara_migrations AS ENUM ('a')",
            "__covara_migrations",
            "enum type",
        ),
        ("DOMAIN auth_sessions AS int", "auth_sessions", "domain"),
        (
            "VIEW auth_sessions AS SELECT 1 AS id",
            "auth_sessions",
            "view",
        ),
        (
            "SEQUENCE auth_account_userid_idx",
            "auth_account_userid_idx",
            "sequence",
        ),
        (
            "FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;
             CREATE FOREIGN TABLE auth_sessions (id TEXT) SERVER s",
            "auth_sessions",
            "foreign table",
        ),
    ] {
        let db = TestDb::new();
        let mut conn = db.connect();
        conn.batch_execute(&format!("CREATE {sql}")).unwrap();
        assert_eq!(
            obstacles(&mut conn),
            [(name.to_owned(), kind.to_owned())],
            "{sql}"
        );
        assert!(status(&mut conn).unwrap().would_fail(), "{sql}");
        let error = auto_migrate(&mut conn).unwrap_err();
        assert!(
            matches!(error, MigrateError::NameTaken { .. }),
            "{sql}: {error:?}"
        );
        dry_run_ends_as_the_migration(&db, sql, 1);
    }
}

#[test]
fn objects_that_leave_the_names_to_tables_are_no_obstacles() {
    for sql in [
        // An array's type.
        "CREATE TABLE _covara_migrations (a int)",
        "CREATE TYPE _auth_sessions AS ENUM ('a')",
        "CREATE TABLE x (a int); CREATE INDEX auth_sessions_pkey ON x (a)",
        "CREATE SCHEMA other; CREATE VIEW other.auth_sessions AS SELECT 1 AS id",
        "CREATE FUNCTION auth_sessions() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ] {
        let db = TestDb::new();
        let mut conn = db.connect();
        conn.batch_execute(&format!("{sql}; SET search_path = public, other"))
            .unwrap();
        assert_eq!(obstacles(&mut conn), [], "{sql}");
        assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 4, "{sql}");
        assert_eq!(obstacles(&mut conn), [], "{sql}");
    }
}

#[test]
fn a_temporary_table_that_hides_ours_is_refused() {
    for (sql, kind) in [
        ("TABLE auth_sessions (id TEXT)", "temporary table"),
        ("VIEW auth_sessions AS SELECT 1 AS id", "temporary view"),
    ] {
        let db = TestDb::new();
        let mut conn = db.connect();
        conn.batch_execute(&format!("CREATE TEMPORARY {sql}"))
            .unwrap();
        assert_eq!(
            obstacles(&mut conn),
            [("auth_sessions".to_owned(), kind.to_owned())]
        );
        let error = auto_migrate(&mut conn).unwrap_err();
        assert!(matches!(error, MigrateError::NameTaken { .. }), "{error:?}");
        // It hides nothing where the search path has it last.
        conn.batch_execute("SET search_path = public, pg_temp")
            .unwrap();
        assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 4);
    }
}

/// Our index is not made where another one serves as well, and the other schema's stays.
#[test]
fn an_index_in_another_schema_is_not_dropped() {
    let db = TestDb::new();
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    conn.batch_execute("CREATE SCHEMA app; SET search_path = app, public")
        .unwrap();
    auto_migrate(&mut conn).unwrap();
    conn.batch_execute(
        "DROP INDEX app.auth_session_userid_idx;
         CREATE INDEX theirs ON app.auth_sessions (\"userId\");
         DELETE FROM app.__covara_migrations WHERE version = '20261122000004'",
    )
    .unwrap();
    assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 1);
    let made = backend::tables(&mut conn);
    assert!(
        made.contains(&"auth_session_userid_idx".to_owned()),
        "{made:?}"
    );
}

fn dry_run_ends_as_the_migration(db: &TestDb, case: &str, code: i32) -> Ran {
    let run = |argument| covara(&["migrate", argument, "--database-url", &db.url()]);
    let dry = run("--dry-run");
    assert_eq!(dry.code, Some(code), "{case}: {}", dry.all());
    let migrated = run("--json");
    assert_eq!(migrated.code, Some(code), "{case}: {}", migrated.all());
    dry
}

#[test]
fn a_dry_run_foresees_what_only_running_shows() {
    for sql in [
        "ALTER DATABASE %d SET search_path = ''",
        "ALTER DATABASE %d SET search_path = nowhere",
        "ALTER DATABASE %d SET default_transaction_read_only = on",
        "CREATE FUNCTION no() RETURNS event_trigger LANGUAGE plpgsql AS
             'BEGIN RAISE EXCEPTION ''no DDL''; END';
         CREATE EVENT TRIGGER no ON ddl_command_start EXECUTE FUNCTION no()",
    ] {
        let db = TestDb::new();
        let url = db.url();
        let name = url.rsplit('/').next().unwrap().to_owned();
        let before = backend::tables(&mut db.connect());
        db.connect()
            .batch_execute(&sql.replace("%d", &name))
            .unwrap();
        let dry = dry_run_ends_as_the_migration(&db, sql, 1);
        assert!(dry.err.contains("would fail"), "{}", dry.all());
        assert!(dry.out.contains("nothing was changed"), "{}", dry.all());
        let after = backend::tables(&mut db.connect());
        assert_eq!(before, after, "{sql}");
    }
}

#[test]
fn a_dry_run_foresees_missing_rights() {
    for sql in [
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    ] {
        let mut roles = Roles::new();
        let (app, url) = (roles.app.clone(), roles.db.url());
        let (server, database) = url.rsplit_once('/').unwrap();
        roles
            .conn
            .batch_execute(&format!("ALTER ROLE {app} LOGIN PASSWORD 'app'; {sql}"))
            .unwrap();
        let host = server.rsplit_once('@').unwrap().1;
        let url = format!("postgres://{app}:app@{host}/{database}");
        for argument in ["--dry-run", "--quiet"] {
            let ran = covara(&["migrate", argument, "--database-url", &url]);
            assert_eq!(ran.code, Some(1), "{sql}: {}", ran.all());
        }
    }
}

#[test]
fn a_dry_run_waits_as_a_migration_does_and_leaves_nothing_behind() {
    let db = TestDb::new();
    let url = db.url();
    let mut conn = db.connect();
    conn.batch_execute("BEGIN").unwrap();
    auto_migrate(&mut conn).unwrap();
    let begun = Instant::now();
    let waiting = thread::spawn(move || covara(&["migrate", "--dry-run", "--database-url", &url]));
    thread::sleep(Duration::from_millis(1500));
    assert!(!waiting.is_finished());
    conn.batch_execute("ROLLBACK").unwrap();
    let dry = waiting.join().unwrap();
    assert_eq!(dry.code, Some(0), "{}", dry.all());
    assert!(begun.elapsed() >= Duration::from_millis(1500));
    assert!(dry.out.contains("4 migrations would run"), "{}", dry.all());
    assert!(backend::tables(&mut conn).is_empty());
    // The lock is free again.
    assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 4);
}

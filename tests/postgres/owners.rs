//! Internal tables that another role made before this library did.

use covara_diesel::migrate::status;
use covara_diesel::{Boot, Dialect, MigrateError, MigrateOptions, auto_migrate, migrate_internal};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde_json::{Value, json};
use support::boot;
use support::postgres::TestDb;

use crate::suite::command::covara;

/// A database with three roles of its own, in which everybody may create tables.
pub(super) struct Roles {
    pub(super) conn: PgConnection,
    pub(super) db: TestDb,
    pub(super) app: String,
    pub(super) mallory: String,
}

impl Roles {
    pub(super) fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let db = TestDb::new();
        let mut conn = db.connect_directly();
        let name = |role| format!("{role}_{}_{number}", std::process::id());
        let (app, mallory) = (name("app"), name("mallory"));
        conn.batch_execute(&format!(
            "CREATE ROLE {app}; CREATE ROLE {mallory};
             GRANT CREATE, USAGE ON SCHEMA public TO PUBLIC"
        ))
        .unwrap();
        Self {
            conn,
            db,
            app,
            mallory,
        }
    }

    /// Goes on as a role, or as the superuser.
    pub(super) fn be(&mut self, role: &str) {
        self.conn
            .batch_execute(&format!("RESET SESSION AUTHORIZATION; {role}"))
            .unwrap();
    }

    pub(super) fn be_app(&mut self) {
        let app = self.app.clone();
        self.be(&format!("SET SESSION AUTHORIZATION {app}"));
    }

    pub(super) fn be_mallory(&mut self) {
        let mallory = self.mallory.clone();
        self.be(&format!("SET SESSION AUTHORIZATION {mallory}"));
    }

    /// Makes the tables as mallory, with everything that the library expects.
    fn plant(&mut self) {
        self.be_mallory();
        auto_migrate(&mut self.conn).unwrap();
        self.conn
            .batch_execute(
                "GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC;
                 CREATE FUNCTION evil() RETURNS boolean LANGUAGE plpgsql AS $$
                     BEGIN RAISE EXCEPTION 'evil was run by %', current_user; END $$;
                 CREATE POLICY evil ON __covara_migrations USING (evil());
                 ALTER TABLE __covara_migrations ENABLE ROW LEVEL SECURITY",
            )
            .unwrap();
    }

    fn is_refused(&mut self) {
        let error = auto_migrate(&mut self.conn).unwrap_err();
        let MigrateError::StrangersTable { owner, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(*owner, self.mallory);
    }
}

impl Drop for Roles {
    fn drop(&mut self) {
        let (app, mallory) = (self.app.clone(), self.mallory.clone());
        let dropped = self.conn.batch_execute(&format!(
            "RESET SESSION AUTHORIZATION; RESET ROLE; ALTER DATABASE {} OWNER TO current_user;
             DROP OWNED BY {app}, {mallory} CASCADE; DROP ROLE {app}, {mallory}",
            self.db.url().rsplit('/').next().unwrap_or_default()
        ));
        if !std::thread::panicking() {
            dropped.unwrap();
        }
    }
}

#[test]
fn a_strangers_tables_are_refused_and_nothing_of_theirs_is_run() {
    let mut roles = Roles::new();
    roles.plant();
    roles.be_app();
    roles.is_refused();
    let error = Boot::new().run(&mut roles.conn).unwrap_err();
    assert!(matches!(error, MigrateError::StrangersTable { .. }));
    // A superuser has the rights of all roles, which is no reason to trust them.
    roles.be("");
    roles.is_refused();
    // In a transaction of the caller's as well, which goes on.
    roles.conn.batch_execute("BEGIN").unwrap();
    roles.is_refused();
    roles.conn.batch_execute("SELECT 1; COMMIT").unwrap();
}

#[test]
fn one_planted_table_is_refused() {
    for table in ["auth_sessions", "__covara_migrations"] {
        let mut roles = Roles::new();
        roles.be_mallory();
        roles
            .conn
            .batch_execute(&format!("CREATE TABLE {table} (version TEXT)"))
            .unwrap();
        roles.be_app();
        roles.is_refused();
    }
}

#[test]
fn the_owner_of_the_applications_history_is_checked() {
    let mut roles = Roles::new();
    roles.be_mallory();
    roles
        .conn
        .batch_execute(
            "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY);
             GRANT ALL ON __diesel_schema_migrations TO PUBLIC",
        )
        .unwrap();
    roles.be_app();
    let boot = || Boot::new().migrations(Dialect::Postgres, boot::PLAIN);
    let error = boot().run(&mut roles.conn).unwrap_err();
    assert!(
        matches!(&error, MigrateError::StrangersTable { table, .. }
            if table == "__diesel_schema_migrations"),
        "{error:?}"
    );
    let options = MigrateOptions::default().trust_owner(roles.mallory.clone());
    let booted = boot().options(options).run(&mut roles.conn).unwrap();
    assert_eq!(booted.application.len(), 2);
}

#[test]
fn a_deploying_role_can_be_trusted() {
    // By name.
    let mut roles = Roles::new();
    roles.plant();
    roles
        .conn
        .batch_execute("ALTER TABLE __covara_migrations DISABLE ROW LEVEL SECURITY")
        .unwrap();
    roles.be_app();
    let options = MigrateOptions::default().trust_owner(roles.mallory.clone());
    let summary = migrate_internal(&mut roles.conn, &options).unwrap();
    assert!(summary.applied.is_empty());
    // By a membership that somebody else gave.
    roles.be("");
    let grant = format!("GRANT {} TO {}", roles.mallory, roles.app);
    roles.conn.batch_execute(&grant).unwrap();
    roles.be_app();
    assert!(auto_migrate(&mut roles.conn).unwrap().applied.is_empty());
}

#[test]
fn a_role_that_made_others_its_members_is_still_a_stranger() {
    let mut roles = Roles::new();
    roles.plant();
    let grant = format!("GRANT {} TO {}", roles.mallory, roles.app);
    // PostgreSQL 16 and later refuse it.
    let _ = roles.conn.batch_execute(&grant);
    roles.be_app();
    roles.is_refused();
}

#[test]
fn owners_of_the_database_or_the_schema_are_no_strangers() {
    let name = |roles: &Roles| roles.db.url().rsplit('/').next().unwrap().to_owned();
    let ways: [fn(&Roles, String) -> String; 3] = [
        |roles, database| format!("ALTER DATABASE {database} OWNER TO {}", roles.mallory),
        |roles, _| format!("ALTER SCHEMA public OWNER TO {}", roles.mallory),
        |_, _| "REVOKE CREATE ON SCHEMA public FROM PUBLIC".to_owned(),
    ];
    for way in ways {
        let mut roles = Roles::new();
        roles.be_mallory();
        auto_migrate(&mut roles.conn).unwrap();
        roles
            .conn
            .batch_execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC")
            .unwrap();
        roles.be("");
        let sql = way(&roles, name(&roles));
        roles.conn.batch_execute(&sql).unwrap();
        roles.be_app();
        assert!(
            auto_migrate(&mut roles.conn).unwrap().applied.is_empty(),
            "{sql}"
        );
    }
}

#[test]
fn the_doctor_reports_strangers_tables() {
    let mut roles = Roles::new();
    roles.plant();
    let report = covara_diesel::doctor::postgres(roles.db.url()).unwrap();
    assert!(!report.is_healthy());
    let is_reported = report.findings.iter().any(|finding| {
        finding.text.contains("belongs to the role") && finding.text.contains(&roles.mallory)
    });
    assert!(is_reported, "{:?}", report.findings);
}

#[test]
fn the_command_names_strangers() {
    let mut roles = Roles::new();
    roles.plant();
    let url = roles.db.url();
    let run = |arguments: &[&str]| covara(&[arguments, &["--database-url", &url]].concat());
    let named = ["table auth_sessions", "role", roles.mallory.as_str()];
    for looking in ["--dry-run", "--status"] {
        for form in [&["migrate", looking][..], &["migrate", looking, "--quiet"]] {
            let ran = run(form);
            assert_eq!(ran.code, Some(1), "{}", ran.all());
            for part in named {
                assert!(ran.err.contains(part), "{part}: {}", ran.all());
            }
        }
        let ran = run(&["migrate", looking, "--json"]);
        assert_eq!(ran.code, Some(1), "{}", ran.all());
        assert_eq!(ran.json()["ok"], false, "{}", ran.all());
        let error: Value = serde_json::from_str(&ran.err).unwrap();
        assert_eq!(error["exit_code"], 1);
    }
    // As the migration then does.
    let ran = run(&["migrate"]);
    assert_eq!(ran.code, Some(1), "{}", ran.all());
    assert!(ran.err.contains(&roles.mallory), "{}", ran.all());

    let theirs = json!({ "table": "auth_sessions", "owner": roles.mallory });
    for looking in [
        &["doctor", "--json"][..],
        &["migrate", "--status", "--json"],
        &["migrate", "--dry-run", "--json"],
    ] {
        let ran = run(looking);
        let strangers = ran.json()["strangers"].as_array().cloned();
        let strangers = strangers.unwrap_or_default();
        assert_eq!(strangers.len(), 5, "{}", ran.all());
        assert!(strangers.contains(&theirs), "{}", ran.all());
    }
}

#[test]
fn the_status_names_strangers() {
    let mut roles = Roles::new();
    roles.be_app();
    assert!(!status(&mut roles.conn).unwrap().would_fail());
    roles.be_mallory();
    roles
        .conn
        .batch_execute("CREATE TABLE __covara_search_indexes (name TEXT)")
        .unwrap();
    roles.be_app();
    let found = status(&mut roles.conn).unwrap();
    // None of the internal tables.
    assert_eq!(found.misfits().count(), 0);
    let theirs = ("__covara_search_indexes".to_owned(), roles.mallory.clone());
    assert_eq!(found.strangers, [theirs]);
    assert!(found.would_fail());
    roles.is_refused();
}

//! The doctor's findings on a server.

use covara_diesel::auto_migrate;
use covara_diesel::doctor::{self, Report, Severity};
use diesel::connection::SimpleConnection;
use support::postgres::{TestDb, server_url};

fn texts_of(report: &Report, severity: Severity) -> String {
    let findings = report.findings.iter();
    findings
        .filter(|finding| finding.severity == severity)
        .map(|finding| finding.text.as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Roles belong to the server, not to a database: gone when dropped, after the database.
struct Role(String);

impl Role {
    fn new(name: &str, attributes: &str) -> Self {
        let name = format!("covara_{name}_{}", std::process::id());
        administrate(&format!(
            "CREATE ROLE {name} LOGIN PASSWORD 'hunter2' {attributes}"
        ));
        Self(name)
    }

    fn url(&self, db: &TestDb) -> String {
        let (_, rest) = db
            .url()
            .split_once('@')
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .unwrap();
        format!("postgres://{}:hunter2@{rest}", self.0)
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        administrate(&format!("DROP ROLE {}", self.0));
    }
}

fn administrate(sql: &str) {
    use diesel::Connection;
    diesel::PgConnection::establish(&server_url())
        .unwrap()
        .batch_execute(sql)
        .unwrap();
}

#[test]
fn the_doctor_reports_the_servers_settings_and_not_diesels() {
    let db = TestDb::new();
    let name = db.url().rsplit_once('/').unwrap().1.to_owned();
    db.connect()
        .batch_execute(&format!(
            "ALTER DATABASE {name} SET timezone = 'Europe/Berlin';
             ALTER DATABASE {name} SET default_transaction_isolation = 'serializable';
             ALTER DATABASE {name} SET statement_timeout = '7s'"
        ))
        .unwrap();
    let report = doctor::postgres(db.url()).unwrap();
    for (name, value) in [
        ("TimeZone", "Europe/Berlin"),
        ("default_transaction_isolation", "serializable"),
        ("statement_timeout", "7000 ms"),
        ("lock_timeout", "none"),
        ("server_encoding", "UTF8"),
        ("max_connections", "200"),
    ] {
        assert_eq!(report.setting(name), Some(value), "{name}");
    }
    assert!(texts_of(&report, Severity::Hint).contains("stricter than read committed"));
    assert!(!texts_of(&report, Severity::Warning).contains("pg_catalog"));
    assert_eq!(report.database, name);
    let client = report.client_version.as_deref().unwrap();
    assert!(client.starts_with("libpq 1"), "{client}");
}

#[test]
fn a_search_path_with_other_schemas_before_pg_catalog_is_a_warning() {
    let db = TestDb::new();
    let name = db.url().rsplit_once('/').unwrap().1.to_owned();
    for (path, warned) in [
        ("public, pg_catalog", true),
        ("\"$user\", public, \"pg_catalog\"", true),
        ("pg_catalog, public", false),
        ("public", false),
    ] {
        db.connect()
            .batch_execute(&format!("ALTER DATABASE {name} SET search_path = {path}"))
            .unwrap();
        let report = doctor::postgres(db.url()).unwrap();
        let warnings = texts_of(&report, Severity::Warning);
        assert_eq!(warnings.contains("before pg_catalog"), warned, "{path}");
    }
}

#[test]
fn a_read_only_database_is_a_problem() {
    let db = TestDb::new();
    let name = db.url().rsplit_once('/').unwrap().1.to_owned();
    db.connect()
        .batch_execute(&format!(
            "ALTER DATABASE {name} SET default_transaction_read_only = on"
        ))
        .unwrap();
    let problems = texts_of(&doctor::postgres(db.url()).unwrap(), Severity::Problem);
    assert!(
        problems.contains("default_transaction_read_only"),
        "{problems}"
    );
}

#[test]
fn a_role_that_may_not_make_tables_is_a_problem_until_they_are_made() {
    let role = Role::new("reader", "");
    let db = TestDb::new();
    let report = doctor::postgres(role.url(&db)).unwrap();
    let problems = texts_of(&report, Severity::Problem);
    assert!(problems.contains("may not create tables"), "{problems}");
    assert!(problems.contains("public"), "{problems}");

    let mut owner = db.connect();
    auto_migrate(&mut owner).unwrap();
    owner
        .batch_execute(&format!(
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}",
            role.0
        ))
        .unwrap();
    assert!(doctor::postgres(role.url(&db)).unwrap().is_healthy());

    owner.batch_execute("DROP SCHEMA public CASCADE").unwrap();
    let problems = texts_of(&doctor::postgres(db.url()).unwrap(), Severity::Problem);
    assert!(
        problems.contains("no schema of the search_path"),
        "{problems}"
    );
}

#[test]
fn limits_below_the_pools_size_are_a_warning() {
    let role = Role::new("limited", "CONNECTION LIMIT 5");
    let db = TestDb::new();
    let warnings = texts_of(&doctor::postgres(role.url(&db)).unwrap(), Severity::Warning);
    assert!(
        warnings.contains("role's connection limit is 5"),
        "{warnings}"
    );
    assert!(warnings.contains("pool of 10"), "{warnings}");
}

#[test]
fn the_doctor_needs_one_connection_and_reports_what_it_skipped() {
    let role = Role::new("single", "CONNECTION LIMIT 1");
    let db = TestDb::new();
    let report = doctor::postgres(role.url(&db)).unwrap();
    let hints = texts_of(&report, Severity::Hint);
    assert!(hints.contains("could not be seen"), "{hints}");
    assert!(!format!("{report:?}").contains("hunter2"));
}

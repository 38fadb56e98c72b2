//! What the doctor finds.

use covara_diesel::doctor::{Pooler, Severity};
use covara_diesel::pool::PoolDriver;
use covara_diesel::{auto_migrate, migrate};
use diesel::connection::SimpleConnection;

use crate::backend::{self, TestDb};

#[test]
fn a_migrated_database_is_healthy() {
    let db = TestDb::new();
    auto_migrate(&mut db.connect()).unwrap();
    let report = backend::examine(&db);
    assert!(report.is_healthy(), "{:?}", report.findings);
    assert_eq!(report.dialect, backend::DIALECT);
    assert!(
        report
            .engine_version
            .starts_with(&backend::DIALECT.to_string())
    );
    assert_eq!(report.pooler, Pooler::NothingSeen);
    assert_eq!(PoolDriver::from_url(&db.url()), Ok(report.driver));
    assert!(report.pool.max_size >= 1);
    let status = report.migrations.as_ref().unwrap();
    assert_eq!(*status, migrate::status(&mut db.connect()).unwrap());
    for setting in backend::SETTINGS_THAT_MATTER {
        assert!(report.setting(setting).is_some(), "{setting}");
    }
    assert_eq!(report.setting("no such setting"), None);
}

#[test]
fn pending_migrations_are_a_hint_and_misfits_come_first() {
    let db = TestDb::new();
    db.connect()
        .batch_execute("CREATE TABLE auth_accounts (id TEXT PRIMARY KEY NOT NULL)")
        .unwrap();
    let report = backend::examine(&db);
    assert!(!report.is_healthy());
    let first = &report.findings[0];
    assert_eq!(first.severity, Severity::Problem);
    assert!(first.text.contains("auth_accounts"), "{}", first.text);
    assert!(
        report.findings.iter().any(|finding| {
            finding.severity == Severity::Hint && finding.text.starts_with("4 of 4 migrations")
        }),
        "{:?}",
        report.findings
    );
    assert!(
        backend::tables(&mut db.connect()).len() <= 2,
        "none is made"
    );
}

#[test]
fn the_doctor_reports_a_newer_versions_history() {
    let db = TestDb::new();
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    conn.batch_execute(
        "INSERT INTO __covara_migrations (version, name) VALUES ('29991231000000', 'later')",
    )
    .unwrap();
    let report = backend::examine(&db);
    assert!(report.is_healthy());
    let is_reported = |part: &str| report.findings.iter().any(|f| f.text.contains(part));
    assert!(is_reported("29991231000000"), "{:?}", report.findings);
}

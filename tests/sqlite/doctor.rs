//! The doctor's findings in files.

use std::fs;
use std::io::{Seek, SeekFrom, Write};

use covara_diesel::auto_migrate;
use covara_diesel::doctor::{self, Report, Severity};
use covara_diesel::pool::{self, PoolError};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use support::sqlite::TestDb;

/// The findings of a severity, as one text.
fn texts_of(report: &Report, severity: Severity) -> String {
    let findings = report.findings.iter();
    findings
        .filter(|finding| finding.severity == severity)
        .map(|finding| finding.text.as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

fn migrated() -> TestDb {
    let db = TestDb::new();
    let pool = pool::sqlite(db.url()).unwrap();
    auto_migrate(&mut pool.get().unwrap()).unwrap();
    db
}

#[test]
fn the_doctor_reports_the_settings_of_a_pool() {
    let db = migrated();
    let report = doctor::sqlite(db.url()).unwrap();
    for (name, value) in [
        ("journal_mode", "wal"),
        ("synchronous", "normal"),
        ("foreign_keys", "on"),
        ("busy_timeout", "5000 ms"),
        ("page_size", "4096 bytes"),
        ("encoding", "UTF-8"),
        ("fts5", "yes"),
    ] {
        assert_eq!(report.setting(name), Some(value), "{name}");
    }
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert_eq!(report.client_version, None);
    assert_eq!(report.database, db.url());
}

#[test]
fn a_missing_file_is_an_error_and_not_made() {
    let db = TestDb::new();
    let missing = doctor::sqlite(db.url()).unwrap_err();
    assert!(
        matches!(missing, PoolError::MissingFile { .. }),
        "{missing:?}"
    );
    assert!(!fs::exists(db.url()).unwrap());
    fs::write(
        db.url(),
        "this is a letter and no database, long enough to tell",
    )
    .unwrap();
    let letter = doctor::sqlite(db.url()).unwrap_err();
    assert!(
        matches!(letter, PoolError::NotADatabase { .. }),
        "{letter:?}"
    );
}

#[test]
fn a_database_that_cannot_be_written_is_a_problem() {
    let db = migrated();
    let report = doctor::sqlite(format!("file:{}?mode=ro", db.url())).unwrap();
    let problems = texts_of(&report, Severity::Problem);
    assert!(problems.contains("is read-only"), "{problems}");
}

#[test]
fn a_database_that_somebody_keeps_locked_is_a_warning() {
    let db = migrated();
    let mut conn = db.connect();
    conn.immediate_transaction(|_| {
        let report = doctor::sqlite(db.url()).unwrap();
        let warnings = texts_of(&report, Severity::Warning);
        assert!(warnings.contains("locked"), "{warnings}");
        assert!(report.is_healthy());
        QueryResult::Ok(())
    })
    .unwrap();
}

#[test]
fn damage_is_a_problem() {
    let db = migrated();
    db.connect()
        .batch_execute(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT);
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
             INSERT INTO t SELECT i, hex(randomblob(50)) FROM n;
             PRAGMA wal_checkpoint(TRUNCATE)",
        )
        .unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(db.url()).unwrap();
    file.seek(SeekFrom::End(-5 * 4096)).unwrap();
    file.write_all(&[0x55; 4096]).unwrap();
    drop(file);
    let report = doctor::sqlite(db.url()).unwrap();
    let problems = texts_of(&report, Severity::Problem);
    assert!(problems.contains("is damaged"), "{problems}");
}

#[test]
fn rows_without_their_parent_are_a_warning() {
    let db = migrated();
    db.connect()
        .batch_execute(
            "PRAGMA foreign_keys = OFF;
             CREATE TABLE parents (id INTEGER PRIMARY KEY);
             CREATE TABLE children (parent INTEGER REFERENCES parents (id));
             INSERT INTO children VALUES (1), (2)",
        )
        .unwrap();
    let report = doctor::sqlite(db.url()).unwrap();
    let warnings = texts_of(&report, Severity::Warning);
    assert!(
        warnings.contains("2 rows") && warnings.contains("children"),
        "{warnings}"
    );
    assert!(report.is_healthy());
}

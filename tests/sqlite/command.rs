//! The command on files.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use covara_diesel::auto_migrate;
use covara_diesel::pool;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use support::sqlite::TestDb;

use crate::suite::command::{Ran, command, covara, succeeds};

/// Each file of a directory with its content.
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

/// The directory when only the database's file is left: a pool closes its connections in a thread of
/// its own.
fn closed(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let begun = Instant::now();
    loop {
        let files = files(directory);
        if files.len() == 1 {
            return files;
        }
        let names: Vec<_> = files.iter().map(|(name, _)| name).collect();
        assert!(begun.elapsed() < Duration::from_secs(60), "{names:?}");
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_dry_run_and_a_doctor_leave_no_trace() {
    for wal in [true, false] {
        let db = TestDb::new();
        let url = db.url();
        if wal {
            let pool = pool::sqlite(&url).unwrap();
            auto_migrate(&mut pool.get().unwrap()).unwrap();
        } else {
            db.connect()
                .batch_execute("CREATE TABLE t (id INTEGER)")
                .unwrap();
        }
        let directory = Path::new(&url).parent().unwrap();
        let before = closed(directory);
        succeeds(&["migrate", "--dry-run", "--database-url", &url]);
        succeeds(&["migrate", "--status", "--database-url", &url]);
        succeeds(&["doctor", "--database-url", &url]);
        assert_eq!(files(directory), before);
    }
}

#[test]
fn no_form_of_url_makes_a_file_without_migrating() {
    let directory = support::temporary::tempdir().unwrap();
    let path = directory.path().display().to_string();
    for url in [
        format!("{path}/app.db"),
        format!("/{path}/app.db"),
        format!("{path}/a?b#c%20d.db"),
        format!("sqlite:{path}/app.db"),
        format!("sqlite://{path}/app.db?cache=private"),
        format!("file:{path}/app.db"),
        format!("file:{path}/a%20b.db?mode=rwc&cache=private"),
        format!("file://{path}/app.db#fragment"),
    ] {
        let dry = succeeds(&["migrate", "--dry-run", "--database-url", &url]);
        assert!(
            dry.out.contains("does not exist and would be made"),
            "{}",
            dry.all()
        );
        let doctor = covara(&["doctor", "--database-url", &url]);
        assert_eq!(doctor.code, Some(1), "{}", doctor.all());
        assert!(doctor.err.contains("does not exist"), "{}", doctor.err);
        assert_eq!(files(directory.path()).len(), 0, "{url}");
    }
    // Each names the same file to all commands.
    for (url, file) in [
        (format!("{path}/a?b#c%20d.db"), "a?b#c%20d.db"),
        (
            format!("file:{path}/a%20b.db?mode=rwc&cache=private"),
            "a b.db",
        ),
        (format!("sqlite:{path}/c.db"), "c.db"),
        (format!("/{path}/d.db"), "d.db"),
    ] {
        succeeds(&["migrate", "--database-url", &url]);
        assert!(directory.path().join(file).exists(), "{url}");
        let status = succeeds(&["migrate", "--status", "--database-url", &url]);
        assert_eq!(status.out.matches("applied").count(), 4, "{}", status.out);
        succeeds(&["doctor", "--database-url", &url]);
    }
}

#[test]
fn a_relative_path_and_memory_work() {
    let directory = support::temporary::tempdir().unwrap();
    let mut migrate = command(&["migrate", "--database-url", "app.db"]);
    let ran = Ran::of(migrate.current_dir(&directory).output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.all());
    assert!(directory.path().join("app.db").exists());
    let ran = succeeds(&["migrate", "--database-url", ":memory:"]);
    assert!(ran.out.contains("4 migrations run"), "{}", ran.out);
    succeeds(&["doctor", "--database-url", "sqlite::memory:"]);
}

#[test]
fn a_busy_writer_blocks_no_dry_run_or_doctor() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("CREATE TABLE t (id INTEGER)").unwrap();
    conn.immediate_transaction(|_| {
        let ran = succeeds(&["migrate", "--status", "--database-url", &db.url()]);
        assert_eq!(ran.out.matches("pending").count(), 4);
        QueryResult::Ok(())
    })
    .unwrap();
}

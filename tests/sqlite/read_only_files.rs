//! Files and directories that the user may only read.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use covara_diesel::{auto_migrate, pool};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use rustix::process::geteuid;
use support::temporary::TempDir;

use crate::suite::command::Ran;

/// A directory that everybody may read, with the command in it.
struct Shared {
    directory: TempDir,
    program: PathBuf,
}

impl Shared {
    fn new() -> Self {
        let directory = support::temporary::tempdir().unwrap();
        let program = directory.path().join("covara");
        // A process of its own: a file cannot be run while any process has it open for writing, and
        // other tests fork this one.
        let mut copy = Command::new("cp");
        copy.arg(env!("CARGO_BIN_EXE_covara-command")).arg(&program);
        assert!(copy.status().unwrap().success());
        set_mode(&program, 0o755);
        set_mode(directory.path(), 0o755);
        Self { directory, program }
    }

    /// A directory with a database, each with a mode.
    fn database(&self, name: &str, wal: bool, directory_mode: u32, sql: &str) -> PathBuf {
        let directory = self.directory.path().join(name);
        fs::create_dir(&directory).unwrap();
        let path = directory.join("app.db");
        if wal {
            drop(pool::sqlite(&path).unwrap());
        }
        let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        if sql.is_empty() {
            auto_migrate(&mut conn).unwrap();
        } else {
            conn.batch_execute(sql).unwrap();
        }
        drop(conn);
        set_mode(&path, 0o444);
        set_mode(&directory, directory_mode);
        path
    }

    /// Runs the command as somebody whom the modes concern; they do not concern root.
    fn run(&self, arguments: &[&str], path: &Path) -> Ran {
        let mut command = if geteuid().is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
            command.arg(&self.program);
            command
        } else {
            Command::new(&self.program)
        };
        command.args(arguments).arg("--database-url").arg(path);
        Ran::of(command.output().unwrap())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for entry in fs::read_dir(self.directory.path()).unwrap() {
            set_mode(&entry.unwrap().path(), 0o755);
        }
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn names(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().count()
}

#[test]
fn a_file_that_may_only_be_read_is_shown_and_examined() {
    let shared = Shared::new();
    for (name, wal) in [("wal", true), ("rollback", false)] {
        let path = shared.database(name, wal, 0o555, "");
        let status = shared.run(&["migrate", "--status"], &path);
        assert_eq!(status.code, Some(0), "{name}: {}", status.all());
        assert_eq!(status.out.matches("applied").count(), 4);
        let doctor = shared.run(&["doctor"], &path);
        assert_eq!(doctor.code, Some(1), "{name}: {}", doctor.all());
        assert!(
            doctor.out.contains("the database is read-only"),
            "{}",
            doctor.all()
        );
        assert!(doctor.out.contains("4 of 4 applied"), "{}", doctor.all());
        // A pool needs the file of its own, even to find that nothing is to do.
        let dry = shared.run(&["migrate", "--dry-run"], &path);
        let migrated = shared.run(&["migrate", "--quiet"], &path);
        assert_eq!(
            dry.code,
            migrated.code,
            "{name}: {} {}",
            dry.all(),
            migrated.all()
        );
        assert!(dry.out.contains("nothing to do"), "{}", dry.all());
        assert!(dry.err.contains("read-only"), "{}", dry.all());
        assert_eq!(names(path.parent().unwrap()), 1);
    }
}

/// SQLite can put its files beside it.
#[test]
fn a_file_in_a_directory_that_may_be_written_needs_no_migration_to_be_opened() {
    let shared = Shared::new();
    for (name, wal, sql) in [
        ("wal", true, ""),
        ("rollback", false, ""),
        ("wal-pending", true, "CREATE TABLE t (a)"),
        ("rollback-pending", false, "CREATE TABLE t (a)"),
    ] {
        let path = shared.database(name, wal, 0o777, sql);
        let dry = shared.run(&["migrate", "--dry-run"], &path);
        let migrated = shared.run(&["migrate", "--quiet"], &path);
        assert_eq!(
            dry.code,
            migrated.code,
            "{name}: {} {}",
            dry.all(),
            migrated.all()
        );
        let fits = wal && sql.is_empty();
        assert_eq!(dry.code, Some(i32::from(!fits)), "{name}: {}", dry.all());
    }
}

/// Without its `-wal` the file would be an older database.
#[test]
fn a_file_with_a_wal_that_cannot_be_read_is_not_shown_without_it() {
    let shared = Shared::new();
    let path = shared.database("wal", true, 0o755, "");
    let wal = path.with_extension("db-wal");
    fs::write(&wal, "something").unwrap();
    set_mode(&wal, 0o000);
    set_mode(path.parent().unwrap(), 0o555);
    let status = shared.run(&["migrate", "--status"], &path);
    assert_eq!(status.code, Some(1), "{}", status.all());
}

/// A program that crashed has left half of a transaction in the file, and what to undo in the
/// journal beside it.
#[test]
fn a_file_with_a_journal_that_cannot_be_applied_is_not_shown_without_it() {
    let shared = Shared::new();
    let path = shared.database("whole", false, 0o755, "CREATE TABLE t (a, b)");
    set_mode(&path, 0o644);
    let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    conn.batch_execute(
        "PRAGMA cache_size = 1; BEGIN;
         INSERT INTO t SELECT value, zeroblob(1000) FROM json_each('[1,2,3,4,5,6,7,8,9]');
         INSERT INTO t SELECT t.a, t.b FROM t, t AS u, t AS v;
         CREATE TABLE __covara_migrations (version TEXT PRIMARY KEY, run_on TEXT)",
    )
    .unwrap();
    let directory = shared.directory.path().join("crashed");
    fs::create_dir(&directory).unwrap();
    for name in ["app.db", "app.db-journal"] {
        fs::copy(path.with_file_name(name), directory.join(name)).unwrap();
        set_mode(&directory.join(name), 0o444);
    }
    drop(conn);
    set_mode(&directory, 0o555);
    let status = shared.run(&["migrate", "--status"], &directory.join("app.db"));
    assert_eq!(status.code, Some(1), "{}", status.all());
    assert!(status.err.contains("read-only"), "{}", status.all());
}

#[test]
fn a_dry_run_foresees_that_the_mode_of_the_url_makes_no_file() {
    let shared = Shared::new();
    let path = shared.directory.path().join("app.db");
    for mode in ["ro", "rw"] {
        let url = format!("file:{}?mode={mode}", path.display());
        for arguments in [["migrate", "--dry-run"], ["migrate", "--quiet"]] {
            let ran = shared.run(&arguments, Path::new(&url));
            assert_eq!(ran.code, Some(1), "{mode}: {}", ran.all());
        }
    }
    assert!(!path.exists());
}

#[test]
fn a_dry_run_foresees_that_a_file_cannot_be_made() {
    let shared = Shared::new();
    for (name, mode, code) in [("closed", 0o555, 1), ("open", 0o777, 0)] {
        let directory = shared.directory.path().join(name);
        fs::create_dir(&directory).unwrap();
        set_mode(&directory, mode);
        let path = directory.join("app.db");
        let dry = shared.run(&["migrate", "--dry-run"], &path);
        assert_eq!(dry.code, Some(code), "{}", dry.all());
        assert_eq!(names(&directory), 0, "{}", dry.all());
        let migrated = shared.run(&["migrate", "--quiet"], &path);
        assert_eq!(migrated.code, Some(code), "{}", migrated.all());
    }
}

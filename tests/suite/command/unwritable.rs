//! Standard output and standard error that cannot be written to.

use std::fs::File;
use std::io::Read;
use std::process::Stdio;

use diesel::connection::SimpleConnection;
use support::temporary::{TempDir, tempdir};

use super::helpers::{Ran, command};
use crate::backend::TestDb;
use crate::suite::count;

/// A device on which nothing has room.
fn full() -> Stdio {
    let device = File::options().write(true).open("/dev/full").unwrap();
    device.into()
}

/// A pipe that nobody reads any more.
fn unread() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// A database with an empty table `notes`, and a file of 30,000 rows for it.
fn fixture() -> (TestDb, TempDir, String) {
    let db = TestDb::new();
    db.connect()
        .batch_execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
        .unwrap();
    let directory = tempdir().unwrap();
    let rows: String = (0..30_000).map(|id| format!("{id},a note\n")).collect();
    let path = directory.path().join("notes.csv");
    std::fs::write(&path, format!("id,text\n{rows}")).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (db, directory, path)
}

#[test]
fn a_seed_goes_on_where_its_progress_cannot_be_shown() {
    for stderr in [full, unread] {
        let (db, _directory, path) = fixture();
        let ran = command(&["seed", "--database-url", &db.url(), &path])
            .stderr(stderr())
            .output()
            .unwrap();
        let ran = Ran::of(ran);
        assert_eq!(ran.code, Some(0), "{}", ran.all());
        assert!(ran.out.contains("30,000 inserted"), "{}", ran.all());
        assert_eq!(count(&mut db.connect(), "notes"), 30_000);
    }
}

#[test]
fn an_error_that_cannot_be_shown_still_has_its_exit_code() {
    for stderr in [full, unread] {
        let (db, _directory, path) = fixture();
        let given = [
            "seed",
            "--database-url",
            &db.url(),
            "--table",
            "nothing",
            &path,
        ];
        let ran = Ran::of(command(&given).stderr(stderr()).output().unwrap());
        assert_eq!(ran.code, Some(1), "{}", ran.all());
    }
}

#[test]
fn a_result_that_cannot_be_shown_says_that_the_work_is_done() {
    for more in [&[][..], &["--json"]] {
        let (db, _directory, path) = fixture();
        let url = db.url();
        let given = [&["seed", "--database-url", &url, &path][..], more].concat();
        let ran = Ran::of(command(&given).stdout(full()).output().unwrap());
        assert_eq!(ran.code, Some(1), "{}", ran.all());
        let said =
            "the work is done, but its result cannot be written to standard output: No space";
        assert!(ran.err.contains(said), "{}", ran.all());
        assert_eq!(count(&mut db.connect(), "notes"), 30_000);
    }
}

/// Whoever takes the rows for a copy of the table must not take a part for all.
#[test]
fn a_dump_whose_reader_ends_early_fails() {
    let (db, _directory, path) = fixture();
    let url = db.url();
    let ran = command(&["seed", "--database-url", &url, &path]).output();
    assert!(ran.unwrap().status.success());
    let given = [
        "dump",
        "--database-url",
        &url,
        "--directory",
        "-",
        "--table",
        "notes",
    ];
    let mut child = command(&given)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut line = [0; 8];
    out.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"id,text\n");
    drop(out);
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(1), "{}", ran.all());
    assert!(
        ran.err.contains("the reader of standard output ended"),
        "{}",
        ran.all()
    );
}

//! Ctrl-C, SIGTERM and SIGHUP while the command works.

use std::io::Write;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use covara_diesel::{Dialect, auto_migrate};
use diesel::connection::SimpleConnection;
use rustix::process::{Pid, Signal, kill_process};

use super::super::{count, number};
use super::{Ran, command};
use crate::backend::{self, Conn, TestDb};

const INT: Signal = Signal::INT;

/// Longer than any of the commands takes to be where it waits.
const BEGUN: Duration = Duration::from_millis(700);

fn start(arguments: &[&str]) -> Child {
    let mut command = command(arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

fn ended(child: Child) -> Ran {
    Ran::of(child.wait_with_output().unwrap())
}

fn with_notes(db: &TestDb) -> Conn {
    let mut conn = db.connect();
    conn.batch_execute("CREATE TABLE notes (id BIGINT PRIMARY KEY NOT NULL, text TEXT NOT NULL)")
        .unwrap();
    conn
}

fn rows(from: usize, to: usize) -> String {
    (from..to)
        .map(|id| format!("{id},text of {id}\n"))
        .collect()
}

fn seed_input(url: &str) -> Child {
    start(&[
        "seed",
        "--database-url",
        url,
        "--table",
        "notes",
        "-",
        "--format",
        "csv",
    ])
}

#[test]
fn a_seed_that_waits_for_its_input_keeps_nothing() {
    for (signal, name, code) in [
        (INT, "Ctrl-C", 130),
        (Signal::TERM, "SIGTERM", 143),
        (Signal::HUP, "SIGHUP", 129),
    ] {
        let db = TestDb::new();
        let mut conn = with_notes(&db);
        let mut child = seed_input(&db.url());
        let mut input = child.stdin.take().unwrap();
        input.write_all(b"id,text\n").unwrap();
        input.write_all(rows(0, 30_000).as_bytes()).unwrap();
        thread::sleep(BEGUN);
        send(&child, signal);
        let ran = ended(child);
        drop(input);
        assert_eq!(ran.code, Some(code), "{}", ran.all());
        let said = format!("error: stopped by {name}: nothing was kept\n");
        assert!(ran.err.ends_with(&said), "{}", ran.all());
        assert_eq!(count(&mut conn, "notes"), 0);
    }
}

#[test]
fn input_that_ends_because_its_program_was_stopped_is_not_kept() {
    let db = TestDb::new();
    let mut conn = with_notes(&db);
    let mut child = seed_input(&db.url());
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"id,text\n").unwrap();
    input.write_all(b"1,half\n").unwrap();
    thread::sleep(BEGUN);
    // The program has gone before the same signal arrives.
    drop(input);
    thread::sleep(Duration::from_millis(10));
    send(&child, INT);
    let ran = ended(child);
    assert_eq!(ran.code, Some(130), "{}", ran.all());
    assert_eq!(count(&mut conn, "notes"), 0);

    // Without a signal it is the end of the rows.
    let mut child = seed_input(&db.url());
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"id,text\n1,kept\n").unwrap();
    drop(input);
    assert_eq!(ended(child).code, Some(0));
    assert_eq!(count(&mut conn, "notes"), 1);
}

/// Locks the notes until the transaction ends.
fn hold(conn: &mut Conn) {
    conn.batch_execute(match backend::DIALECT {
        Dialect::Sqlite => "BEGIN IMMEDIATE",
        _ => "BEGIN; LOCK TABLE notes IN ACCESS EXCLUSIVE MODE",
    })
    .unwrap();
}

/// Checks that the server has nobody left who waits for the lock, though it is still held.
fn nobody_waits(conn: &mut Conn) {
    if backend::DIALECT == Dialect::Postgres {
        let waiting = "SELECT count(*) AS n FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock'";
        assert_eq!(number(conn, waiting), 0);
    }
}

#[test]
fn a_seed_that_is_blocked_by_a_lock_ends_and_so_does_its_statement() {
    let db = TestDb::new();
    let mut conn = with_notes(&db);
    hold(&mut conn);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("notes.csv");
    std::fs::write(&file, "id,text\n1,a\n").unwrap();
    let arguments = [
        "seed",
        "--database-url",
        &db.url(),
        "--table",
        "notes",
        file.to_str().unwrap(),
    ];
    let child = start(&arguments);
    thread::sleep(BEGUN);
    let begun = Instant::now();
    send(&child, INT);
    let ran = ended(child);
    assert_eq!(ran.code, Some(130), "{}", ran.all());
    assert!(
        ran.err.ends_with("stopped by Ctrl-C: nothing was kept\n"),
        "{}",
        ran.all()
    );
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    nobody_waits(&mut conn);
    conn.batch_execute("ROLLBACK").unwrap();
    assert_eq!(count(&mut conn, "notes"), 0);

    // The second signal does not wait for anything.
    hold(&mut conn);
    let child = start(&arguments);
    thread::sleep(BEGUN);
    let begun = Instant::now();
    send(&child, INT);
    thread::sleep(Duration::from_millis(30));
    // It may be gone already.
    let _ = kill_process(Pid::from_child(&child), INT);
    assert_eq!(ended(child).code, Some(130));
    assert!(
        begun.elapsed() < Duration::from_millis(800),
        "{:?}",
        begun.elapsed()
    );
    conn.batch_execute("ROLLBACK").unwrap();
    assert_eq!(count(&mut conn, "notes"), 0);
}

#[test]
fn a_migration_that_waits_for_others_ends() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let key = i64::from_be_bytes(*b"covaradb");
    let lock = match backend::DIALECT {
        Dialect::Sqlite => "BEGIN IMMEDIATE".to_owned(),
        _ => format!("BEGIN; SELECT pg_advisory_xact_lock({key})"),
    };
    // The file exists, and is in WAL mode.
    conn.batch_execute("CREATE TABLE others (id BIGINT)")
        .unwrap();
    conn.batch_execute(&lock).unwrap();
    let child = start(&["migrate", "--json", "--database-url", &db.url()]);
    thread::sleep(BEGUN);
    send(&child, INT);
    let ran = ended(child);
    assert_eq!(ran.code, Some(130), "{}", ran.all());
    let error: serde_json::Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!(error["error"], "stopped by Ctrl-C: nothing was kept");
    assert_eq!(error["exit_code"], 130);
    nobody_waits(&mut conn);
    conn.batch_execute("ROLLBACK").unwrap();
    assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 4);
}

#[test]
fn a_dump_leaves_no_file_behind() {
    let db = TestDb::new();
    let mut conn = with_notes(&db);
    conn.batch_execute(
        "INSERT INTO notes WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n
             WHERE id < 400000) SELECT id, 'a text that is of some length, to take a while' FROM n",
    )
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let to = directory.path().to_str().unwrap();
    let old = directory.path().join("notes.csv");
    std::fs::write(&old, "old").unwrap();
    let child = start(&["dump", "--database-url", &db.url(), "--directory", to]);
    let begun = Instant::now();
    let names = || {
        let entries = std::fs::read_dir(directory.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect::<Vec<_>>()
    };
    while names().len() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(20));
        thread::sleep(Duration::from_millis(1));
    }
    send(&child, INT);
    let ran = ended(child);
    assert_eq!(ran.code, Some(130), "{}", ran.all());
    assert!(ran.err.contains("the dump is incomplete"), "{}", ran.all());
    assert_eq!(names(), ["notes.csv"]);
    assert_eq!(std::fs::read_to_string(old).unwrap(), "old");

    // Its rows fill the pipe, which nobody reads.
    let child = start(&[
        "dump",
        "--database-url",
        &db.url(),
        "--table",
        "notes",
        "--directory",
        "-",
    ]);
    thread::sleep(BEGUN);
    send(&child, INT);
    let ran = ended(child);
    assert_eq!(ran.code, Some(130), "{}", ran.all());
    assert!(
        ran.err.contains("the output is incomplete"),
        "{}",
        ran.all()
    );
}

/// As a shell starts what it runs in the background.
#[test]
fn a_signal_that_was_ignored_before_stays_so() {
    let db = TestDb::new();
    let mut conn = with_notes(&db);
    let words = r#"trap "" INT; exec "$@""#;
    let program = command(&["seed", "--database-url", &db.url(), "--table", "notes"]);
    let mut shell = std::process::Command::new("sh");
    shell
        .args(["-c", words, "sh"])
        .arg(program.get_program())
        .args(program.get_args())
        .args(["-", "--format", "csv"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = shell.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"id,text\n1,a\n").unwrap();
    thread::sleep(BEGUN);
    send(&child, INT);
    thread::sleep(Duration::from_millis(100));
    input.write_all(b"2,b\n").unwrap();
    drop(input);
    let ran = ended(child);
    assert_eq!(ran.code, Some(0), "{}", ran.all());
    assert_eq!(count(&mut conn, "notes"), 2);
}

#[test]
fn a_dump_that_waits_for_a_lock_ends_and_so_does_its_statement() {
    if backend::DIALECT != Dialect::Postgres {
        return;
    }
    let db = TestDb::new();
    let mut conn = with_notes(&db);
    hold(&mut conn);
    let directory = tempfile::tempdir().unwrap();
    let to = directory.path().to_str().unwrap();
    let child = start(&["dump", "--database-url", &db.url(), "--directory", to]);
    thread::sleep(BEGUN);
    send(&child, INT);
    let ran = ended(child);
    assert_eq!(ran.code, Some(130), "{}", ran.all());
    assert!(ran.err.contains("the dump is incomplete"), "{}", ran.all());
    nobody_waits(&mut conn);
}

//! What the command `covara` says of a log.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::{item_log, logged, read, run};
use crate::suite::command::{covara, succeeds};
use crate::suite::helpers::url_to_open;

#[test]
fn the_command_prints_changes_and_follows_them() {
    let (db, mut conn) = logged();
    let conn = &mut conn;
    let url = url_to_open(db.url());
    run(conn, "INSERT INTO items VALUES (1, 'a')");
    run(conn, "DELETE FROM items");
    let ran = succeeds(&["changes", "--database-url", &url]);
    let lines: Vec<Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "{}", ran.all());
    assert_eq!(lines[0]["new"], json!({"id": 1, "name": "a"}));
    assert_eq!(lines[1]["operation"], "delete");
    let last = lines[1]["number"].to_string();

    let mut follower = Command::new(env!("CARGO_BIN_EXE_covara-command"))
        .args([
            "changes",
            "--follow",
            "--after",
            &last,
            "--database-url",
            &url,
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    run(conn, "INSERT INTO items VALUES (2, 'b')");
    let mut line = String::new();
    BufReader::new(follower.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    follower.kill().unwrap();
    follower.wait().unwrap();
    let change: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(change["key"], json!({"id": 2}));
}

#[test]
fn the_doctor_finds_tables_and_feeds_that_are_left_behind() {
    let (db, mut conn) = logged();
    let conn = &mut conn;
    let url = url_to_open(db.url());
    let findings = |code: i32| {
        let ran = covara(&["doctor", "--json", "--database-url", &url]);
        assert_eq!(ran.code, Some(code), "{}", ran.all());
        ran.json()["findings"].to_string()
    };
    run(conn, "INSERT INTO items VALUES (1, 'a')");
    read(conn);
    let found = findings(0);
    assert!(
        !found.contains("feed") && !found.contains("items"),
        "{found}"
    );

    run(conn, "INSERT INTO items VALUES (2, 'b')");
    std::thread::sleep(Duration::from_millis(20));
    item_log().retain(Duration::ZERO).prune(conn).unwrap();
    let found = findings(1);
    assert!(found.contains("feed reader"), "{found}");
    item_log().feed("reader").skip_gap(conn).unwrap();
    assert!(!findings(0).contains("feed reader"));

    run(
        conn,
        "CREATE TABLE others (id BIGINT PRIMARY KEY NOT NULL, name TEXT NOT NULL);
         DROP TABLE items; ALTER TABLE others RENAME TO items",
    );
    let found = findings(1);
    assert!(found.contains("table items are not logged"), "{found}");
    item_log().install(conn).unwrap();
    assert!(!findings(0).contains("items"));
}

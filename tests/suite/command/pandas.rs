//! Files as pandas' `to_csv` writes them.

use std::fs;

use covara_diesel::Dialect;
use diesel::connection::SimpleConnection;

use super::super::number;
use super::seed::seed;
use crate::backend::{self, Conn, TestDb};

/// With its index, whose header is empty. Whole numbers with gaps are floats, and nothing is NaN.
const FRAME: &str = ",id,name,active,score,visits,joined\n\
    0,1,Ada,True,1.5,3.0,2024-01-01 00:00:00+00:00\n\
    1,2,\"O'Neil, Jr\",False,,,2024-01-02 12:30:00.123456+00:00\n\
    2,3,,True,-2.0,4.0,\n";

fn with_table(db: &TestDb) -> Conn {
    let mut conn = db.connect();
    let time = match backend::DIALECT {
        Dialect::Sqlite => "DATETIME",
        _ => "TIMESTAMPTZ",
    };
    conn.batch_execute(&format!(
        "CREATE TABLE users (id BIGINT PRIMARY KEY NOT NULL, name TEXT, active BOOLEAN NOT NULL,
             score DOUBLE PRECISION, visits INTEGER, joined {time})"
    ))
    .unwrap();
    conn
}

#[test]
fn a_frame_goes_in_or_its_error_names_the_option() {
    let db = TestDb::new();
    let mut conn = with_table(&db);
    let directory = tempfile::tempdir().unwrap();
    let write = |text: &str| fs::write(directory.path().join("users.csv"), text).unwrap();
    let run = |options: &[&str]| {
        let file = ["--table", "users", "users.csv"];
        seed(&db, directory.path(), &[&file, options].concat())
    };

    write(FRAME);
    let refused = run(&[]);
    assert_eq!(refused.code, Some(1), "{}", refused.all());
    assert!(
        refused.err.contains("--leave-out '#1'"),
        "{}",
        refused.all()
    );
    let ran = run(&["--leave-out=#1"]);
    assert_eq!(ran.code, Some(0), "{}", ran.all());
    for (found, expected) in [
        ("count(*)", 3),
        ("CAST(sum(visits) AS BIGINT)", 7),
        ("count(score)", 2),
        ("count(joined)", 2),
        ("count(name)", 2),
    ] {
        let query = format!("SELECT {found} AS n FROM users");
        assert_eq!(number(&mut conn, &query), expected, "{found}");
    }
    let active = "SELECT count(*) AS n FROM users WHERE active";
    assert_eq!(number(&mut conn, active), 2);
    conn.batch_execute("DELETE FROM users").unwrap();

    // index=False, and other arguments of to_csv.
    let plain: String = FRAME
        .lines()
        .map(|line| format!("{}\n", line.split_once(',').unwrap().1))
        .collect();
    let semicolons = plain.replace("\"O'Neil, Jr\"", "ONeil").replace(',', ";");
    let nan = plain
        .replace("False,,,", "False,NaN,NaN,")
        .replace("4.0,\n", "4.0,NaN\n");
    let words = plain.replace("False,,,", "False,missing,missing,");
    for (text, hint, option) in [
        (&semicolons, "--delimiter", "--delimiter=;"),
        (&nan, "--null 'NaN'", "--null=NaN"),
        (&words, "found \"missing\"", "--null=missing"),
    ] {
        write(text);
        let refused = run(&[]);
        assert_eq!(refused.code, Some(1), "{}", refused.all());
        assert!(refused.err.contains(hint), "{hint} in {}", refused.all());
        let ran = run(&[option]);
        assert_eq!(ran.code, Some(0), "{}", ran.all());
        conn.batch_execute("DELETE FROM users").unwrap();
    }
}

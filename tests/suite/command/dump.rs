//! `covara dump`.

use diesel::connection::SimpleConnection;

use super::{contains_all, covara, succeeds};
use crate::backend::TestDb;
use crate::suite::count;

fn filled() -> TestDb {
    let db = TestDb::new();
    db.connect()
        .batch_execute(
            "CREATE TABLE cities (id BIGINT PRIMARY KEY NOT NULL, name TEXT NOT NULL);
             CREATE TABLE notes (id BIGINT PRIMARY KEY NOT NULL, note TEXT);
             INSERT INTO cities VALUES (2, 'Oslo'), (1, 'Lima');
             INSERT INTO notes VALUES (1, '')",
        )
        .unwrap();
    db
}

#[test]
fn tables_are_dumped_and_seeded_by_the_command() {
    let db = filled();
    let url = db.url();
    let directory = support::temporary::tempdir().unwrap();
    let at = directory.path().to_str().unwrap();
    let given = [
        "dump",
        "--database-url",
        &url,
        "--directory",
        at,
        "--format",
        "ndjson",
        "--gzip",
    ];
    let ran = succeeds(&given);
    contains_all(
        &ran.out,
        &[
            "cities: 2 rows, ",
            "cities.ndjson.gz",
            "notes: 1 rows, ",
            "3 rows in ",
        ],
    );
    db.connect().batch_execute("DELETE FROM cities").unwrap();
    let file = directory.path().join("cities.ndjson.gz");
    let file = file.to_str().unwrap();
    succeeds(&[
        "seed",
        "-q",
        "--database-url",
        &url,
        "--table",
        "cities",
        file,
    ]);
    assert_eq!(count(&mut db.connect(), "cities"), 2);

    let csv = [
        "dump",
        "--database-url",
        &url,
        "--directory",
        at,
        "--table",
        "cities",
    ];
    let json = succeeds(&[&csv[..], &["--json"]].concat()).json();
    assert_eq!(
        (&json["command"], &json["ok"]),
        (&"dump".into(), &true.into())
    );
    assert_eq!((&json["rows"], &json["bytes"]), (&2.into(), &22.into()));
    assert_eq!(json["tables"][0]["table"], "cities");
    let path = json["tables"][0]["file"].as_str().unwrap();
    assert_eq!(std::fs::read(path).unwrap(), b"id,name\n1,Lima\n2,Oslo\n");
    assert_eq!(succeeds(&[&csv[..], &["--quiet"]].concat()).out, "");
}

#[test]
fn one_table_goes_to_standard_output() {
    let db = filled();
    let url = db.url();
    let given = ["dump", "--database-url", &url, "--directory", "-"];
    let ran = succeeds(&[&given[..], &["--table", "cities"]].concat());
    assert_eq!(ran.out, "id,name\n1,Lima\n2,Oslo\n");
    let quiet = succeeds(&[&given[..], &["--table", "cities", "--quiet"]].concat());
    assert_eq!(quiet.out, ran.out);
    for more in [
        &[][..],
        &["--table", "cities", "--table", "notes"],
        &["--table", "cities", "--json"],
    ] {
        let ran = covara(&[&given[..], more].concat());
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{}", ran.all());
    }
}

#[test]
fn what_cannot_be_dumped_is_reported_and_leaves_no_file() {
    let db = filled();
    db.connect()
        .batch_execute("CREATE TABLE alone (note TEXT); INSERT INTO alone VALUES (NULL)")
        .unwrap();
    let url = db.url();
    let directory = support::temporary::tempdir().unwrap();
    let at = directory.path().to_str().unwrap();
    for (more, sentence) in [
        (
            &[][..],
            "row 1 of alone, column note: NULL alone would be a blank line of CSV",
        ),
        (&["--table", "nothing"], "there is no table nothing"),
        (
            &["--table", "../cities"],
            "no file can be named after the table",
        ),
    ] {
        let given = ["dump", "--database-url", &url, "--directory", at];
        let ran = covara(&[&given[..], more].concat());
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", ran.all());
        assert!(ran.err.contains(sentence), "{}", ran.err);
        assert_eq!(std::fs::read_dir(at).unwrap().count(), 0);
    }
    if !crate::backend::HAS_SERVER {
        let missing = directory.path().join("missing.db");
        let missing = missing.to_str().unwrap();
        let ran = covara(&["dump", "--database-url", missing, "--directory", at]);
        assert_eq!(ran.code, Some(1), "{}", ran.all());
        assert!(ran.err.contains("does not exist"), "{}", ran.err);
        assert_eq!(std::fs::read_dir(at).unwrap().count(), 0);
    }
}

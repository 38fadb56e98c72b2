//! `covara seed`, as a user runs it.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use diesel::connection::SimpleConnection;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use support::cities;
use support::temporary::TempDir;

use super::{Ran, command, covara};
use crate::backend::TestDb;
use crate::suite::count;

pub(super) const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/covara-diesel/examples/data");

pub(super) fn with_tables() -> TestDb {
    let db = TestDb::new();
    db.connect().batch_execute(cities::CREATE).unwrap();
    db
}

/// Runs `covara seed` on `db` with files that are named relative to `directory`.
pub(super) fn seed(db: &TestDb, directory: &Path, arguments: &[&str]) -> Ran {
    let url = db.url();
    let mut all = vec!["seed", "--database-url", &url];
    all.extend(arguments);
    Ran::of(command(&all).current_dir(directory).output().unwrap())
}

fn write(directory: &TempDir, name: &str, text: &str) {
    fs::write(directory.path().join(name), text).unwrap();
}

const BOTH: [&str; 6] = [
    "--table",
    "countries",
    "countries.csv",
    "--table",
    "cities",
    "cities.csv",
];

#[test]
fn real_files_are_seeded_once() {
    let db = with_tables();
    let first = seed(&db, DATA.as_ref(), &BOTH);
    assert_eq!(first.code, Some(0), "{}", first.all());
    for line in [
        "countries: 246 rows, 246 inserted, 0 skipped\n",
        "cities: 135,233 rows, 135,233 inserted, 0 skipped\n",
        "135,479 rows in ",
    ] {
        assert!(first.out.contains(line), "{line:?} in {}", first.out);
    }
    // No terminal: a line for each table's end, perhaps some between, of which the last may
    // have all rows already.
    let ends = ["countries: 246 rows, ", "cities: 135,233 rows, "];
    for end in ends {
        let lines = first.err.lines().filter(|line| line.starts_with(end));
        assert!((1..=2).contains(&lines.count()), "{}", first.err);
    }
    assert_eq!(count(&mut db.connect(), "cities"), 135_233);

    let again = seed(&db, DATA.as_ref(), &[&BOTH[..], &["--json"]].concat());
    assert_eq!((again.code, again.err.as_str()), (Some(0), ""));
    let json = again.json();
    assert_eq!(json["ok"], true);
    assert_eq!(json["tables"][1]["table"], "cities");
    assert_eq!(json["tables"][1]["attempted"], 135_233);
    assert_eq!(json["inserted"], 0);
    assert_eq!(json["skipped"], 135_479);
    assert!(json["seconds"].as_f64().unwrap() > 0.0);

    let quiet = seed(&db, DATA.as_ref(), &[&BOTH[..], &["--quiet"]].concat());
    assert_eq!(
        (quiet.code, quiet.out.as_str(), quiet.err.as_str()),
        (Some(0), "", "")
    );
}

#[test]
fn every_kind_of_file_is_taken() {
    let db = with_tables();
    let directory = support::temporary::tempdir().unwrap();
    write(&directory, "one.csv", "code,name\nAD,Andorra\n");
    write(
        &directory,
        "two.ndjson",
        "{\"name\": \"Chad\", \"code\": \"TD\"}\n",
    );
    let file = File::create(directory.path().join("three.csv.gz")).unwrap();
    let mut gzip = GzEncoder::new(file, Compression::default());
    gzip.write_all(b"name,code\nPeru,PE\nAndorra again,AD\n")
        .unwrap();
    gzip.finish().unwrap();
    let ran = seed(
        &db,
        directory.path(),
        &[
            "--table",
            "countries",
            "one.csv",
            "--table",
            "countries",
            "two.ndjson",
            "--table",
            "countries",
            "three.csv.gz",
            "--json",
        ],
    );
    assert_eq!(ran.code, Some(0), "{}", ran.all());
    let json = ran.json();
    let inserted: Vec<_> = (0..3)
        .map(|at| json["tables"][at]["inserted"].clone())
        .collect();
    assert_eq!(inserted, [1, 1, 1]);
    assert_eq!(json["skipped"], 1);
}

#[test]
fn a_bad_file_is_reported_and_nothing_is_kept() {
    let db = with_tables();
    let directory = support::temporary::tempdir().unwrap();
    write(&directory, "countries.csv", "code,name\nAD,Andorra\n");
    let header =
        "geoname_id,name,country_code,admin_code,feature_code,population,latitude,longitude";
    write(
        &directory,
        "cities.csv",
        &format!("{header}\n1,Vila,AD,,PPL,10,42.5,1.5\n"),
    );
    write(
        &directory,
        "many.csv",
        &format!("{header}\n1,Vila,AD,,PPL,many,42.5,1.5\n"),
    );
    write(&directory, "other.csv", "code,motto\nAD,x\n");
    write(&directory, "letter.txt", "hello");
    let countries = ["--table", "countries", "countries.csv", "--table"];
    for (table, file, parts) in [
        (
            "cities",
            "many.csv",
            vec!["many.csv, line 2, column population", "\"many\""],
        ),
        ("countries", "other.csv", vec!["other.csv", "motto"]),
        ("countries", "none.csv", vec!["none.csv cannot be opened"]),
        ("countries", "letter.txt", vec!["letter.txt", ".ndjson"]),
        ("towns", "cities.csv", vec!["no table towns"]),
    ] {
        let arguments = [&countries[..], &[table, file]].concat();
        let ran = seed(&db, directory.path(), &arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", ran.all());
        let last = ran.err.lines().last().unwrap();
        assert!(last.starts_with("error: "), "{}", ran.err);
        for part in &parts {
            assert!(last.contains(part), "{part:?} in {last}");
        }
        let ran = seed(
            &db,
            directory.path(),
            &[&arguments[..], &["--json"]].concat(),
        );
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", ran.all());
        let error: Value = serde_json::from_str(&ran.err).unwrap();
        assert_eq!(error["exit_code"], 1);
        assert!(
            error["error"].as_str().unwrap().contains(parts[0]),
            "{error}"
        );
    }

    // A city before its country, which is sorted out.
    let wrong = [
        "--table",
        "cities",
        "cities.csv",
        "--table",
        "countries",
        "countries.csv",
    ];
    let ran = seed(&db, directory.path(), &wrong);
    assert_eq!(ran.code, Some(0), "{}", ran.all());
    let mut conn = db.connect();
    assert_eq!(count(&mut conn, "countries"), 1);
    assert_eq!(count(&mut conn, "cities"), 1);
}

#[test]
fn rows_are_updated_refused_or_replaced() {
    let db = with_tables();
    let directory = support::temporary::tempdir().unwrap();
    write(&directory, "old.csv", "code,name\nAD,Andorra\nTD,Chad\n");
    write(
        &directory,
        "new.csv",
        "code,name\nAD,Andorra\nTD,Tchad\nPE,Peru\n",
    );
    let run = |file: &str, more: &[&str]| {
        let arguments = [&["--table", "countries", file], more].concat();
        seed(&db, directory.path(), &arguments)
    };
    run("old.csv", &[]);
    let ran = run("new.csv", &["--on-conflict", "fail"]);
    assert_eq!(ran.code, Some(1), "{}", ran.all());
    let last = ran.err.lines().last().unwrap();
    assert!(
        last.contains("new.csv, line 2) conflicts with countries"),
        "{last}"
    );

    let ran = run("new.csv", &["--on-conflict", "update"]);
    assert_eq!(ran.code, Some(0), "{}", ran.all());
    let line = "countries: 3 rows, 1 inserted, 1 updated, 1 unchanged\n";
    assert!(ran.out.contains(line), "{}", ran.out);

    // It is not a terminal that could be asked.
    let ran = run("old.csv", &["--replace"]);
    assert_eq!(ran.code, Some(2), "{}", ran.all());
    assert!(
        ran.err
            .contains("deletes all rows of countries; give --yes"),
        "{}",
        ran.err
    );
    assert_eq!(count(&mut db.connect(), "countries"), 3);
    let ran = run("old.csv", &["--replace", "--yes", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.all());
    let json = ran.json();
    assert_eq!(
        (&json["deleted"], &json["inserted"]),
        (&3.into(), &2.into())
    );
    assert_eq!(json["tables"][0]["deleted"], 3);
    let ran = run("old.csv", &["--replace", "--yes", "--on-conflict", "fail"]);
    let line = "countries: 2 rows, 2 inserted, 2 deleted\n";
    assert!(ran.out.contains(line), "{}", ran.out);
    assert_eq!(run("old.csv", &["--yes"]).code, Some(2));
}

#[test]
fn wrong_usage_ends_with_2_and_makes_no_file() {
    let db = TestDb::new();
    let url = db.url();
    for arguments in [
        vec!["seed", "--database-url", &url],
        vec!["seed", "--database-url", &url, "--table", "cities"],
        vec!["seed", "--table", "cities", "cities.csv"],
    ] {
        let ran = covara(&arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{}", ran.all());
        assert!(ran.err.contains("Usage: covara seed"), "{}", ran.err);
    }
    let directory = support::temporary::tempdir().unwrap();
    let path = directory.path().join("new.db").display().to_string();
    let ran = covara(&[
        "seed",
        "--database-url",
        &path,
        "--table",
        "cities",
        "cities.csv",
    ]);
    assert_eq!(ran.code, Some(1), "{}", ran.all());
    assert!(ran.err.contains("new.db"), "{}", ran.err);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
}

#[test]
fn a_dry_run_says_what_would_be_done() {
    let db = with_tables();
    let tried = seed(&db, DATA.as_ref(), &[&BOTH[..], &["--dry-run"]].concat());
    assert_eq!(tried.code, Some(0), "{}", tried.all());
    for line in [
        "countries: 246 rows, would be 246 inserted, 0 skipped\n",
        "nothing was kept\n",
    ] {
        assert!(tried.out.contains(line), "{line:?} in {}", tried.out);
    }
    assert_eq!(count(&mut db.connect(), "countries"), 0);
    // It need not ask, as it deletes nothing.
    let arguments = [&BOTH[..], &["--dry-run", "--replace", "--json"]].concat();
    let json = seed(&db, DATA.as_ref(), &arguments).json();
    assert_eq!(json["command"], "seed --dry-run");

    let directory = support::temporary::tempdir().unwrap();
    write(&directory, "countries.csv", "code,name\nXX,a\nXX,b\n");
    let one = ["--table", "countries", "countries.csv", "--dry-run"];
    let failing = [&one[..], &["--on-conflict", "fail"]].concat();
    let failed = seed(&db, directory.path(), &failing);
    assert_eq!(failed.code, Some(1), "{}", failed.all());
    assert!(failed.err.contains("line 3"), "{}", failed.err);
}

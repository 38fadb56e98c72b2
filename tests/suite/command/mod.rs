//! The command `covara`, as a user runs it.

mod dry_run;
mod dump;
mod helpers;
#[cfg(unix)]
mod interrupt;
mod pandas;
mod passwords;
mod search;
mod seed;
mod seed_files;
mod unwritable;

use std::io::Read;
use std::process::Stdio;

use covara_diesel::{INTERNAL_TABLE_NAMES, auto_migrate};
use diesel::connection::SimpleConnection;
use serde_json::Value;

use crate::backend::{self, TestDb};
pub(crate) use helpers::{Ran, command, covara, succeeds};

fn contains_all(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} in {text}");
    }
}

const VERSIONS: [&str; 4] = [
    "20261122000001",
    "20261122000002",
    "20261122000003",
    "20261122000004",
];

#[test]
fn help_and_version_are_printed() {
    let help = succeeds(&["--help"]);
    contains_all(
        &help.out,
        &[
            "Usage: covara",
            "migrate",
            "seed",
            "dump",
            "search",
            "doctor",
            "Exit codes",
        ],
    );
    for subcommand in ["migrate", "seed", "dump", "search", "doctor"] {
        // A password in the environment is not shown as the default.
        let secret = "postgres://ada:hunter2@localhost/app";
        let mut command = command(&[subcommand, "--help"]);
        let ran = Ran::of(command.env("DATABASE_URL", secret).output().unwrap());
        assert_eq!(ran.code, Some(0), "{}", ran.all());
        contains_all(
            &ran.out,
            &["--database-url", "--json", "--quiet", "[env: DATABASE_URL]"],
        );
        assert!(!ran.all().contains("hunter2"), "{}", ran.all());
    }

    let db = TestDb::new();
    db.connect();
    let doctor = succeeds(&["doctor", "--database-url", &db.url(), "--json"]).json();
    let library = doctor["library_version"].as_str().unwrap();
    let version = succeeds(&["--version"]).out;
    assert!(
        version.starts_with(&format!("covara {library} (")),
        "{version}"
    );
    assert!(version.contains(&backend::DIALECT.to_string()), "{version}");
}

#[test]
fn wrong_usage_ends_with_2() {
    let db = TestDb::new();
    let url = db.url();
    for (arguments, sentence) in [
        (vec!["improve"], "unrecognized subcommand 'improve'"),
        (vec!["migrate"], "--database-url <URL>"),
        (vec!["migrate", "--database-url", &url, "--dry"], "--dry"),
        (
            vec!["migrate", "--database-url", &url, "--dry-run", "--status"],
            "cannot be used with",
        ),
        (
            vec!["doctor", "--database-url", &url, "--json", "--quiet"],
            "cannot be used with",
        ),
        (vec!["doctor", "--database-url", ""], "URL is empty"),
        (
            vec!["doctor", "--database-url", "mysql://localhost/app"],
            "\"mysql\" is not a known scheme; give a path, :memory:, sqlite:",
        ),
    ] {
        let ran = covara(&arguments);
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (Some(2), ""),
            "{arguments:?}: {}",
            ran.all()
        );
        assert!(ran.err.contains(sentence), "{arguments:?}: {}", ran.err);
    }
    // What a bare command can do is no error of anything given.
    let ran = covara(&[]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{}", ran.all());
    contains_all(&ran.err, &["Usage: covara <COMMAND>", "seed ", "doctor "]);
    assert!(!ran.err.contains("error"), "{}", ran.err);
    let ran = covara(&["migrate", "--json"]);
    let error: Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!(error["exit_code"], 2);
}

#[test]
fn a_dry_run_reports_what_would_run_and_changes_nothing() {
    let db = TestDb::new();
    let url = db.url();
    for arguments in [
        ["migrate", "--dry-run", "--database-url", &url],
        ["migrate", "--status", "--database-url", &url],
    ] {
        let ran = succeeds(&arguments);
        contains_all(&ran.out, &VERSIONS);
        contains_all(&ran.out, &["create_auth_sessions"]);
        if !backend::HAS_SERVER {
            contains_all(&ran.out, &["test.db does not exist"]);
            assert!(!std::path::Path::new(&url).exists(), "{arguments:?}");
        }
    }
    let json = succeeds(&["migrate", "--dry-run", "--json", "--database-url", &url]).json();
    assert_eq!(json["ok"], true);
    assert_eq!(json["missing_file"].is_null(), backend::HAS_SERVER);
    let would: Vec<_> = json["would_apply"].as_array().unwrap().iter().collect();
    assert_eq!(would.len(), 4);
    assert_eq!(would[3]["version"], VERSIONS[3]);
    assert!(backend::tables(&mut db.connect()).is_empty());
}

#[test]
fn migrating_again_does_nothing() {
    let db = TestDb::new();
    let url = db.url();
    let first = succeeds(&["migrate", "--database-url", &url]);
    contains_all(&first.out, &["4 migrations run"]);
    contains_all(&first.out, &VERSIONS);
    assert!(auto_migrate(&mut db.connect()).unwrap().applied.is_empty());

    let again = succeeds(&["migrate", "--database-url", &url]);
    contains_all(&again.out, &["nothing to do"]);
    assert!(!again.out.contains("2026"), "{}", again.out);
    let json = succeeds(&["migrate", "--json", "--database-url", &url]).json();
    assert_eq!(json["dialect"], backend::DIALECT.to_string());
    assert_eq!(json["applied"], serde_json::json!([]));
    let tables = json["tables"].as_array().unwrap();
    let fitting: Vec<_> = tables
        .iter()
        .filter(|table| table["state"] == "fits")
        .map(|table| table["table"].as_str().unwrap())
        .collect();
    assert_eq!(fitting, INTERNAL_TABLE_NAMES);
}

#[test]
fn status_lists_each_migration() {
    let db = TestDb::new();
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    conn.batch_execute(
        "DROP TABLE auth_verification_tokens;
         DELETE FROM __covara_migrations WHERE version = '20261122000004';
         INSERT INTO __covara_migrations (version, name) VALUES ('29991231000000', 'later');",
    )
    .unwrap();
    drop(conn);
    let ran = succeeds(&["migrate", "--status", "--database-url", &db.url()]);
    contains_all(
        &ran.out,
        &[
            "applied  20261122000003",
            "pending  20261122000004",
            "unknown  29991231000000",
            "table auth_sessions: fits",
            "table auth_verification_tokens: missing",
        ],
    );
    let json = succeeds(&["migrate", "--status", "--json", "--database-url", &db.url()]).json();
    assert_eq!(json["migrations"][2]["applied"], true);
    assert_eq!(json["migrations"][3]["applied"], false);
    assert_eq!(
        json["unknown_versions"],
        serde_json::json!(["29991231000000"])
    );
    assert_eq!(json["strangers"], serde_json::json!([]));
}

#[test]
fn a_table_that_does_not_fit_fails_a_dry_run_too() {
    let db = TestDb::new();
    let url = db.url();
    db.connect()
        .batch_execute("CREATE TABLE auth_sessions (id TEXT PRIMARY KEY NOT NULL)")
        .unwrap();
    let before = backend::tables(&mut db.connect());

    for arguments in [
        ["migrate", "--dry-run", "--database-url", &url],
        ["migrate", "--quiet", "--database-url", &url],
        ["doctor", "--quiet", "--database-url", &url],
    ] {
        let ran = covara(&arguments);
        assert_eq!(ran.code, Some(1), "{}", ran.all());
        contains_all(&ran.err, &["auth_sessions", "userId"]);
    }
    assert_eq!(backend::tables(&mut db.connect()), before);

    let status = succeeds(&["migrate", "--status", "--json", "--database-url", &url]).json();
    let table = &status["tables"][0];
    assert_eq!(table["state"], "mismatch");
    let columns: Vec<_> = table["mismatches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mismatch| mismatch["column"].as_str().unwrap())
        .collect();
    assert_eq!(columns, ["userId", "createdAt", "expiresAt", "data"]);

    let doctor = covara(&["doctor", "--database-url", &url]);
    assert_eq!(doctor.code, Some(1));
    contains_all(&doctor.out, &["problem: table auth_sessions does not fit"]);
    assert_eq!(doctor.err, "error: 1 problem found\n");
    let doctor = covara(&["doctor", "--json", "--database-url", &url]);
    assert_eq!(doctor.code, Some(1));
    assert_eq!(doctor.json()["ok"], false);
    let error: Value = serde_json::from_str(&doctor.err).unwrap();
    assert_eq!(error["exit_code"], 1);
}

#[test]
fn the_doctor_reports_versions_pool_and_settings() {
    let db = TestDb::new();
    let url = db.url();
    auto_migrate(&mut db.connect()).unwrap();
    let ran = succeeds(&["doctor", "--database-url", &url]);
    let engine = backend::DIALECT.to_string();
    contains_all(
        &ran.out,
        &[
            &engine,
            "covara-diesel 0.",
            "PoolDriver::",
            "4 of 4 applied",
        ],
    );
    let json = succeeds(&["doctor", "--database-url", &url, "--json"]).json();
    assert_eq!(json["ok"], true);
    assert!(json["engine_version"].as_str().unwrap().contains(&engine));
    assert!(json["between"]["seen"].is_null());
    assert!(json["pool"]["max_size"].as_u64().unwrap() >= 1);
    assert!(!json["pool"]["notes"].as_str().unwrap().is_empty());
    assert_eq!(json["migrations"].as_array().unwrap().len(), 4);
    for setting in backend::SETTINGS_THAT_MATTER {
        assert!(json["settings"][setting].is_string(), "{setting} in {json}");
    }
}

#[test]
fn the_database_may_be_named_by_the_environment() {
    let db = TestDb::new();
    let mut migrate = command(&["migrate"]);
    let ran = Ran::of(migrate.env("DATABASE_URL", db.url()).output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.all());
    contains_all(&ran.out, &["4 migrations run"]);
    // The argument wins.
    let mut migrate = command(&["migrate", "--database-url", &db.url()]);
    let ran = Ran::of(migrate.env("DATABASE_URL", "mysql://x").output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.all());
}

#[test]
fn quiet_prints_nothing_but_errors() {
    let db = TestDb::new();
    for arguments in [
        vec!["migrate", "--dry-run"],
        vec!["migrate"],
        vec!["migrate", "--status"],
        vec!["doctor"],
    ] {
        let url = db.url();
        let all = [&arguments[..], &["-q", "--database-url", &url]].concat();
        assert_eq!(succeeds(&all).out, "", "{arguments:?}");
    }
    let ran = covara(&["doctor", "-q", "--database-url", "/no/such/directory/x"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.starts_with("error: "), "{}", ran.err);
}

#[test]
fn databases_that_cannot_be_opened_end_with_a_sentence() {
    for (url, sentence) in backend::bad_urls() {
        for subcommand in ["migrate", "doctor"] {
            let ran = covara(&[subcommand, "--database-url", &url]);
            let wrong_scheme = url.starts_with("mysql");
            assert_eq!(ran.code, Some(1 + i32::from(wrong_scheme)), "{}", ran.all());
            assert_eq!(ran.out, "");
            assert!(ran.err.starts_with("error: "), "{}", ran.err);
            let sentence = if wrong_scheme {
                "\"mysql\" is not"
            } else {
                sentence
            };
            assert!(ran.err.contains(sentence), "{sentence:?} in {}", ran.err);

            let ran = covara(&[subcommand, "--json", "--database-url", &url]);
            assert_eq!(ran.out, "");
            let error: Value = serde_json::from_str(&ran.err).unwrap();
            assert_eq!(error["exit_code"], ran.code.unwrap());
            let sentence = sentence.trim_start_matches("\"mysql\" ");
            assert!(
                error["error"].as_str().unwrap().contains(sentence),
                "{error}"
            );
        }
    }
}

#[test]
fn a_closed_standard_output_is_no_failure() {
    let db = TestDb::new();
    let mut command = command(&["migrate", "--database-url", &db.url()]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut err = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
}

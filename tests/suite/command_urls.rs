//! The command with the URL of each database.

use diesel::connection::SimpleConnection;

use super::command::{covara, succeeds};
use super::helpers::url_to_open;
use super::{count, number};
use crate::backend::{self, TestDb};

const CITIES: &str = "name,size\nLima,10\nOslo,\n";

#[test]
fn each_subcommand_works_with_the_url() {
    let db = TestDb::new();
    let url = url_to_open(db.url());
    let mut conn = db.connect();
    conn.batch_execute("CREATE TABLE cities (name VARCHAR(50) PRIMARY KEY NOT NULL, size INTEGER)")
        .unwrap();

    let examined = succeeds(&["doctor", "--json", "--database-url", &url]).json();
    assert_eq!(examined["ok"], true, "{examined}");
    let finding = &examined["findings"].to_string();
    assert!(
        finding.contains("4 of 4 migrations are pending"),
        "{finding}"
    );
    for option in ["--dry-run", "--status"] {
        let ran = succeeds(&["migrate", option, "--database-url", &url]);
        assert!(ran.out.contains("create_auth_sessions"), "{}", ran.all());
    }
    for applied in [4, 0] {
        let ran = succeeds(&["migrate", "--json", "--database-url", &url]).json();
        assert_eq!(ran["applied"].as_array().unwrap().len(), applied, "{ran}");
    }

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("cities.csv");
    std::fs::write(&file, CITIES).unwrap();
    let path = file.to_str().unwrap();
    let seed = |options: &[&str]| {
        let first = [
            "seed",
            "--json",
            "--database-url",
            &url,
            "--table",
            "cities",
            path,
        ];
        covara(&[&first, options].concat())
    };
    let tried = seed(&["--dry-run"]);
    assert_eq!(
        tried.code,
        Some(i32::from(backend::IN_BATCHES)),
        "{}",
        tried.all()
    );
    assert_eq!(count(&mut conn, "cities"), 0);
    for (inserted, skipped) in [(2, 0), (0, 2)] {
        let table = &seed(&[]).json()["tables"][0];
        assert_eq!(
            (&table["inserted"], &table["skipped"]),
            (&inserted.into(), &skipped.into())
        );
    }
    std::fs::write(&file, "name,size\nLima,11\n").unwrap();
    assert_eq!(
        seed(&["--on-conflict", "update"]).json()["tables"][0]["updated"],
        1
    );
    assert_eq!(
        number(
            &mut conn,
            "SELECT CAST(sum(size) AS BIGINT) AS n FROM cities"
        ),
        11
    );
    std::fs::write(&file, "name,size\nLima,many\n").unwrap();
    let failed = seed(&[]);
    assert_eq!(failed.code, Some(1), "{}", failed.all());
    assert!(failed.err.contains("line 2, column size"), "{}", failed.err);

    let backup = directory.path().join("backup");
    let to = backup.to_str().unwrap();
    let dump = [
        "dump",
        "--database-url",
        &url,
        "--table",
        "cities",
        "--directory",
        to,
    ];
    succeeds(&dump);
    let dumped = std::fs::read_to_string(backup.join("cities.csv")).unwrap();
    assert_eq!(dumped, CITIES.replace("10", "11"));
    let examined = succeeds(&["doctor", "--database-url", &url]);
    assert!(!examined.out.contains("problem"), "{}", examined.all());
}

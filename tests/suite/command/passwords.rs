//! No password is printed.

use super::seed::{DATA, seed, with_tables};
use super::{Ran, command, covara};
use crate::backend::TestDb;

#[test]
fn no_password_is_printed_whatever_the_form() {
    let secret = "hunter2-x";
    // On port 1 nothing listens.
    let mut forms: Vec<String> = [
        "postgres://ada:SECRET@127.0.0.1:1/app",
        "postgresql://ada:SECRET@127.0.0.1:1/app?sslmode=disable",
        "postgres://127.0.0.1:1/app?user=ada&password=SECRET",
        "postgres://ada:SECRET%zz@127.0.0.1:1/app",
        "postgres://ada:a/SECRET@127.0.0.1:1/app",
        "postgres://ada:a@SECRET@127.0.0.1:1/app",
        "postgres:ada:SECRET@127.0.0.1:1/app",
        "postgres:/ada:SECRET@127.0.0.1:1/app",
        "postgress://ada:SECRET@127.0.0.1:1/app",
        "mysql://ada:SECRET@127.0.0.1:1/app",
        "libsql://127.0.0.1:1?authToken=SECRET",
        "host=127.0.0.1 port=1 user=ada password=SECRET",
        "user = ada password = 'SECRET' host = 127.0.0.1 port = 1",
        "password=SECRET\\' host=127.0.0.1 port=1",
        "ada:SECRET@127.0.0.1:1/app",
        "//ada:SECRET@127.0.0.1:1/app",
        "://ada:SECRET@127.0.0.1:1/app",
        ":SECRET@127.0.0.1:1/app",
        "sqlite://ada:SECRET@127.0.0.1/app",
        "file://ada:SECRET@127.0.0.1/no/such/app.db",
        "file:/no/such/app.db?key=SECRET",
    ]
    .iter()
    .map(|form| form.replace("SECRET", secret))
    .collect();
    forms.push(format!("{}?password={secret}", TestDb::new().url()));

    let before = std::env::current_dir().unwrap();
    let files = || std::fs::read_dir(&before).unwrap().count();
    let count = files();
    for form in &forms {
        for arguments in [
            vec!["migrate", "--database-url", form],
            vec!["migrate", "--dry-run", "--database-url", form],
            vec!["migrate", "--status", "--json", "--database-url", form],
            vec!["doctor", "--database-url", form],
            vec!["doctor", "--json", "--database-url", form],
            vec!["seed", "--table", "t", "t.csv", "--database-url", form],
            // Misplaced and misspelt.
            vec!["migrate", form],
            vec!["doctor", "--json", form],
            vec!["doctor", form, "--quiet"],
            vec![form],
            vec!["migrate", "--databse-url", form],
        ] {
            let ran = covara(&arguments);
            assert!(!ran.all().contains(secret), "{arguments:?}: {}", ran.all());
            assert!(!ran.err.contains("panicked"), "{}", ran.err);
        }
        let mut doctor = command(&["doctor"]);
        let ran = Ran::of(doctor.env("DATABASE_URL", form).output().unwrap());
        assert!(!ran.all().contains(secret), "{form}: {}", ran.all());
        let ran = covara(&["doctor", &format!("--databse-url={form}")]);
        assert!(!ran.all().contains(secret), "{form}: {}", ran.all());
    }
    assert_eq!(files(), count, "no form was taken for the name of a file");
}

#[test]
fn a_url_in_the_wrong_place_is_not_printed() {
    let db = with_tables();
    for url in [
        "postgres://ada:hunter2@localhost/app",
        "host=localhost password=hunter2",
        "ada:hunter2@localhost",
    ] {
        for arguments in [
            ["--table", "cities", url],
            ["--table", url, "cities.csv"],
            ["--tables", "cities", url],
        ] {
            for format in ["--json", "--quiet"] {
                let arguments = [&arguments[..], &[format]].concat();
                let ran = seed(&db, DATA.as_ref(), &arguments);
                assert!(!ran.all().contains("hunter2"), "{}", ran.all());
                assert_ne!(ran.code, Some(0));
            }
        }
    }
}

//! The files of `covara seed`: directories, standard input, and options.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use diesel::connection::SimpleConnection;

use super::seed::{seed, with_tables};
use super::{Ran, command};
use crate::backend::TestDb;
use crate::suite::count;

fn files(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

fn fails(db: &TestDb, directory: &Path, arguments: &[&str], code: i32, said: &str) {
    let ran = seed(db, directory, arguments);
    assert_eq!(ran.code, Some(code), "{}", ran.all());
    assert!(ran.err.contains(said), "{said:?} in {}", ran.err);
}

#[test]
fn a_directory_has_a_file_for_each_table() {
    let db = with_tables();
    let city = "geoname_id,name,country_code,admin_code,feature_code,population,latitude,longitude\n\
                1,Vila,AD,,PPL,10,42.5,1.5\n";
    let directory = files(&[
        ("countries.csv", b"code,name\nAD,Andorra\n"),
        ("yy.cities.txt", b"no rows"),
        (".hidden.csv", b"code\n"),
    ]);
    fs::create_dir(directory.path().join("more.csv")).unwrap();
    let path = directory.path().display().to_string();
    let ran = seed(&db, "/".as_ref(), &[&path]);
    assert_eq!(ran.code, Some(0), "{}", ran.all());
    assert!(
        ran.out
            .contains("countries: 1 row, 1 inserted, 0 skipped\n"),
        "{}",
        ran.out
    );
    assert!(
        ran.out.contains("yy.cities.txt is not read\n"),
        "{}",
        ran.out
    );
    assert!(ran.err.contains("countries: 1 row, "), "{}", ran.err);

    fs::write(directory.path().join("cities.jsonl"), "").unwrap();
    fs::remove_file(directory.path().join("cities.jsonl")).unwrap();
    fs::write(directory.path().join("z.csv"), city).unwrap();
    fails(
        &db,
        directory.path(),
        &["."],
        1,
        "there is no table z to seed from",
    );
    fs::rename(
        directory.path().join("z.csv"),
        directory.path().join("cities.csv"),
    )
    .unwrap();
    conn_without_keys(&db);
    let json = seed(&db, directory.path(), &[".", "--json"]).json();
    assert_eq!(json["tables"][0]["table"], "cities");
    assert_eq!(json["inserted"], 1);
    let left_out: Vec<_> = json["left_out"].as_array().unwrap().iter().collect();
    assert_eq!(left_out.len(), 3, "{json}");

    fs::write(directory.path().join("cities.ndjson"), "").unwrap();
    fails(
        &db,
        directory.path(),
        &["."],
        2,
        "are both for the table cities",
    );
    let empty = files(&[("README.md", b"")]);
    fails(
        &db,
        empty.path(),
        &["."],
        2,
        "has no file that is named after a table",
    );
    fails(
        &db,
        empty.path(),
        &["README.md"],
        2,
        "README.md has no name that tells its table and its format: give --table TABLE README.md",
    );
    fails(
        &db,
        empty.path(),
        &["none.csv"],
        2,
        "none.csv cannot be read as a file, or as a directory of files",
    );
    fails(&db, empty.path(), &["-"], 2, "give --table TABLE -");
    let without = ["cities", "cities.csv"];
    let said = "the name of a table comes after --table";
    fails(&db, empty.path(), &without, 2, said);
    let both = ["--table", "countries", "countries.csv", "."];
    fails(&db, directory.path(), &both, 2, "cannot be used with");
}

#[test]
fn files_are_for_the_tables_of_their_names() {
    let db = with_tables();
    let city = "geoname_id,name,country_code,admin_code,feature_code,population,latitude,longitude\n\
                1,Vila,AD,,PPL,10,42.5,1.5\n";
    let directory = files(&[
        ("countries.csv", b"code,name\nAD,Andorra\n"),
        ("cities.csv", city.as_bytes()),
        ("countries.txt", b"code,name\nFR,France\n"),
    ]);
    let path = directory.path().join("countries.csv").display().to_string();
    let alone = seed(&db, "/".as_ref(), &[&path]);
    assert_eq!(alone.code, Some(0), "{}", alone.all());
    let said = "countries: 1 row, 1 inserted, 0 skipped\n";
    assert!(alone.out.contains(said), "{}", alone.out);
    let both = ["cities.csv", "countries.csv", "--json"];
    let both = seed(&db, directory.path(), &both).json();
    assert_eq!(
        (&both["inserted"], &both["skipped"]),
        (&1.into(), &1.into())
    );
    let typed = ["countries.txt", "--format", "csv"];
    assert_eq!(seed(&db, directory.path(), &typed).code, Some(0));
    assert_eq!(count(&mut db.connect(), "countries"), 2);
    let twice = [".", "countries.csv"];
    let said = "are both for the table countries";
    fails(&db, directory.path(), &twice, 2, said);
}

/// Cities come before countries by name.
fn conn_without_keys(db: &TestDb) {
    let mut conn = db.connect();
    assert_eq!(count(&mut conn, "countries"), 1);
}

#[test]
fn standard_input_has_the_rows_of_a_table() {
    let db = with_tables();
    let url = db.url();
    let run = |arguments: &[&str], input: &[u8]| {
        let mut all = vec!["seed", "--database-url", &url, "--table", "countries", "-"];
        all.extend(arguments);
        let mut command = command(&all);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        // A command that complains of its arguments does not read.
        let _ = child.stdin.take().unwrap().write_all(input);
        Ran::of(child.wait_with_output().unwrap())
    };
    let ran = run(&["--format", "csv"], b"code,name\nAD,Andorra\n");
    assert_eq!(ran.code, Some(0), "{}", ran.all());
    let ran = run(
        &["--format", "ndjson"],
        b"{\"code\": \"TD\", \"name\": \"Chad\"}\n",
    );
    assert_eq!(ran.code, Some(0), "{}", ran.all());
    assert_eq!(count(&mut db.connect(), "countries"), 2);
    let ran = run(&["--format", "csv"], b"code,name\nXX\n");
    assert!(
        ran.err.contains("standard input, line 2: found 1 fields"),
        "{}",
        ran.err
    );
    let ran = run(&[], b"");
    assert_eq!(ran.code, Some(2), "{}", ran.all());
    assert!(ran.err.contains("give --format csv"), "{}", ran.err);
    let ran = run(&["--format", "csv", "--table", "cities", "-"], b"");
    assert_eq!(ran.code, Some(2), "{}", ran.all());
    let ran = run(&["--format", "xml"], b"");
    assert_eq!(ran.code, Some(2), "{}", ran.all());
    assert!(
        ran.err.contains("the formats are csv and ndjson"),
        "{}",
        ran.err
    );
}

#[test]
fn options_say_how_a_file_is_written() {
    let db = with_tables();
    let directory = files(&[
        (
            "export.txt",
            b"K\xfcrzel;Land;;\nAD;Andorra;1;\nCI;'C\xf4te d''Ivoire';2;\n",
        ),
        ("other.csv", b"Land\tcode\nTschad\tTD\n"),
    ]);
    let one = [
        "--table",
        "countries",
        "export.txt",
        "--format=csv",
        "--delimiter=;",
        "--quote='",
        "--encoding=latin1",
        "--column=Kürzel=code",
        "--column=Land=name",
        "--leave-out=#3",
        "--leave-out=#4",
    ];
    let ran = seed(&db, directory.path(), &one);
    assert_eq!(ran.code, Some(0), "{}", ran.all());
    let mut conn = db.connect();
    let found = "(SELECT 1 FROM countries WHERE code = 'CI' AND name = 'Côte d''Ivoire') AS found";
    assert_eq!(count(&mut conn, found), 1);

    conn.batch_execute("DELETE FROM countries; CREATE TABLE notes (id INTEGER PRIMARY KEY NOT NULL, text VARCHAR(9))")
        .unwrap();
    fs::write(
        directory.path().join("notes.csv"),
        "id\ttext\textra\n1\tNA\tx\n",
    )
    .unwrap();
    let several = [
        "--table",
        "countries",
        "other.csv",
        "--table",
        "notes",
        "notes.csv",
        "--delimiter=\\t",
        "--null=NA",
        "--column=countries:Land=name",
        "--leave-out=notes:extra",
    ];
    let ran = seed(&db, directory.path(), &several);
    assert_eq!(ran.code, Some(0), "{}", ran.all());
    assert_eq!(
        count(
            &mut conn,
            "(SELECT 1 FROM notes WHERE text IS NULL) AS found"
        ),
        1
    );

    for (option, code, said) in [
        (
            "--column=Land=name",
            2,
            "give the table first, as TABLE:NAME",
        ),
        (
            "--leave-out=towns:Land",
            2,
            "give the table first, as TABLE:NAME",
        ),
        (
            "--leave-out=countries:nmae",
            1,
            "other.csv, line 1 does not have nmae",
        ),
        ("--column=countries:Land", 2, "as NAME=COLUMN"),
        ("--delimiter=ab", 2, "give one ASCII character"),
        ("--encoding=latin-99", 2, "is no encoding"),
        ("--quote=\t", 1, "the delimiter and the quote are both"),
    ] {
        let name = option.split('=').next().unwrap();
        let others = several
            .iter()
            .filter(|given| name != "--delimiter" || !given.starts_with(name));
        let arguments: Vec<&str> = others.copied().chain([option]).collect();
        fails(&db, directory.path(), &arguments, code, said);
    }
}

#[test]
fn files_of_a_directory_that_mislead_are_refused() {
    let db = with_tables();
    let directory = files(&[("countries.csv", b"code,name\nAD,Andorra\n")]);
    let here = directory.path();
    #[cfg(unix)]
    {
        let link = here.join("cities.csv");
        std::os::unix::fs::symlink(here.join("gone.csv"), &link).unwrap();
        fails(
            &db,
            here,
            &["."],
            2,
            "./cities.csv is a link to a file that does not exist",
        );
        fs::remove_file(link).unwrap();
    }
    fs::write(here.join("Countries.csv"), "code,name\nFR,France\n").unwrap();
    fails(
        &db,
        here,
        &["."],
        2,
        "are both for the table countries; give them with --table",
    );
    fs::remove_file(here.join("Countries.csv")).unwrap();

    // What a terminal would obey is shown and not sent.
    fs::write(here.join("a\u{1b}[2J.txt"), "").unwrap();
    let ran = seed(&db, here, &["."]);
    assert_eq!(ran.code, Some(0), "{}", ran.all());
    assert!(ran.out.contains(r"a\u{1b}[2J.txt"), "{}", ran.out);
    assert!(!ran.out.contains('\u{1b}'), "{}", ran.out);
    let ran = seed(&db, here, &["no\u{1b}[31m.csv"]);
    assert_eq!(ran.code, Some(2), "{}", ran.all());
    assert!(ran.err.contains(r"no\u{1b}[31m.csv"), "{}", ran.err);
    assert!(!ran.err.contains('\u{1b}'), "{}", ran.err);
}

#[test]
fn a_file_may_name_the_schema_of_its_table() {
    let db = with_tables();
    let schema = match crate::backend::DIALECT {
        covara_diesel::Dialect::Sqlite => "main",
        _ => "public",
    };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(format!("{schema}.countries.csv"));
    fs::write(file, "code,name\nAD,Andorra\n").unwrap();
    let ran = seed(&db, directory.path(), &["."]);
    assert_eq!(ran.code, Some(0), "{}", ran.all());
    assert_eq!(count(&mut db.connect(), "countries"), 1);
}

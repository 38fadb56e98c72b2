//! Dumps into directories.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use covara_diesel::dump::{Dump, DumpError, Format};
use covara_diesel::{Seed, auto_migrate};
use diesel::connection::SimpleConnection;

use crate::backend::TestDb;
use crate::suite::helpers::count;

const TABLES: &str = "CREATE TABLE cities (id BIGINT PRIMARY KEY NOT NULL, name TEXT NOT NULL);
     CREATE TABLE \"Notes\" (id BIGINT PRIMARY KEY NOT NULL, note TEXT);
     INSERT INTO cities VALUES (2, 'Oslo'), (1, 'Lima');
     INSERT INTO \"Notes\" VALUES (1, 'a, b')";

fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn all_tables_but_the_librarys_are_dumped_and_existing_files_replaced() {
    let db = TestDb::new();
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    conn.batch_execute(TABLES).unwrap();
    let directory = support::temporary::tempdir().unwrap();
    let directory = directory.path().join("new/deep");
    let summary = Dump::new().to_directory(&mut conn, &directory).unwrap();
    let tables: Vec<_> = summary
        .tables
        .iter()
        .map(|table| (table.table.as_str(), table.rows))
        .collect();
    assert_eq!(tables, [("Notes", 1), ("cities", 2)]);
    assert_eq!(summary.rows(), 3);
    let written = files(&directory);
    assert_eq!(
        written.keys().collect::<Vec<_>>(),
        ["Notes.csv", "cities.csv"]
    );
    assert_eq!(written["cities.csv"], b"id,name\n1,Lima\n2,Oslo\n");
    let bytes: usize = written.values().map(Vec::len).sum();
    assert_eq!(summary.bytes(), u64::try_from(bytes).unwrap());

    conn.batch_execute("DELETE FROM cities WHERE id = 1")
        .unwrap();
    let named = Dump::new().table("cities").table("auth_sessions");
    named.to_directory(&mut conn, &directory).unwrap();
    let written = files(&directory);
    assert_eq!(written["cities.csv"], b"id,name\n2,Oslo\n");
    assert_eq!(
        written["auth_sessions.csv"],
        b"id,userId,createdAt,expiresAt,data\n"
    );
    assert_eq!(written.len(), 3);
}

#[test]
fn compressed_files_have_the_same_bytes_each_time_and_are_seeded() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(TABLES).unwrap();
    for format in [Format::Csv, Format::Ndjson] {
        let dump = Dump::new()
            .table("cities")
            .table("Notes")
            .format(format)
            .gzip(true);
        let [first, second] = [0, 1].map(|_| {
            let directory = support::temporary::tempdir().unwrap();
            let summary = dump.to_directory(&mut conn, directory.path()).unwrap();
            let written = files(directory.path());
            let bytes: usize = written.values().map(Vec::len).sum();
            assert_eq!(summary.bytes(), u64::try_from(bytes).unwrap());
            // So that a time stamp would differ.
            std::thread::sleep(std::time::Duration::from_millis(1100));
            (directory, written)
        });
        assert_eq!(first.1, second.1);
        let name = format!("cities.{}.gz", format.extension());
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(first.1[&name].as_slice())
            .read_to_end(&mut plain)
            .unwrap();
        assert_eq!(
            plain,
            super::helpers::dumped(&mut conn, "cities", format).unwrap()
        );
        conn.batch_execute("DELETE FROM cities").unwrap();
        Seed::new()
            .fixture("cities", first.0.path().join(&name))
            .run(&mut conn)
            .unwrap();
        assert_eq!(count(&mut conn, "cities"), 2);
    }
}

#[test]
fn names_that_lead_elsewhere_or_to_one_file_are_refused() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(TABLES).unwrap();
    let directory = support::temporary::tempdir().unwrap();
    for name in [
        "../cities",
        "/cities",
        "a/b",
        "a\\b",
        "c:d",
        ".hidden",
        "..",
        "",
        "a\nb",
    ] {
        let dump = Dump::new().table("cities").table(name);
        let error = dump.to_directory(&mut conn, directory.path()).unwrap_err();
        assert!(
            matches!(error, DumpError::FileName { .. }),
            "{name}: {error}"
        );
    }
    for names in [["cities", "cities"], ["cities", "Cities"]] {
        let dump = names
            .iter()
            .fold(Dump::new(), |dump, name| dump.table(*name));
        let error = dump.to_directory(&mut conn, directory.path()).unwrap_err();
        assert!(
            matches!(error, DumpError::SameFile { .. }),
            "{names:?}: {error}"
        );
    }
    assert!(files(directory.path()).is_empty());
}

#[cfg(unix)]
#[test]
fn a_link_is_replaced_and_not_followed() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(TABLES).unwrap();
    let directory = support::temporary::tempdir().unwrap();
    let elsewhere = tempfile::NamedTempFile::new().unwrap();
    let link = directory.path().join("cities.csv");
    std::os::unix::fs::symlink(elsewhere.path(), &link).unwrap();
    Dump::new()
        .table("cities")
        .to_directory(&mut conn, directory.path())
        .unwrap();
    assert_eq!(std::fs::read(elsewhere.path()).unwrap(), b"");
    assert!(std::fs::symlink_metadata(&link).unwrap().is_file());

    // A directory in the place of a file stays.
    std::fs::create_dir_all(directory.path().join("Notes.csv/in")).unwrap();
    let error = Dump::new()
        .to_directory(&mut conn, directory.path())
        .unwrap_err();
    assert!(matches!(error, DumpError::Replace { .. }), "{error}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2);
}

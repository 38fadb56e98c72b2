//! What a dump does not write.

use covara_diesel::dump::{Dump, DumpError, Format};
use diesel::connection::SimpleConnection;

use super::helpers::{dumped, insert, seeded, text};
use crate::backend::TestDb;
use crate::suite::helpers::count;

#[test]
fn a_value_that_is_not_read_back_names_table_column_and_row() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("CREATE TABLE notes (note TEXT); INSERT INTO notes VALUES (NULL)")
        .unwrap();
    let error = dumped(&mut conn, "notes", Format::Csv).unwrap_err();
    let said = "row 1 of notes, column note: NULL alone would be a blank line of CSV, which is no \
                row: use NDJSON";
    assert_eq!(error.to_string(), said);
    let ndjson = text(&mut conn, "notes", Format::Ndjson);
    assert_eq!(ndjson, "{\"note\":null}\n");

    let directory = support::temporary::tempdir().unwrap();
    let path = directory.path().join("notes.csv");
    std::fs::write(&path, "before").unwrap();
    let dump = Dump::new().table("notes");
    assert!(matches!(
        dump.to_directory(&mut conn, directory.path()),
        Err(DumpError::Value { .. })
    ));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "before");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn only_tables_are_dumped() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE notes (id BIGINT PRIMARY KEY NOT NULL);
         CREATE VIEW seen AS SELECT id FROM notes",
    )
    .unwrap();
    let error = dumped(&mut conn, "nothing", Format::Csv).unwrap_err();
    assert_eq!(error.to_string(), "there is no table nothing");
    let error = dumped(&mut conn, "seen", Format::Csv).unwrap_err();
    assert_eq!(
        error.to_string(),
        "seen is a view; a dump reads tables only"
    );
    // The connection goes on.
    assert_eq!(text(&mut conn, "notes", Format::Csv), "id\n");
    assert_eq!(text(&mut conn, "notes", Format::Ndjson), "");
}

#[test]
fn a_writer_takes_no_table_that_the_dump_names_beside_its_own() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("CREATE TABLE notes (id BIGINT PRIMARY KEY NOT NULL)")
        .unwrap();
    let dump = Dump::new().table("notes");
    let mut csv = Vec::new();
    dump.table_to(&mut conn, "notes", &mut csv).unwrap();
    assert_eq!(csv, b"id\n");
    let error = dump.table("others").table_to(&mut conn, "notes", &mut csv);
    match error.unwrap_err() {
        DumpError::OtherTable { table, .. } => assert_eq!(table, "others"),
        other => panic!("{other:?}"),
    }
    assert_eq!(csv, b"id\n");
}

#[test]
fn columns_that_the_database_computes_are_left_out() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE sizes (id BIGINT PRIMARY KEY NOT NULL, size BIGINT,
             twice BIGINT GENERATED ALWAYS AS (size * 2) STORED);
         INSERT INTO sizes (id, size) VALUES (1, 5)",
    )
    .unwrap();
    assert_eq!(text(&mut conn, "sizes", Format::Csv), "id,size\n1,5\n");
}

#[test]
fn names_are_written_as_they_are_read() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE \"Odd `\"\" table\" (\"the \"\"id\" BIGINT PRIMARY KEY NOT NULL, \"a,b\" TEXT, \"é\\n\" TEXT);
         INSERT INTO \"Odd `\"\" table\" VALUES (1, 'x', 'y');
         CREATE TABLE trimmed (id BIGINT PRIMARY KEY NOT NULL, \" a\" TEXT)",
    )
    .unwrap();
    let odd = "Odd `\" table";
    for format in [Format::Csv, Format::Ndjson] {
        let first = dumped(&mut conn, odd, format).unwrap();
        conn.batch_execute("DELETE FROM \"Odd `\"\" table\"")
            .unwrap();
        assert_eq!(seeded(&mut conn, odd, format, &first), 1);
        assert_eq!(dumped(&mut conn, odd, format).unwrap(), first);
    }
    let error = dumped(&mut conn, "trimmed", Format::Csv).unwrap_err();
    assert!(matches!(error, DumpError::ColumnName { .. }), "{error}");
    assert_eq!(text(&mut conn, "trimmed", Format::Ndjson), "");
}

#[test]
fn a_single_column_keeps_its_empty_rows() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE single (v BIGINT); INSERT INTO single VALUES (NULL), (1), (NULL);
         CREATE TABLE filled (v TEXT); INSERT INTO filled VALUES (''), ('a');
         CREATE TABLE texts (v TEXT); INSERT INTO texts VALUES ('a'), (NULL)",
    )
    .unwrap();
    let error = dumped(&mut conn, "texts", Format::Csv).unwrap_err();
    assert!(error.to_string().contains("use NDJSON"), "{error}");
    for (table, rows) in [("single", 3), ("filled", 2)] {
        let first = dumped(&mut conn, table, Format::Csv).unwrap();
        conn.batch_execute(&format!("DELETE FROM {table}")).unwrap();
        assert_eq!(seeded(&mut conn, table, Format::Csv, &first), rows);
        assert_eq!(dumped(&mut conn, table, Format::Csv).unwrap(), first);
    }
}

#[test]
fn the_error_of_the_writer_is_returned() {
    struct Full;

    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("CREATE TABLE notes (id BIGINT PRIMARY KEY NOT NULL, note TEXT)")
        .unwrap();
    let rows = (0..2000).map(|id| format!("({id}, '{}')", "x".repeat(200)));
    insert(&mut conn, "notes", rows);
    let error = Dump::new().table_to(&mut conn, "notes", Full).unwrap_err();
    match error {
        DumpError::Write {
            path: None, source, ..
        } => {
            assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
        }
        other => panic!("{other:?}"),
    }
    // The rest of the rows is not waited for by what comes next.
    assert_eq!(count(&mut conn, "notes"), 2000);
    assert_eq!(text(&mut conn, "notes", Format::Csv).lines().count(), 2001);
}

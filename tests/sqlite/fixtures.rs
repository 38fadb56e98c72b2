//! Files for tables with what only SQLite has.

use covara_diesel::Seed;
use covara_diesel::fixture::FixtureSource;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::backend::{Conn, TestDb};

fn seed(conn: &mut Conn, table: &str, name: &str, content: &str) -> Result<usize, String> {
    let source = FixtureSource::reader(name, content.as_bytes());
    let summary = Seed::new().fixture(table, source).run(conn);
    summary
        .map(|summary| summary.inserted())
        .map_err(|error| error.to_string())
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    row: String,
}

fn rows(conn: &mut Conn, sql: &str) -> Vec<String> {
    let rows = diesel::sql_query(sql).load::<Row>(conn).unwrap();
    rows.into_iter().map(|row| row.row).collect()
}

#[test]
fn each_declared_type_gets_the_storage_class_it_means() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, created_at INTEGER, price DECIMAL(10, 2),
             flag BOOLEAN, day DATE, moment DATETIME, body CLOB, whatever, bytes BLOB, doc JSON,
             key UUID, zoned TIMESTAMPTZ, packed JSONB, yes INTEGER)",
    )
    .unwrap();
    let csv = "id,created_at,price,flag,day,moment,body,whatever,bytes,doc,key,zoned,packed,yes\n\
               1,2026-01-31T12:00:00+02:00,1.50,t,2026-01-31,2026-01-31T12:00:00Z,007,007,AQID,\"[1,  2]\",\
               0a-7,2026-01-31T12:00:00+02:00,\"{\"\"b\"\": 1e400}\",true\n\
               2,-5,7,0,,@1769860800,,,,,,,,\n";
    assert_eq!(seed(&mut conn, "t", "t.csv", csv), Ok(2));
    let ndjson = r#"{"id":3,"created_at":1769853600,"price":1.5,"flag":true,"body":{"a": 1},"whatever":7,"doc":[1,  2],"key":true,"packed":[1, 2],"yes":false}"#;
    assert_eq!(seed(&mut conn, "t", "t.ndjson", ndjson), Ok(1));
    let stored = rows(
        &mut conn,
        "SELECT concat_ws('|', quote(id), quote(created_at), quote(price), quote(flag), quote(day),
                quote(moment), quote(body), quote(whatever), quote(bytes), quote(doc), quote(key), quote(zoned), quote(json(packed)), quote(yes)) AS row
         FROM t ORDER BY id",
    );
    let expected = [
        "1|1769853600|1.5|1|'2026-01-31'|'2026-01-31T12:00:00Z'|'007'|'007'|X'010203'|'[1,  2]'\
         |'0a-7'|'2026-01-31 10:00:00+00:00'|'{\"b\":1e400}'|1",
        "2|-5|7|0|NULL|'2026-01-31 12:00:00'|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL",
        "3|1769853600|1.5|1|NULL|NULL|'{\"a\": 1}'|7|NULL|'[1,  2]'\
         |1|NULL|'[1,2]'|0",
    ];
    assert_eq!(stored, expected);
    let error = seed(&mut conn, "t", "t.csv", "id,price\n9,cheap\n").unwrap_err();
    let said = "t.csv, line 2, column price: found \"cheap\", expected a number of which SQLite keeps all digits \
                or nothing";
    assert_eq!(error, said);
    for number in ["nan", "inf"] {
        let csv = format!("id,price\n9,{number}\n");
        seed(&mut conn, "t", "t.csv", &csv).unwrap_err();
    }
}

/// SQLite would store NULL in these keys, and the same rows again with each seed.
#[test]
fn a_number_that_no_double_is_gets_told_what_one_is() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("CREATE TABLE t (id INTEGER PRIMARY KEY, price DOUBLE)")
        .unwrap();
    for wrong in ["1e400", "1e-400", "0x10", "NaN", "1,5"] {
        let csv = format!("id,price\n1,\"{wrong}\"\n");
        let error = seed(&mut conn, "t", "t.csv", &csv).unwrap_err();
        let said = format!(
            "found {wrong:?}, expected a decimal number of at most about 1.8e308 and at least 4.9e-324 \
             in size, such as -1.5 or 1e9 (not NaN, which SQLite would store as NULL) or nothing"
        );
        assert!(error.contains(&said), "{error}");
    }
}

#[test]
fn only_the_rowid_may_be_left_out_of_a_key() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE plain (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
         CREATE TABLE descending (id INTEGER PRIMARY KEY DESC, name TEXT);
         CREATE TABLE pair (id INTEGER, b INTEGER, name TEXT, PRIMARY KEY (id, b));
         CREATE TABLE text_key (id TEXT PRIMARY KEY, name TEXT);
         CREATE TABLE no_rowid (id INTEGER PRIMARY KEY, name TEXT) WITHOUT ROWID;
         CREATE TABLE defaulted (id TEXT PRIMARY KEY DEFAULT 'x', name TEXT)",
    )
    .unwrap();
    assert_eq!(seed(&mut conn, "plain", "a.csv", "name\nx\n"), Ok(1));
    assert_eq!(seed(&mut conn, "plain", "a.csv", "id,name\n,y\n"), Ok(1));
    assert_eq!(seed(&mut conn, "defaulted", "a.csv", "name\nx\n"), Ok(1));
    for table in ["descending", "pair", "text_key", "no_rowid"] {
        let error = seed(&mut conn, table, "a.csv", "name\nx\n").unwrap_err();
        assert!(
            error.starts_with("a.csv, line 1 lacks id"),
            "{table}: {error}"
        );
        let b = if table == "pair" { "b" } else { "name" };
        if table != "text_key" {
            // There, nothing is the empty text.
            let csv = format!("id,{b}\n,1\n");
            let error = seed(&mut conn, table, "a.csv", &csv).unwrap_err();
            assert!(
                error.contains("column id: found nothing"),
                "{table}: {error}"
            );
        }
    }
}

/// The table is looked at when the lock is there, so that it waits as any seed.
#[test]
fn a_seed_from_a_file_waits_for_another_writer() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        .unwrap();
    let mut writer = db.connect();
    writer.batch_execute("BEGIN EXCLUSIVE").unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(300));
            writer.batch_execute("COMMIT").unwrap();
        });
        assert_eq!(seed(&mut conn, "t", "a.csv", "id\n1\n"), Ok(1));
    });
}

#[test]
fn strict_tables_tables_without_rowid_and_attached_ones_are_seeded() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "ATTACH ':memory:' AS other;
         CREATE TABLE strict_one (id INT PRIMARY KEY NOT NULL, any_value ANY, real REAL) STRICT;
         CREATE TABLE no_rowid (id INTEGER NOT NULL PRIMARY KEY, name TEXT) WITHOUT ROWID;
         CREATE TABLE other.things (id INTEGER PRIMARY KEY, name TEXT)",
    )
    .unwrap();
    let csv = "id,any_value,real\n1,x,1\n2,,2.5\n";
    assert_eq!(seed(&mut conn, "strict_one", "a.csv", csv), Ok(2));
    assert_eq!(
        seed(&mut conn, "no_rowid", "a.csv", "id,name\n1,a\n1,b\n"),
        Ok(1)
    );
    assert_eq!(
        seed(&mut conn, "other.things", "a.csv", "id,name\n1,a\n"),
        Ok(1)
    );
    assert_eq!(
        rows(&mut conn, "SELECT name AS row FROM other.things"),
        ["a"]
    );
}

#[test]
fn a_virtual_table_is_at_fault_itself_if_it_takes_no_row() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("CREATE VIRTUAL TABLE words USING fts5 (a, b)")
        .unwrap();
    let error = seed(&mut conn, "words", "a.csv", "a,b\nx,y\nz,w\n").unwrap_err();
    assert!(!error.contains("row 1 "), "{error}");
}

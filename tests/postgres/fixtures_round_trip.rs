//! Files that PostgreSQL writes of a table go back into it as the same values, or are an error.

use std::io::Read;

use covara_diesel::Seed;
use covara_diesel::fixture::FixtureSource;
use diesel::connection::SimpleConnection;
use diesel::pg::CopyFormat;
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::backend::{Conn, TestDb};
use crate::suite::{chain, count, number};

diesel::table! {
    given (id) {
        id -> Integer,
        v -> Text,
    }
}

const CREATE: &str = "
    CREATE TYPE mood AS ENUM ('happy', 'so so', '');
    CREATE TYPE pair AS (a INTEGER, b TEXT);
    CREATE DOMAIN percent AS INTEGER CHECK (VALUE BETWEEN 0 AND 100);
    SET TimeZone = 'Europe/Paris'";

/// A type and values of it.
type Case = (&'static str, &'static [&'static str]);

/// Values that both formats bring back.
const BOTH: [Case; 44] = [
    ("smallint", &["-32768", "32767"]),
    ("integer", &["-2147483648", "0"]),
    ("bigint", &["-9223372036854775808", "9223372036854775807"]),
    (
        "real",
        &[
            "1e-45",
            "-0",
            "3.4028235e38",
            "0.1",
            "NaN",
            "Infinity",
            "-Infinity",
        ],
    ),
    (
        "double precision",
        &[
            "5e-324",
            "-0",
            "0.1",
            "1e300",
            "9007199254740993",
            "NaN",
            "Infinity",
            "-Infinity",
        ],
    ),
    (
        "numeric",
        &[
            "NaN",
            "Infinity",
            "-Infinity",
            "12345678901234567890.12345678901234567890",
            "0.10",
            "1e-30",
            "-0",
        ],
    ),
    ("numeric(20, 5)", &["123456789012345.00001"]),
    ("money", &["1.00", "-92233720368547758.08"]),
    ("boolean", &["true", "false"]),
    (
        "text",
        &[
            "",
            " ",
            "NULL",
            "null",
            "\\N",
            "\\.",
            "a,b\"c'\nd\r\ne\rf\\",
            "0",
            "\u{feff}é\u{1}",
            "{}",
            "\t;",
        ],
    ),
    ("varchar(5)", &["", "äöüß "]),
    ("char(5)", &["", "a", "abcde"]),
    ("\"char\"", &["a", ""]),
    ("name", &["x", ""]),
    ("bytea", &["", "\\x00ff", "dead", "deadbeef", "AAAA"]),
    (
        "date",
        &[
            "infinity",
            "-infinity",
            "0044-03-15 BC",
            "4714-11-24 BC",
            "0001-01-01",
            "2024-02-29",
            "5874897-12-31",
        ],
    ),
    (
        "time",
        &["24:00:00", "00:00:00", "23:59:59.999999", "10:00:00.1"],
    ),
    (
        "time with time zone",
        &["10:00:00+05:30:15", "24:00:00-15:59"],
    ),
    (
        "timestamp",
        &[
            "infinity",
            "-infinity",
            "0044-03-15 10:00:00 BC",
            "4714-11-24 00:00:00 BC",
            "294276-12-31 23:59:59.999999",
            "2026-01-31 10:00:00.000001",
            "1999-12-31 23:59:59.999999",
        ],
    ),
    (
        "timestamptz",
        &[
            "infinity",
            "-infinity",
            "0044-03-15 10:00:00+00 BC",
            "1800-01-01 00:00:00.5+00",
            "2026-07-31 10:00:00+00",
            "294276-12-31 20:59:59.999999+00",
        ],
    ),
    (
        "interval",
        &["1 year -2 days 03:04:05.000006", "-178000000 years", "0"],
    ),
    (
        "json",
        &[
            "{\"a\": [1,  2.50]}",
            "\"x\"",
            "\"[1]\"",
            "1.50",
            "[null]",
            "false",
        ],
    ),
    (
        "jsonb",
        &[
            "{\"a\": 12345678901234567890.5}",
            "\"\"",
            "0.10",
            "[]",
            "true",
        ],
    ),
    ("integer[]", &["{}", "{1,NULL,-3}", "{{1,2},{3,4}}"]),
    (
        "text[]",
        &[
            "{}",
            "{\"\",NULL,\"NULL\",\"a,b\",\"\\\"\",\"\\\\\",\"{\"}",
            "{{a},{b}}",
        ],
    ),
    ("date[]", &["{infinity,2026-01-31,\"0044-03-15 BC\"}"]),
    ("bytea[]", &["{\"\\\\x00ff\",NULL}"]),
    (
        "jsonb[]",
        &["{\"{\\\"a\\\": [1]}\",\"\\\"1\\\"\",1.50,NULL}"],
    ),
    ("mood[]", &["{happy,\"so so\",\"\"}"]),
    ("int4range", &["[1,5)", "empty", "(,)", "[3,)"]),
    (
        "tstzrange",
        &[
            "[\"2026-01-31 10:00:00+00\",infinity]",
            "(,\"0044-03-15 10:00:00+00 BC\")",
        ],
    ),
    ("int4multirange", &["{}", "{[1,5),[7,9)}"]),
    ("inet", &["10.0.0.1/8", "::1", "fe80::/10"]),
    ("cidr", &["10.0.0.0/8"]),
    ("macaddr", &["08:00:2b:01:02:03"]),
    ("uuid", &["00000000-0000-0000-0000-00000000000a"]),
    ("bit(8)", &["10000001"]),
    ("bit varying", &["", "101"]),
    ("point", &["(1.5,-2)"]),
    ("polygon", &["((0,0),(1,1),(1,0))"]),
    ("tsvector", &["", "'a':1A 'b''c':2"]),
    ("mood", &["happy", "so so", ""]),
    ("percent", &["0", "100"]),
    ("oid", &["4294967295"]),
];

/// Values that only CSV brings back; NDJSON either refuses them or does not hold them.
const CSV_ONLY: [Case; 7] = [
    // NULL in NDJSON.
    ("json", &["null"]),
    ("jsonb", &["null"]),
    // Without its lower bound in NDJSON.
    ("integer[]", &["[0:1]={1,2}"]),
    // An object.
    ("pair", &["(1,\"a,b\")", "(,)"]),
    ("pair[]", &["{\"(1,x)\",NULL}"]),
    // Either a value or a dimension.
    ("jsonb[]", &["{\"[1, 2]\"}"]),
    ("tsquery", &["'a' & !'b'", ""]),
];

/// Fills the table `given` with the values, NULL among them, and makes the table `seeded` like it.
fn create(conn: &mut Conn, (sql_type, values): Case) {
    conn.batch_execute(&format!(
        "DROP TABLE IF EXISTS given; DROP TABLE IF EXISTS seeded;
         CREATE TABLE given (id INTEGER PRIMARY KEY, v {sql_type});
         CREATE TABLE seeded (LIKE given INCLUDING ALL);
         INSERT INTO given VALUES (0, NULL)"
    ))
    .unwrap();
    for (id, value) in (1..).zip(values) {
        let insert = format!("INSERT INTO given VALUES ({id}, CAST($1 AS {sql_type}))");
        diesel::sql_query(insert)
            .bind::<Text, _>(value)
            .execute(conn)
            .unwrap();
    }
}

fn as_csv(conn: &mut Conn) -> String {
    let mut csv = String::new();
    diesel::copy_to(given::table)
        .with_format(CopyFormat::Csv)
        .with_header(true)
        .load_raw(conn)
        .unwrap()
        .read_to_string(&mut csv)
        .unwrap();
    csv
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    row: String,
}

fn as_ndjson(conn: &mut Conn) -> String {
    let rows = diesel::sql_query("SELECT row_to_json(given)::text AS row FROM given ORDER BY id");
    let rows: Vec<Row> = rows.load(conn).unwrap();
    rows.iter().map(|row| format!("{}\n", row.row)).collect()
}

fn seed(conn: &mut Conn, name: &str, file: &str) -> Result<usize, String> {
    let source = FixtureSource::reader(name, file.as_bytes());
    let seeded = Seed::new().fixture("seeded", source).run(conn);
    seeded
        .map(|summary| summary.inserted())
        .map_err(|error| chain(&error))
}

fn assert_same(conn: &mut Conn, case: Case, file: &str) {
    let differ = "SELECT count(*) AS n FROM given FULL JOIN seeded USING (id)
                  WHERE given.v::text IS DISTINCT FROM seeded.v::text";
    assert_eq!(number(conn, differ), 0, "{case:?}\n{file}");
    assert_eq!(count(conn, "seeded"), count(conn, "given"), "{case:?}");
}

/// A `char` of nothing is `\0` in an `"char"`, which CSV shows as nothing.
#[test]
fn what_copy_writes_as_csv_is_seeded_as_the_same_values() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    conn.batch_execute(CREATE).unwrap();
    for case in BOTH.iter().chain(&CSV_ONLY) {
        create(conn, *case);
        let csv = as_csv(conn);
        let rows = case.1.len() + 1;
        assert_eq!(seed(conn, "given.csv", &csv), Ok(rows), "{case:?}\n{csv}");
        assert_same(conn, *case, &csv);
        // And again, which finds the same keys, in a table that is not empty.
        assert_eq!(seed(conn, "given.csv", &csv), Ok(0), "{case:?}\n{csv}");
        conn.batch_execute("DELETE FROM seeded WHERE id > 0")
            .unwrap();
        assert_eq!(
            seed(conn, "given.csv", &csv),
            Ok(rows - 1),
            "{case:?}\n{csv}"
        );
        assert_same(conn, *case, &csv);
    }
}

#[test]
fn what_row_to_json_writes_is_seeded_as_the_same_values() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    conn.batch_execute(CREATE).unwrap();
    for case in BOTH {
        create(conn, case);
        let ndjson = as_ndjson(conn);
        let rows = case.1.len() + 1;
        assert_eq!(
            seed(conn, "given.ndjson", &ndjson),
            Ok(rows),
            "{case:?}\n{ndjson}"
        );
        assert_same(conn, case, &ndjson);
    }
    for (sql_type, value) in [
        ("pair", "(1,x)"),
        ("pair[]", "{\"(1,x)\"}"),
        ("jsonb[]", "{\"[1, 2]\"}"),
    ] {
        create(conn, (sql_type, &[]));
        let insert = format!("INSERT INTO given VALUES (1, CAST($1 AS {sql_type}))");
        diesel::sql_query(insert)
            .bind::<Text, _>(value)
            .execute(conn)
            .unwrap();
        let ndjson = as_ndjson(conn);
        let error = seed(conn, "given.ndjson", &ndjson).unwrap_err();
        assert!(error.contains("given.ndjson, line 2"), "{error}");
    }
}

/// PostgreSQL itself would round these, or read them by the settings of the session.
#[test]
fn times_with_two_readings_are_refused_with_their_place() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE seeded (id INTEGER PRIMARY KEY, d DATE, t TIME, m TIMESTAMPTZ)",
    )
    .unwrap();
    for (column, cell) in [
        ("d", "26-01-31"),
        ("d", "31.01.2026"),
        ("d", "20260131"),
        ("d", "today"),
        ("t", "24:00:01"),
        ("t", "10:00:00.0000001"),
        ("m", "2026"),
        ("m", "20140102"),
        ("m", "2026013110"),
        ("m", "2026-01-31 10:00:00.0000001"),
        ("m", "01/02/2026 10:00"),
        ("m", "Infinity"),
    ] {
        let error = seed(&mut conn, "x.csv", &format!("id,{column}\n1,\n2,{cell}\n")).unwrap_err();
        let said = format!("x.csv, line 3, column {column}: found {cell:?}, expected a ");
        assert!(error.starts_with(&said), "{error}");
    }
}

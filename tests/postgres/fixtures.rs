//! Files for tables with types that only PostgreSQL has.

use covara_diesel::fixture::FixtureSource;
use covara_diesel::{ErrorKind, Seed, SeedError};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::backend::TestDb;
use crate::suite::{chain, count, number};

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    row: String,
}

const CREATE: &str = "
    CREATE SCHEMA app;
    CREATE TYPE app.mood AS ENUM ('happy', 'sad');
    CREATE DOMAIN app.percent AS INTEGER CHECK (VALUE BETWEEN 0 AND 100);
    CREATE DOMAIN app.outer_part AS app.percent NOT NULL DEFAULT 5;
    CREATE DOMAIN app.part AS app.outer_part;
    CREATE TABLE app.things (
        id UUID PRIMARY KEY,
        mood app.mood,
        price NUMERIC(20, 5),
        tags TEXT[],
        sizes INTEGER[],
        share app.percent,
        code CHAR(3),
        label VARCHAR(10),
        address INET,
        codes CHAR(3)[],
        bits BIT(8),
        inner_part app.part,
        at TIMESTAMPTZ,
        document JSONB,
        number BIGINT GENERATED ALWAYS AS IDENTITY
    )";

#[test]
fn types_that_diesel_has_not_are_read_by_the_server() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(CREATE).unwrap();
    let directory = support::temporary::tempdir().unwrap();
    let csv = directory.path().join("things.csv");
    std::fs::write(
        &csv,
        "id,mood,price,tags,sizes,share,code,label,address,codes,bits,at,document,number\n\
         00000000-0000-0000-0000-00000000000a,happy,12345678901234.56789,\"{a,\"\"b c\"\"}\",\"{1,NULL}\",7,abc,x,10.0.0.1/8,\"{abc,d}\",10000001,2026-01-31T12:00:00+02:00,\"{\"\"b\"\": 0.12345678901234567890123}\",40\n\
         00000000-0000-0000-0000-00000000000b,,,,,,,,,,,,,41\n",
    )
    .unwrap();
    let ndjson = directory.path().join("things.ndjson");
    std::fs::write(
        &ndjson,
        r#"{"id":"00000000-0000-0000-0000-00000000000a","mood":"happy","price":12345678901234.56789,"tags":["a","b c"],"sizes":[1,null],"share":7,"code":"abc","label":"x","address":"10.0.0.1/8","codes":"{abc,d}","bits":"10000001","at":1769853600,"document":{"b": 0.12345678901234567890123},"number":40}
{"id":"00000000-0000-0000-0000-00000000000b","mood":null,"number":41}"#,
    )
    .unwrap();
    for file in [csv, ndjson] {
        conn.batch_execute("TRUNCATE app.things").unwrap();
        for expected in [2, 0] {
            let seed = Seed::new().fixture("app.things", &file);
            assert_eq!(seed.run(&mut conn).unwrap().inserted(), expected);
        }
        let rows: Vec<Row> = diesel::sql_query(
            "SELECT concat_ws('|', id, mood, price, tags, sizes, share, code, label, address, codes, bits,
                              inner_part,
                              at AT TIME ZONE 'UTC', document, number) AS row
             FROM app.things ORDER BY id",
        )
        .load(&mut conn)
        .unwrap();
        let rows: Vec<_> = rows.iter().map(|row| row.row.as_str()).collect();
        let expected = [
            "00000000-0000-0000-0000-00000000000a|happy|12345678901234.56789|{a,\"b c\"}|{1,NULL}|7\
             |abc|x|10.0.0.1/8|{abc,\"d  \"}|10000001|5|2026-01-31 10:00:00\
             |{\"b\": 0.12345678901234567890123}|40",
            "00000000-0000-0000-0000-00000000000b|5|41",
        ];
        assert_eq!(rows, expected);
        let next = "INSERT INTO app.things (id) VALUES (gen_random_uuid()) RETURNING number AS n";
        assert!(number(&mut conn, next) > 41);
    }
}

#[test]
fn what_the_server_cannot_read_is_named_by_its_line() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(CREATE).unwrap();
    for (cell, said) in [
        ("happy,101", "violates check constraint"),
        (
            "angry,1",
            "invalid input value for enum app.mood: \"angry\"",
        ),
    ] {
        let csv = format!(
            "id,mood,share\n{},sad,3\n{},{cell}\n",
            "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"
        );
        let source = covara_diesel::fixture::FixtureSource::reader("x.csv", csv.as_bytes());
        let error = Seed::new()
            .fixture("app.things", source)
            .run(&mut conn)
            .unwrap_err();
        assert!(matches!(error, SeedError::Row { row: 2, .. }), "{error:?}");
        let text = chain(&error);
        assert!(
            text.starts_with("row 2 of app.things (x.csv, line 3) was refused"),
            "{text}"
        );
        assert!(text.contains(said), "{text}");
    }
    assert_eq!(count(&mut conn, "app.things"), 0);
}

/// Words of the server's that a value or a name holds say nothing of the database.
#[test]
fn values_in_the_servers_words_are_refused_as_rows() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("CREATE TYPE mood AS ENUM ('happy'); CREATE TABLE moods (mood mood)")
        .unwrap();
    for value in [
        "could not write: No space left on device",
        "canceling statement due to lock timeout",
        "deadlock detected",
        "attempt to write a readonly database",
        "cannot execute INSERT in a read-only transaction",
        "terminating connection due to administrator command",
    ] {
        let csv = format!("mood\nhappy\n{value}\n");
        let source = FixtureSource::reader("x.csv", csv.as_bytes());
        let error = Seed::new()
            .fixture("moods", source)
            .run(&mut conn)
            .unwrap_err();
        assert!(matches!(error, SeedError::Row { row: 2, .. }), "{error:?}");
        assert_eq!(error.kind(), Some(ErrorKind::Other), "{error:?}");
    }
}

/// Without a struct, rows for an empty table go by COPY through the stage.
#[test]
fn rows_without_a_struct_are_loaded_by_copy() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE numbers (id BIGINT PRIMARY KEY, label TEXT UNIQUE);
         CREATE TABLE seen (query TEXT);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO seen VALUES (current_query()); RETURN NULL; END $$;
         CREATE TRIGGER note AFTER INSERT ON numbers FOR EACH STATEMENT EXECUTE FUNCTION note()",
    )
    .unwrap();
    let rows = (0..20_000).map(|id| format!("{id},number {id}\n"));
    let csv: String = std::iter::once("id,label\n".to_owned())
        .chain(rows)
        .collect();
    let source = covara_diesel::fixture::FixtureSource::reader("x.csv", csv.as_bytes());
    let summary = Seed::new()
        .fixture("numbers", source)
        .run(&mut conn)
        .unwrap();
    assert_eq!(summary.inserted(), 20_000);
    let statements = count(&mut conn, "seen");
    assert!(statements < 5, "{statements}");
}

/// The constraint that failed is known by its name.
#[test]
fn a_later_table_is_named_only_for_its_own_foreign_key() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE later (id INT PRIMARY KEY); CREATE TABLE other (id INT PRIMARY KEY);
         CREATE TABLE two (id INT PRIMARY KEY, l INT REFERENCES later, o INT REFERENCES other)",
    )
    .unwrap();
    let source = |name: &str, content: &'static str| {
        covara_diesel::fixture::FixtureSource::reader(name, content.as_bytes())
    };
    let mut seed = |two| {
        Seed::new()
            .fixture("two", source("two.csv", two))
            .fixture("later", source("later.csv", "id\n7\n"))
            .run(&mut conn)
            .unwrap_err()
    };
    let error = seed("id,l,o\n1,,7\n");
    assert!(matches!(error, SeedError::Row { .. }), "{error:?}");
    let error = seed("id,l,o\n1,7,\n");
    assert!(matches!(error, SeedError::TableOrder { .. }), "{error:?}");
}

/// PostgreSQL has arrays of six dimensions.
#[test]
fn arrays_that_are_nested_too_deep_are_refused() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    conn.batch_execute("CREATE TABLE deep (id INTEGER PRIMARY KEY, n INTEGER[])")
        .unwrap();
    let seed = |conn: &mut _, depth: usize| {
        let array = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let line = format!("{{\"id\": {depth}, \"n\": {array}}}");
        let source = FixtureSource::reader("deep.ndjson", line.as_bytes());
        Seed::new().fixture("deep", source).run(conn)
    };
    for depth in 1..=6 {
        assert_eq!(seed(conn, depth).unwrap().inserted(), 1, "{depth}");
    }
    for depth in [7, 20_000, 1_000_000] {
        let error = chain(&seed(conn, depth).unwrap_err());
        let start = "deep.ndjson, line 1, column n: found [[[";
        assert!(error.starts_with(start), "{error}");
        assert!(error.ends_with("expected integer[] or nothing"), "{error}");
    }
    assert_eq!(count(conn, "deep"), 6);
}

/// A right that is missing, and a constraint that cannot be used for skipping rows.
#[test]
fn errors_that_no_row_causes_name_no_row() {
    let db = TestDb::new();
    let mut conn = db.connect_directly();
    conn.batch_execute(
        "CREATE TABLE closed (id INTEGER PRIMARY KEY);
         CREATE TABLE open (id INTEGER, code INTEGER UNIQUE DEFERRABLE); INSERT INTO open VALUES (0, 0)",
    )
    .unwrap();
    let mut seed = |role: &str, table: &str, csv: &'static str| {
        let mut found = None;
        let undone = conn.transaction(|conn| {
            conn.batch_execute(&format!("CREATE ROLE covara_test_reader; {role}"))?;
            let source = FixtureSource::reader("x.csv", csv.as_bytes());
            found = Seed::new().fixture(table, source).run(conn).err();
            Err::<(), _>(diesel::result::Error::RollbackTransaction)
        });
        assert_eq!(undone, Err(diesel::result::Error::RollbackTransaction));
        found.unwrap()
    };
    let read_only =
        "GRANT SELECT ON closed TO covara_test_reader; SET LOCAL ROLE covara_test_reader";
    for (role, table, csv, said) in [
        (
            read_only,
            "closed",
            "id\n1\n2\n",
            "permission denied for table closed",
        ),
        (
            "",
            "open",
            "id,code\n1,1\n2,2\n",
            "ON CONFLICT does not support deferrable",
        ),
    ] {
        let error = seed(role, table, csv);
        assert!(matches!(error, SeedError::Interrupted { .. }), "{error:?}");
        assert!(chain(&error).contains(said), "{}", chain(&error));
    }
}

#[test]
fn keys_that_are_times_are_looked_up_whatever_the_date_style() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE days (day DATE PRIMARY KEY, at TIMESTAMP NOT NULL UNIQUE,
             name TEXT NOT NULL UNIQUE);
         INSERT INTO days VALUES ('2026-03-04', '2026-03-04 05:06:07.891', 'today');
         CREATE TABLE visits (id BIGINT PRIMARY KEY, day DATE REFERENCES days,
             at TIMESTAMP REFERENCES days (at));
         SET DateStyle TO 'German'",
    )
    .unwrap();
    let visits = "id,day@days.name,at@days.name\n1,today,today\n";
    let seed = || FixtureSource::reader("visits.csv", visits.as_bytes());
    for style in ["German", "SQL, DMY", "ISO"] {
        conn.batch_execute(&format!("TRUNCATE visits; SET DateStyle TO {style}"))
            .unwrap();
        Seed::new()
            .fixture("visits", seed())
            .run(&mut conn)
            .unwrap();
        assert_eq!(count(&mut conn, "visits JOIN days USING (day, at)"), 1);
    }
}

/// One reading or none: what a column would round or cut is refused, with its line and column.
#[test]
fn values_that_a_column_would_round_or_cut_are_refused() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE DOMAIN cents AS NUMERIC(5, 2);
         CREATE DOMAIN dear AS cents;
         CREATE TABLE narrow (
             id INTEGER PRIMARY KEY, c \"char\", n NUMERIC(5, 2), d dear, thousands NUMERIC(3, -3),
             ts TIMESTAMP(0), tz TIMESTAMPTZ(3), tm TIME(1), tt TIMETZ(0), iv INTERVAL(0), nm NAME,
             vc VARCHAR(3), ch CHAR(3))",
    )
    .unwrap();
    let long = "x".repeat(64);
    for (column, value, expected) in [
        ("c", "ab", "\"char\" of one byte"),
        (
            "n",
            "1.005",
            "numeric with at most 3 digits before and 2 behind the point",
        ),
        ("n", "1005e-3", "2 behind the point"),
        ("n", "1000", "3 digits before"),
        ("d", "0.001", "2 behind the point"),
        ("thousands", "1500", "-3 behind the point"),
        (
            "ts",
            "2026-01-01 10:00:00.6",
            "0 digits behind the second's point",
        ),
        (
            "tz",
            "2026-01-01 10:00:00.0006Z",
            "3 digits behind the second's point",
        ),
        ("tm", "10:00:00.61", "1 digit behind the second's point"),
        ("tt", "10:00:00.5+02", "0 digits behind the second's point"),
        ("iv", "00:00:00.6", "0 digits behind the second's point"),
        ("nm", &long, "name of at most 63 bytes"),
        ("vc", "ab  ", "a text of at most 3 characters"),
        ("vc", "äöüß", "a text of at most 3 characters"),
        ("ch", "abcd", "a text of at most 3 characters"),
    ] {
        let csv = format!("id,{column}\n1,\n2,{value}\n");
        let source = FixtureSource::reader("x.csv", csv.as_bytes());
        let seed = Seed::new().fixture("narrow", source);
        let error = chain(&seed.run(&mut conn).unwrap_err());
        assert!(
            error.contains(&format!("x.csv, line 3, column {column}")),
            "{error}"
        );
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(count(&mut conn, "narrow"), 0);

    // What fits stays what it is.
    let csv = "id,c,n,d,thousands,ts,tz,tm,tt,iv,nm,vc,ch\n\
        1,a,1.500,-999.99,12e3,2026-01-01 10:00:00.000,2026-01-01 10:00:00.125Z,10:00:00.5,\
        10:00:00+02,1 day 00:00:01,x,äöü,ab \n\
        2,,NaN,0.00,0,infinity,-infinity,24:00:00,,,,,\n";
    let source = FixtureSource::reader("x.csv", csv.as_bytes());
    Seed::new()
        .fixture("narrow", source)
        .run(&mut conn)
        .unwrap();
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT concat_ws('|', c, n, d, thousands, ts, tz AT TIME ZONE 'UTC', tm, tt, iv, nm, vc, ch)
             AS row FROM narrow ORDER BY id",
    )
    .load(&mut conn)
    .unwrap();
    let rows: Vec<_> = rows.iter().map(|row| row.row.as_str()).collect();
    let expected = [
        "a|1.50|-999.99|12000|2026-01-01 10:00:00|2026-01-01 10:00:00.125|10:00:00.5|10:00:00+02\
         |1 day 00:00:01|x|äöü|ab ",
        "NaN|0.00|0|infinity|-infinity|24:00:00",
    ];
    assert_eq!(rows, expected);
}

//! Dumps of tables as only PostgreSQL has them.

use covara_diesel::dump::{Dump, DumpError, Format};
use covara_diesel::fixture::FixtureSource;
use covara_diesel::{ErrorKind, Seed};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use support::postgres::TestDb;

fn dumped(conn: &mut PgConnection, table: &str) -> Result<String, DumpError> {
    let mut bytes = Vec::new();
    Dump::new().table_to(conn, table, &mut bytes)?;
    Ok(String::from_utf8(bytes).unwrap())
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

fn setting(conn: &mut PgConnection, name: &str) -> String {
    let query = format!("SELECT pg_catalog.current_setting('{name}') AS value");
    diesel::sql_query(query)
        .get_result::<Setting>(conn)
        .unwrap()
        .value
}

const ODD_SESSION: &str = "SET DateStyle = 'German'; SET IntervalStyle = 'sql_standard';
    SET TimeZone = 'Asia/Kolkata'; SET bytea_output = 'escape'; SET extra_float_digits = -15;
    SET search_path = other, public; SET quote_all_identifiers = on";

#[test]
fn the_settings_of_the_session_change_no_byte_and_stay() {
    let db = TestDb::new();
    let mut conn = db.connect_directly();
    conn.batch_execute(
        "CREATE SCHEMA other;
         CREATE TABLE odd (id BIGINT PRIMARY KEY, d DATE, t TIMESTAMPTZ, i INTERVAL, b BYTEA,
             f DOUBLE PRECISION, r TSTZRANGE, c REGCLASS, a DATE[]);
         INSERT INTO odd VALUES (1, '2026-01-31', '2026-01-31 12:00+00', '-1 mon 2 days -03:00',
             '\\x00ff41', 0.1::float8 + 0.2, '[2026-01-31 12:00+00,)', 'odd', '{2026-01-31}')",
    )
    .unwrap();
    let plain = dumped(&mut conn, "odd").unwrap();
    let expected = "id,d,t,i,b,f,r,c,a\n1,2026-01-31,2026-01-31 12:00:00+00,\
        -1 mons +2 days -03:00:00,\\x00ff41,0.30000000000000004,\
        \"[\"\"2026-01-31 12:00:00+00\"\",)\",public.odd,{2026-01-31}\n";
    assert_eq!(plain, expected);
    conn.batch_execute(ODD_SESSION).unwrap();
    assert_eq!(dumped(&mut conn, "odd").unwrap(), plain);
    conn.transaction(|conn| {
        assert_eq!(dumped(conn, "odd").unwrap(), plain);
        assert_eq!(setting(conn, "TimeZone"), "Asia/Kolkata");
        assert_eq!(setting(conn, "row_security"), "on");
        QueryResult::Ok(())
    })
    .unwrap();
    assert_eq!(setting(&mut conn, "bytea_output"), "escape");
    assert_eq!(setting(&mut conn, "search_path"), "other, public");
}

#[test]
fn types_that_other_sessions_would_read_otherwise_are_refused_before_a_row_is_read() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE DOMAIN price AS money;
         CREATE TYPE priced AS (name TEXT, prices price[]);
         CREATE TABLE a (v money); CREATE TABLE b (v money[]); CREATE TABLE c (v priced)",
    )
    .unwrap();
    for (table, sql_type) in [("a", "money"), ("b", "money[]"), ("c", "public.priced")] {
        let error = dumped(&mut conn, table).unwrap_err();
        let said = format!(
            "the column v of {table} has the type {sql_type}, whose values a seed could not read back"
        );
        assert_eq!(error.to_string(), said);
    }
}

#[test]
fn rows_that_row_level_security_hides_and_missing_rights_are_errors() {
    let db = TestDb::new();
    let mut conn = db.connect_directly();
    let role = format!("covara_dump_{}", std::process::id());
    conn.batch_execute(&format!(
        "CREATE ROLE {role}; GRANT USAGE ON SCHEMA public TO {role};
         CREATE TABLE open (id BIGINT PRIMARY KEY); INSERT INTO open VALUES (1);
         CREATE TABLE closed (id BIGINT PRIMARY KEY); INSERT INTO closed VALUES (1);
         CREATE TABLE guarded (id BIGINT PRIMARY KEY); INSERT INTO guarded VALUES (1), (2);
         ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
         CREATE POLICY one ON guarded USING (id = 1);
         GRANT SELECT ON open, guarded TO {role}; SET ROLE {role}"
    ))
    .unwrap();
    assert_eq!(dumped(&mut conn, "open").unwrap(), "id\n1\n");
    for (table, words) in [
        ("closed", "permission denied for table closed"),
        (
            "guarded",
            "query would be affected by row-level security policy for table \"guarded\"",
        ),
    ] {
        let error = dumped(&mut conn, table).unwrap_err();
        let said = format!("{:?}", error);
        assert!(
            matches!(error, DumpError::Interrupted { rows: 0, .. }),
            "{said}"
        );
        assert!(said.contains(&format!("{words:?}")[1..10]), "{said}");
        assert!(said.contains(&words.replace('"', "\\\"")), "{said}");
    }
    let clean = format!("RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}");
    assert_eq!(dumped(&mut conn, "open").unwrap(), "id\n1\n");
    conn.batch_execute(&clean).unwrap();
}

#[test]
fn parts_are_dumped_with_their_table_and_children_on_their_own() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE days (day DATE PRIMARY KEY) PARTITION BY RANGE (day);
         CREATE TABLE days_a PARTITION OF days FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
         CREATE TABLE days_b PARTITION OF days FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
         INSERT INTO days VALUES ('2026-02-02'), ('2026-01-01');
         CREATE TABLE parent (id BIGINT PRIMARY KEY);
         CREATE TABLE child (more TEXT) INHERITS (parent);
         INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2, 'x')",
    )
    .unwrap();
    let directory = support::temporary::tempdir().unwrap();
    let summary = Dump::new()
        .to_directory(&mut conn, directory.path())
        .unwrap();
    let tables: Vec<_> = summary
        .tables
        .iter()
        .map(|table| (table.table.as_str(), table.rows))
        .collect();
    assert_eq!(tables, [("child", 1), ("days", 2), ("parent", 1)]);
    assert_eq!(
        dumped(&mut conn, "days").unwrap(),
        "day\n2026-01-01\n2026-02-02\n"
    );
}

#[test]
fn a_server_that_stops_before_the_last_row_is_an_error() {
    let db = TestDb::new();
    let mut conn = db.connect_directly();
    // The last row cannot be written: an output that is longer than a text can be.
    conn.batch_execute(
        "CREATE TABLE long (id BIGINT PRIMARY KEY, b BYTEA);
         INSERT INTO long SELECT i, decode(repeat('00', 100000), 'hex') FROM generate_series(1, 300) AS i;
         INSERT INTO long SELECT 301, decode(repeat('00', 300000000), 'hex')",
    )
    .unwrap();
    conn.batch_execute("UPDATE long SET b = b || b WHERE id = 301")
        .unwrap();
    for format in [Format::Csv, Format::Ndjson] {
        let dump = Dump::new().format(format);
        let error = dump
            .table_to(&mut conn, "long", std::io::sink())
            .unwrap_err();
        assert!(
            matches!(error, DumpError::Interrupted { rows: 300, .. }),
            "{error:?}"
        );
    }
    conn.batch_execute("DELETE FROM long WHERE id = 301")
        .unwrap();
    assert_eq!(dumped(&mut conn, "long").unwrap().lines().count(), 301);
}

#[test]
fn a_time_out_is_an_error_and_the_connection_goes_on() {
    let db = TestDb::new();
    let mut conn = db.connect_directly();
    conn.batch_execute(
        "CREATE TABLE many (id BIGINT PRIMARY KEY, text TEXT);
         INSERT INTO many SELECT i, repeat('x', 1000) FROM generate_series(1, 100000) AS i;
         SET statement_timeout = 60",
    )
    .unwrap();
    struct Slow;
    impl std::io::Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            std::thread::sleep(std::time::Duration::from_millis(5));
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let error = Dump::new().table_to(&mut conn, "many", Slow).unwrap_err();
    assert!(error.kind().is_some(), "{error:?}");
    assert_ne!(error.kind(), Some(ErrorKind::ConnectionLost), "{error:?}");
    conn.batch_execute("RESET statement_timeout").unwrap();
    assert_eq!(dumped(&mut conn, "many").unwrap().lines().count(), 100_001);
}

fn seeded(conn: &mut PgConnection, table: &str, csv: &str) -> usize {
    let source = FixtureSource::reader("a.csv", csv.as_bytes());
    let seed = Seed::new().fixture(table, source);
    seed.run(conn).unwrap().inserted()
}

#[test]
fn names_of_missing_objects_and_numbers_are_read_back() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let types = [
        "regclass",
        "regtype",
        "regproc",
        "regprocedure",
        "regoper",
        "regoperator",
        "regconfig",
        "regdictionary",
        "regrole",
        "regnamespace",
    ];
    for sql_type in types {
        conn.batch_execute(&format!(
            "DROP TABLE IF EXISTS odd;
             CREATE TABLE odd (id BIGINT PRIMARY KEY, v {sql_type}, a {sql_type}[]);
             INSERT INTO odd SELECT i, o, ARRAY[o, NULL] FROM (VALUES
                 (1, CAST(0::oid AS {sql_type})), (2, CAST(3999999999::oid AS {sql_type})), (3, NULL)
             ) AS t (i, o)"
        ))
        .unwrap();
        let first = dumped(&mut conn, "odd").unwrap();
        conn.batch_execute("DELETE FROM odd").unwrap();
        assert_eq!(seeded(&mut conn, "odd", &first), 3, "{first}");
        assert_eq!(dumped(&mut conn, "odd").unwrap(), first);
    }
    conn.batch_execute(
        "CREATE TABLE named (id BIGINT PRIMARY KEY, v regclass);
         CREATE TABLE \"A b\" (); CREATE SCHEMA \"s.t\"; CREATE TABLE \"s.t\".u ();
         INSERT INTO named VALUES (1, 'named'), (2, '\"A b\"'), (3, '\"s.t\".u'), (4, 'pg_class')",
    )
    .unwrap();
    let first = dumped(&mut conn, "named").unwrap();
    conn.batch_execute("DELETE FROM named").unwrap();
    assert_eq!(seeded(&mut conn, "named", &first), 4, "{first}");
    assert_eq!(dumped(&mut conn, "named").unwrap(), first);
}

#[test]
fn tables_without_a_column_to_fill_do_not_stop_a_dump_of_all() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE t (); INSERT INTO t DEFAULT VALUES;
         CREATE TABLE computed (one INT GENERATED ALWAYS AS (1) STORED);
         CREATE TABLE dropped (one INT); ALTER TABLE dropped DROP COLUMN one;
         CREATE TABLE plain (id BIGINT PRIMARY KEY)",
    )
    .unwrap();
    let directory = support::temporary::tempdir().unwrap();
    let summary = Dump::new()
        .to_directory(&mut conn, directory.path())
        .unwrap();
    let tables: Vec<_> = summary.tables.iter().map(|table| &table.table).collect();
    assert_eq!(tables, ["plain"]);
    for table in ["t", "computed", "dropped"] {
        let error = dumped(&mut conn, table).unwrap_err();
        let said = format!("{table} has no column that a seed could fill");
        assert_eq!(error.to_string(), said);
    }
    let source = FixtureSource::reader("t.csv", b"a\n1\n".as_slice());
    let error = Seed::new().fixture("t", source).run(&mut conn).unwrap_err();
    assert_eq!(
        error.to_string(),
        "t.csv, line 1 names a, but the columns of t are none"
    );
}

#[test]
fn a_table_with_as_many_columns_as_postgresql_has_is_sorted_without_a_key() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let columns: Vec<String> = (0..1_600).map(|n| format!("c{n} BOOLEAN")).collect();
    let row = |last: bool| {
        let values: Vec<String> = (0..1_600)
            .map(|n| (if n == 1_599 { last } else { n % 2 == 0 }).to_string())
            .collect();
        format!("({})", values.join(", "))
    };
    conn.batch_execute(&format!("CREATE TABLE wide ({})", columns.join(", ")))
        .unwrap();
    let mut found = Vec::new();
    for order in [[true, false], [false, true]] {
        let rows = order.map(row).join(", ");
        conn.batch_execute(&format!("TRUNCATE wide; INSERT INTO wide VALUES {rows}"))
            .unwrap();
        found.push(dumped(&mut conn, "wide").unwrap());
    }
    assert_eq!(found[0], found[1]);
    assert!(found[0].ends_with("true\n"), "sorted");
}

#[test]
fn a_temporary_table_hides_none_from_a_dump_of_all() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE plain (id BIGINT PRIMARY KEY); INSERT INTO plain VALUES (1);
         CREATE TEMPORARY TABLE plain (id BIGINT PRIMARY KEY, other TEXT)",
    )
    .unwrap();
    let directory = support::temporary::tempdir().unwrap();
    let summary = Dump::new()
        .to_directory(&mut conn, directory.path())
        .unwrap();
    let tables: Vec<_> = summary.tables.iter().map(|table| &table.table).collect();
    assert_eq!(tables, ["plain"]);
    let file = directory.path().join("plain.csv");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "id\n1\n");
    // The name itself stands for the other one.
    assert_eq!(dumped(&mut conn, "plain").unwrap(), "id,other\n");
}

/// A type of somebody else's is no range because of its name.
#[test]
fn the_empty_text_of_a_type_whose_name_ends_in_range_is_read_back() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TYPE price_range AS ENUM ('', 'low', 'high');
         CREATE TYPE spans AS RANGE (subtype = float8);
         CREATE TABLE goods (id BIGINT PRIMARY KEY, v price_range, r spans, i int4range);
         INSERT INTO goods VALUES (1, '', NULL, NULL), (2, NULL, 'empty', '[1,2)')",
    )
    .unwrap();
    let first = dumped(&mut conn, "goods").unwrap();
    assert_eq!(first, "id,v,r,i\n1,\"\",,\n2,,empty,\"[1,2)\"\n");
    conn.batch_execute("DELETE FROM goods").unwrap();
    assert_eq!(seeded(&mut conn, "goods", &first), 2);
    assert_eq!(dumped(&mut conn, "goods").unwrap(), first);
    // Programs that write every field in quotes.
    assert_eq!(seeded(&mut conn, "goods", "id,r,i\n3,\"\",\"\"\n"), 1);
}

#[test]
fn tables_of_other_schemas_are_left_out_and_named() {
    let db = TestDb::new();
    let mut conn = db.connect_directly();
    conn.batch_execute(
        "CREATE SCHEMA app; CREATE SCHEMA aside; CREATE TABLE app.x (id INT); CREATE TABLE y (id INT);
         CREATE TABLE aside.parts (id INT) PARTITION BY RANGE (id);
         CREATE TABLE aside.part PARTITION OF aside.parts DEFAULT; CREATE VIEW app.v AS SELECT 1",
    )
    .unwrap();
    let directory = support::temporary::tempdir().unwrap();
    let dump = Dump::new();
    let summary = dump.to_directory(&mut conn, directory.path()).unwrap();
    let tables: Vec<_> = summary.tables.iter().map(|table| &table.table).collect();
    assert_eq!(tables, ["y"]);
    assert_eq!(summary.left_out, ["app.x", "aside.parts"]);
    let dump = Dump::new().table("y");
    let summary = dump.to_directory(&mut conn, directory.path()).unwrap();
    assert!(summary.left_out.is_empty());
}

//! Tables as files, which a seed reads back.

mod files;
mod refused;
mod round_trip;
mod snapshot;

use covara_diesel::Seed;
use covara_diesel::dump::{Dump, DumpError, Format};
use covara_diesel::fixture::FixtureSource;
use diesel::connection::SimpleConnection;

use crate::backend::{self, Conn, TestDb};

/// The bytes of a dump of one table.
fn dumped(conn: &mut Conn, table: &str, format: Format) -> Result<Vec<u8>, DumpError> {
    let mut bytes = Vec::new();
    let written = Dump::new()
        .format(format)
        .table_to(conn, table, &mut bytes)?;
    assert_eq!(written.bytes, u64::try_from(bytes.len()).unwrap());
    Ok(bytes)
}

fn text(conn: &mut Conn, table: &str, format: Format) -> String {
    String::from_utf8(dumped(conn, table, format).unwrap()).unwrap()
}

/// Seeds a table from the bytes of a dump, and returns how many rows were new.
fn seeded(conn: &mut Conn, table: &str, format: Format, bytes: &[u8]) -> usize {
    let source = FixtureSource::reader(format!("dump.{}", format.extension()), bytes);
    let seed = Seed::new().fixture(table, source);
    match seed.run(conn) {
        Ok(summary) => summary.inserted(),
        Err(error) => panic!("{error:?} in {}", String::from_utf8_lossy(bytes)),
    }
}

#[test]
fn rows_are_sorted_by_the_key_whatever_order_they_were_written_in() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE one (name TEXT NOT NULL, part BIGINT NOT NULL, note TEXT, PRIMARY KEY (name, part));
         CREATE TABLE other (name TEXT NOT NULL, part BIGINT NOT NULL, note TEXT, PRIMARY KEY (name, part));
         INSERT INTO one VALUES ('b', 10, 'x'), ('a', 2, NULL), ('B', 1, 'y'), ('é', 3, 'z'), ('b', 9, 'a');
         INSERT INTO other VALUES ('b', 9, 'a'), ('é', 3, 'z'), ('B', 1, 'y'), ('a', 2, NULL), ('b', 10, 'x')",
    )
    .unwrap();
    let csv = "name,part,note\nB,1,y\na,2,\nb,9,a\nb,10,x\né,3,z\n";
    assert_eq!(text(&mut conn, "one", Format::Csv), csv);
    assert_eq!(text(&mut conn, "other", Format::Csv), csv);
    let ndjson = text(&mut conn, "one", Format::Ndjson);
    assert_eq!(ndjson, text(&mut conn, "other", Format::Ndjson));
    assert!(
        ndjson.starts_with(
            "{\"name\":\"B\",\"part\":1,\"note\":\"y\"}\n{\"name\":\"a\",\"part\":2,\"note\":null}\n"
        ),
        "{ndjson}"
    );
}

#[test]
fn rows_without_a_key_are_sorted_by_all_columns_and_none_is_lost() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("CREATE TABLE bag (name TEXT, part BIGINT)")
        .unwrap();
    // More than a page over HTTP, with rows that are the same.
    let rows: Vec<(Option<String>, Option<i64>)> = (0..700_i64)
        .map(|n| {
            let name = (n % 7 > 0).then(|| format!("n{}", n % 11));
            (name, (n % 5 > 0).then_some(n % 13))
        })
        .collect();
    insert(&mut conn, "bag", rows.iter().map(|row| sql_of(row)));
    let forwards = text(&mut conn, "bag", Format::Ndjson);
    conn.batch_execute("DELETE FROM bag").unwrap();
    insert(&mut conn, "bag", rows.iter().rev().map(|row| sql_of(row)));
    assert_eq!(text(&mut conn, "bag", Format::Ndjson), forwards);

    let lines = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let expected: Vec<String> = rows
        .iter()
        .map(|(name, part)| serde_json::json!({ "name": name, "part": part }))
        .map(|row| format!("{{\"name\":{},\"part\":{}}}", row["name"], row["part"]))
        .collect();
    assert_eq!(lines(&forwards), lines(&expected.join("\n")));
}

fn sql_of((name, part): &(Option<String>, Option<i64>)) -> String {
    let name = name
        .as_ref()
        .map_or("NULL".to_owned(), |name| format!("'{name}'"));
    let part = part.map_or("NULL".to_owned(), |part| part.to_string());
    format!("({name}, {part})")
}

fn insert(conn: &mut Conn, table: &str, rows: impl Iterator<Item = String>) {
    let rows: Vec<String> = rows.collect();
    for rows in rows.chunks(200) {
        conn.batch_execute(&format!("INSERT INTO {table} VALUES {}", rows.join(", ")))
            .unwrap();
    }
}

#[test]
fn keys_of_every_kind_lead_from_page_to_page() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let blob = backend::BLOB;
    for (key, value) in [
        ("BIGINT", "{n} * 4611686018427387"),
        ("TEXT", "'it''s ' || {n}"),
        ("DOUBLE PRECISION", "{n} / 7.0"),
        (blob, ""),
    ] {
        conn.batch_execute(&format!(
            "CREATE TABLE keyed (k {key} PRIMARY KEY NOT NULL, n BIGINT)"
        ))
        .unwrap();
        let rows = (0..1500).map(|n| match value {
            "" => format!("({}, {n})", bytes(format!("{n:04}").as_bytes())),
            value => format!("({}, {n})", value.replace("{n}", &n.to_string())),
        });
        insert(&mut conn, "keyed", rows);
        let csv = text(&mut conn, "keyed", Format::Csv);
        assert_eq!(csv.lines().count(), 1501, "{key}");
        let mut numbers: Vec<i64> = csv
            .lines()
            .skip(1)
            .map(|line| line.rsplit(',').next().unwrap().parse().unwrap())
            .collect();
        numbers.sort_unstable();
        assert!(numbers.iter().copied().eq(0..1500), "{key}");
        conn.batch_execute("DROP TABLE keyed").unwrap();
    }
}

/// SQL of bytes.
fn bytes(bytes: &[u8]) -> String {
    let hex = data_encoding::HEXLOWER.encode(bytes);
    match backend::DIALECT {
        covara_diesel::Dialect::Sqlite => format!("X'{hex}'"),
        covara_diesel::Dialect::Postgres => format!("'\\x{hex}'::bytea"),
    }
}

/// SQL of a text.
fn text_sql(text: &str) -> String {
    let bytes = bytes(text.as_bytes());
    match backend::DIALECT {
        covara_diesel::Dialect::Sqlite => format!("CAST({bytes} AS TEXT)"),
        covara_diesel::Dialect::Postgres => format!("convert_from({bytes}, 'UTF8')"),
    }
}

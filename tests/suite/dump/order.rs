//! The order of rows, and how pages follow one another.

use covara_diesel::Dialect;
use covara_diesel::dump::{Dump, Format};
use diesel::connection::SimpleConnection;

use super::helpers::{bytes, insert, long_sql, text};
use crate::backend::{self, TestDb};
use crate::suite::helpers::url_to_open;

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
    insert(&mut conn, "bag", rows.iter().map(sql_of));
    let forwards = text(&mut conn, "bag", Format::Ndjson);
    conn.batch_execute("DELETE FROM bag").unwrap();
    insert(&mut conn, "bag", rows.iter().rev().map(sql_of));
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

/// A column of SQLite's holds values of every type.
#[test]
fn keys_of_several_types_lead_from_page_to_page() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let blob = backend::BLOB;
    let key = match backend::DIALECT {
        Dialect::Sqlite => "k PRIMARY KEY NOT NULL",
        Dialect::Postgres => "k TEXT PRIMARY KEY",
    };
    conn.batch_execute(&format!(
        "CREATE TABLE mixed ({key}, n BIGINT, body TEXT);
         CREATE TABLE composed (t TEXT NOT NULL, b {blob} NOT NULL, r DOUBLE PRECISION NOT NULL,
             n BIGINT NOT NULL, body TEXT, PRIMARY KEY (t, b, r, n))"
    ))
    .unwrap();
    // Some pages of 1 MiB.
    let body = long_sql(4_000);
    let mixed = |n: i64| match (backend::DIALECT, n % 3) {
        (Dialect::Postgres, _) | (_, 0) => format!("'{}{n}'", if n % 8 == 0 { "" } else { "é" }),
        (_, 1) => n.to_string(),
        _ => format!("{n}.5"),
    };
    let rows = (0..1_000).map(|n| format!("({}, {n}, {body})", mixed(n)));
    insert(&mut conn, "mixed", rows);
    let composed = (0..1_000_i64).map(|n| {
        let (b, r) = (bytes(&[u8::try_from(n % 3).unwrap()]), n % 7);
        format!("('t{}', {b}, {r}.5, {n}, {body})", n % 2)
    });
    insert(&mut conn, "composed", composed);
    for table in ["mixed", "composed"] {
        let ndjson = text(&mut conn, table, Format::Ndjson);
        let mut numbers: Vec<i64> = ndjson
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|row| row["n"].as_i64().unwrap())
            .collect();
        numbers.sort_unstable();
        assert!(numbers.iter().copied().eq(0..1_000), "{table}");
    }
}

/// One long row after many short ones, and a page that ends exactly with the table.
#[test]
fn pages_of_rows_of_any_length_follow_one_another() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("CREATE TABLE long (id BIGINT PRIMARY KEY NOT NULL, body TEXT);")
        .unwrap();
    let lengths = [10, 1_500_000, 10, 0, 700_000, 700_000, 10];
    for (id, length) in lengths.iter().enumerate() {
        let row = format!("INSERT INTO long VALUES ({id}, {})", long_sql(*length));
        conn.batch_execute(&row).unwrap();
    }
    let csv = text(&mut conn, "long", Format::Csv);
    let found: Vec<usize> = csv
        .lines()
        .skip(1)
        .map(|line| line.split_once(',').unwrap().1.trim_matches('"').len())
        .collect();
    assert_eq!(found, lengths);
    conn.batch_execute("DELETE FROM long").unwrap();
    insert(
        &mut conn,
        "long",
        (0..4_096).map(|id| format!("({id}, '')")),
    );
    assert_eq!(text(&mut conn, "long", Format::Csv).lines().count(), 4_097);
}

#[test]
fn every_kind_of_connection_dumps_the_same() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("CREATE TABLE notes (id BIGINT PRIMARY KEY NOT NULL, note TEXT)")
        .unwrap();
    insert(
        &mut conn,
        "notes",
        (0..3).map(|id| format!("({id}, 'n{id}')")),
    );
    let plain = text(&mut conn, "notes", Format::Csv);
    drop(conn);
    let mut pooled = Vec::new();
    let pool = backend::pool(&db.url());
    let dump = Dump::new();
    dump.table_to(&mut pool.get().unwrap(), "notes", &mut pooled)
        .unwrap();
    assert_eq!(String::from_utf8(pooled).unwrap(), plain);
    drop(pool);
    let mut any = Vec::new();
    let pool = covara_diesel::open(url_to_open(db.url())).unwrap();
    dump.table_to(&mut pool.get().unwrap(), "notes", &mut any)
        .unwrap();
    assert_eq!(String::from_utf8(any).unwrap(), plain);
}

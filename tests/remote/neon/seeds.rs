//! Seeds in batches: what is sent, and what is not touched.

use std::sync::{Arc, Mutex};

use covara_diesel::seed::SeedSummary;
use covara_diesel::{Seed, SeedError, Seedable};
use diesel::connection::{Connection, InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;
use support::neon::TestDb;

use super::both;

diesel::table! {
    staff (id) { id -> BigInt, name -> Text, boss -> Nullable<BigInt>, }
}

#[derive(Debug, Clone, PartialEq, Queryable, Seedable)]
#[diesel(table_name = staff)]
struct Person {
    id: i64,
    name: String,
    boss: Option<i64>,
}

const CREATE: &str = "CREATE TABLE staff
    (id BIGINT PRIMARY KEY, name TEXT NOT NULL, boss BIGINT REFERENCES staff (id))";

fn person(id: i64, name: &str, boss: Option<i64>) -> Person {
    let name = name.to_owned();
    Person { id, name, boss }
}

fn replace(
    conn: &mut covara_diesel::remote::NeonHttpConnection,
    rows: &[Person],
) -> Result<SeedSummary, SeedError> {
    Seed::new().table(rows).replace().run(conn)
}

/// Rows that refer to later ones are sent in the text of one statement.
#[test]
fn observers_see_no_values_and_values_stay_what_they_are() {
    let db = TestDb::new();
    let (mut conn, mut pg) = both(&db);
    conn.batch_execute(CREATE).unwrap();
    let seen = Arc::new(Mutex::new(String::new()));
    let shared = Arc::clone(&seen);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        shared.lock().unwrap().push_str(&format!("{event:?}\n"));
    });
    let mut rows: Vec<Person> = (1..=3_000)
        .map(|id| person(id, "s3cret", (id < 3_000).then_some(id + 1)))
        .collect();
    rows[7].name = r#"s3cret \' "$1" \\ E'x' "#.to_owned();
    let summary = Seed::new().table(&rows).run(&mut conn).unwrap();
    assert_eq!((summary.inserted(), summary.transactions), (3_000, 1));
    let seen = seen.lock().unwrap();
    assert!(seen.contains("INSERT INTO"), "{seen}");
    assert!(!seen.contains("s3cret"));
    let found: Vec<Person> = staff::table.order(staff::id).load(&mut pg).unwrap();
    assert_eq!(found, rows);
}

/// As without references to later rows; no SQL could have such a value in its text.
#[test]
fn a_nul_character_is_an_error() {
    let db = TestDb::new();
    let (mut conn, mut pg) = both(&db);
    conn.batch_execute(CREATE).unwrap();
    let mut rows: Vec<Person> = (1..=3_000)
        .map(|id| person(id, "a", (id < 3_000).then_some(id + 1)))
        .collect();
    rows[2_500].name = "a\0b".to_owned();
    assert!(Seed::new().table(&rows).run(&mut conn).is_err());
    assert_eq!(staff::table.count().get_result(&mut pg), Ok(0_i64));
}

#[test]
fn a_replaced_table_loses_its_own_rows_only() {
    let db = TestDb::new();
    let (mut conn, mut pg) = both(&db);
    conn.batch_execute(CREATE).unwrap();
    conn.batch_execute(
        "CREATE TABLE guests () INHERITS (staff); INSERT INTO guests VALUES (-1, 'a', NULL)",
    )
    .unwrap();
    for deleted in [0, 1] {
        let summary = replace(&mut conn, &[person(1, "a", None)]).unwrap();
        assert_eq!(summary.deleted(), deleted);
    }
    let ids: Vec<i64> = staff::table
        .select(staff::id)
        .order(staff::id)
        .load(&mut pg)
        .unwrap();
    assert_eq!(ids, [-1, 1]);
}

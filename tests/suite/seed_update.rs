//! Seeds that update rows, or that fail where rows conflict.

use std::num::NonZeroUsize;

use covara_diesel::{KeyProblem, OnConflict, Seed, SeedError, SeedSummary, Seedable};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use support::numbers::{self, Number, numbers as table};

use super::seed::numbers_db;
use super::{chain, count};
use crate::backend::{Conn, TestDb};

fn row(id: i64, label: &str, half: Option<i64>) -> Number {
    Number {
        id,
        label: label.to_owned(),
        half,
    }
}

fn update(conn: &mut Conn, rows: &[Number]) -> Result<SeedSummary, SeedError> {
    let seed = Seed::new().table(rows).on_conflict(OnConflict::Update);
    seed.run(conn)
}

fn fail(conn: &mut Conn, rows: &[Number]) -> Result<SeedSummary, SeedError> {
    let seed = Seed::new().table(rows).on_conflict(OnConflict::Fail);
    seed.run(conn)
}

/// Inserted, updated, unchanged, skipped.
pub(super) fn counts(summary: &SeedSummary) -> [usize; 4] {
    let counts = [
        summary.inserted(),
        summary.updated(),
        summary.unchanged(),
        summary.skipped(),
    ];
    assert_eq!(counts.iter().sum::<usize>(), summary.attempted());
    counts
}

pub(super) fn stored(conn: &mut Conn) -> Vec<Number> {
    table::table.order(table::id).load(conn).unwrap()
}

#[test]
fn rows_with_a_known_key_are_updated_and_counted_exactly() {
    let (_db, mut conn) = numbers_db();
    // Around every statement size, and a mixture of all of them.
    for size in [1, 4, 17, 256, 1025, 5000] {
        conn.batch_execute("DELETE FROM numbers").unwrap();
        let rows: Vec<_> = numbers::up_to(size).collect();
        let all = rows.len();
        assert_eq!(counts(&update(&mut conn, &rows).unwrap()), [all, 0, 0, 0]);
        assert_eq!(counts(&update(&mut conn, &rows).unwrap()), [0, 0, all, 0]);
        // Every second one changes, the value in it comes and goes, and seven are new.
        let mut rows: Vec<_> = numbers::up_to(size + 7).collect();
        for row in rows.iter_mut().filter(|row| row.id % 4 < 2) {
            row.half = row.half.is_none().then_some(-row.id);
        }
        let changed = rows[..all].iter().filter(|row| row.id % 4 < 2).count();
        let summary = update(&mut conn, &rows).unwrap();
        assert_eq!(counts(&summary), [7, changed, all - changed, 0], "{size}");
        assert!(stored(&mut conn) == rows, "{size}");
    }
}

#[test]
fn of_rows_with_the_same_key_the_last_wins_and_each_counts() {
    let (_db, mut conn) = numbers_db();
    let rows = [
        row(1, "one", None),
        row(2, "two", Some(2)),
        row(1, "eins", None),
        row(1, "eins", None),
        row(1, "one", None),
    ];
    let summary = update(&mut conn, &rows).unwrap();
    assert_eq!(counts(&summary), [2, 2, 1, 0]);
    assert_eq!(
        stored(&mut conn),
        [row(1, "one", None), row(2, "two", Some(2))]
    );
    // Now all of them change, although in the end nothing has.
    let rows = [row(1, "uno", None), row(1, "one", None)];
    assert_eq!(counts(&update(&mut conn, &rows).unwrap()), [0, 2, 0, 0]);
}

#[test]
fn a_value_that_was_in_the_way_may_be_updated_first() {
    let (_db, mut conn) = numbers_db();
    update(&mut conn, &[row(1, "a", None), row(2, "b", None)]).unwrap();
    let mut rows: Vec<_> = (10..200).map(|id| row(id, &id.to_string(), None)).collect();
    rows.insert(100, row(1, "c", None));
    rows.insert(150, row(3, "a", None));
    let summary = update(&mut conn, &rows).unwrap();
    assert_eq!(counts(&summary), [191, 1, 0, 0]);
    assert_eq!(count(&mut conn, "numbers WHERE id = 3 AND label = 'a'"), 1);
}

#[test]
fn another_unique_constraint_is_an_error_that_names_the_row() {
    let (_db, mut conn) = numbers_db();
    let before = [row(1, "a", None), row(2, "b", None)];
    update(&mut conn, &before).unwrap();
    for bad in [row(2, "a", None), row(3, "b", None)] {
        let mut rows: Vec<_> = (10..500).map(|id| row(id, &id.to_string(), None)).collect();
        rows.insert(300, bad);
        let error = update(&mut conn, &rows).unwrap_err();
        match &error {
            SeedError::Conflict {
                table,
                row,
                constraint,
                ..
            } => {
                assert_eq!((table.as_str(), *row), ("numbers", 301));
                assert!(constraint.contains("label"), "{constraint}");
            }
            other => panic!("{}", chain(other)),
        }
        assert!(
            error
                .to_string()
                .starts_with("row 301 of numbers conflicts with numbers")
        );
        assert_eq!(stored(&mut conn), before);
    }
}

#[test]
fn under_fail_the_first_conflict_is_an_error_that_names_the_row() {
    let (_db, mut conn) = numbers_db();
    let good: Vec<_> = numbers::up_to(700).collect();
    let summary = fail(&mut conn, &good).unwrap();
    assert_eq!(counts(&summary), [700, 0, 0, 0]);
    let fresh = |from: i64| (from..from + 300).map(|id| row(id, &format!("new {id}"), None));
    for (bad, constraint) in [
        (row(7, "another", None), "numbers"),
        (row(9999, "number 7", None), "label"),
        (row(1010, "twice in the seed", None), ""),
    ] {
        let mut rows: Vec<_> = fresh(1000).collect();
        rows.insert(200, bad.clone());
        rows.push(bad);
        match fail(&mut conn, &rows).unwrap_err() {
            SeedError::Conflict {
                row,
                constraint: found,
                ..
            } => {
                assert_eq!(row, 201);
                assert!(found.contains(constraint), "{found}");
            }
            other => panic!("{}", chain(&other)),
        }
        assert_eq!(count(&mut conn, "numbers"), 700);
    }
    // Other violations are what they are without it.
    conn.batch_execute(
        "CREATE TABLE checked (id BIGINT PRIMARY KEY NOT NULL, n BIGINT CHECK (n < 5))",
    )
    .unwrap();
    let rows = [Checked { id: 1, n: 1 }, Checked { id: 2, n: 5 }];
    for on_conflict in [OnConflict::Fail, OnConflict::Update] {
        let seed = Seed::new().table(&rows).on_conflict(on_conflict);
        match seed.run(&mut conn).unwrap_err() {
            SeedError::Row { row: 2, .. } => {}
            other => panic!("{}", chain(&other)),
        }
        assert_eq!(count(&mut conn, "checked"), 0);
    }
}

diesel::table! {
    checked (id) {
        id -> BigInt,
        n -> BigInt,
    }
}

#[derive(Seedable)]
#[diesel(table_name = checked)]
struct Checked {
    id: i64,
    n: i64,
}

diesel::table! {
    users (id) {
        id -> BigInt,
        tenant -> Nullable<BigInt>,
        email -> Nullable<Text>,
        name -> Text,
    }
}

#[derive(Clone, Debug, Seedable)]
#[diesel(table_name = users)]
#[seedable(conflict(email, tenant))]
struct User {
    tenant: Option<i64>,
    email: Option<String>,
    name: String,
}

fn users_db() -> (TestDb, Conn) {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(&format!(
        "CREATE TABLE users (id {}, tenant BIGINT, email TEXT, name TEXT NOT NULL,
             note TEXT DEFAULT 'none', UNIQUE (tenant, email))",
        crate::backend::AUTO_ID
    ))
    .unwrap();
    (db, conn)
}

fn user(tenant: Option<i64>, email: Option<&str>, name: &str) -> User {
    User {
        tenant,
        email: email.map(str::to_owned),
        name: name.to_owned(),
    }
}

#[test]
fn rows_are_updated_by_the_columns_of_the_attribute_and_nulls_are_all_different() {
    let (_db, mut conn) = users_db();
    let seed = |conn: &mut Conn, rows: &[User]| {
        let seed = Seed::new().table(rows).on_conflict(OnConflict::Update);
        counts(&seed.run(conn).unwrap())
    };
    let rows = [
        user(Some(1), Some("a"), "A"),
        user(Some(2), Some("a"), "B"),
        user(None, Some("a"), "C"),
        user(None, Some("a"), "C"),
        user(Some(1), None, "D"),
    ];
    assert_eq!(seed(&mut conn, &rows), [5, 0, 0, 0]);
    conn.batch_execute("UPDATE users SET note = 'kept'")
        .unwrap();
    let rows = [
        user(Some(1), Some("a"), "A"),
        user(Some(2), Some("a"), "b"),
        user(None, Some("a"), "C"),
    ];
    assert_eq!(seed(&mut conn, &rows), [1, 1, 1, 0]);
    assert_eq!(count(&mut conn, "users WHERE note = 'kept'"), 5);
    assert_eq!(count(&mut conn, "users WHERE name = 'b' AND tenant = 2"), 1);
}

#[test]
fn a_key_that_cannot_be_used_is_an_error() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE users (id BIGINT PRIMARY KEY NOT NULL, tenant BIGINT, email TEXT, name TEXT);
         CREATE UNIQUE INDEX users_a ON users (tenant, email) WHERE name = 'x';
         CREATE UNIQUE INDEX users_b ON users (tenant, email, name);
         CREATE UNIQUE INDEX users_c ON users (tenant, lower(email));
         CREATE TABLE numbers (id BIGINT, label TEXT UNIQUE, half BIGINT)",
    )
    .unwrap();
    let rows = [user(Some(1), Some("a"), "A")];
    let seed = Seed::new().table(&rows).on_conflict(OnConflict::Update);
    match seed.run(&mut conn).unwrap_err() {
        SeedError::Key {
            table,
            columns,
            problem: KeyProblem::Missing,
            ..
        } => {
            assert_eq!((table.as_str(), columns.len()), ("users", 2));
        }
        other => panic!("{}", chain(&other)),
    }
    let error = update(&mut conn, &[row(1, "a", None)]).unwrap_err();
    assert!(
        error.to_string().starts_with(
            "the rows of numbers cannot be updated by a primary key: the table has no"
        ),
        "{error}"
    );
    let file: &[u8] = b"name\nA\n";
    let source = covara_diesel::fixture::FixtureSource::reader("users.csv", file);
    conn.batch_execute("DROP TABLE users; CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
        .unwrap();
    let seed = Seed::new().fixture("users", source);
    // PostgreSQL has no default for the key, which is found first.
    match seed.on_conflict(OnConflict::Update).run(&mut conn) {
        Err(SeedError::Key {
            problem: KeyProblem::NotSeeded,
            ..
        }) => assert_eq!(crate::backend::DIALECT, covara_diesel::Dialect::Sqlite),
        Err(SeedError::Fixture(_)) => {
            assert_eq!(crate::backend::DIALECT, covara_diesel::Dialect::Postgres);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_leaves_the_columns_that_it_lacks_as_they_are() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE towns (id BIGINT PRIMARY KEY NOT NULL, name TEXT, size BIGINT DEFAULT 7);
         INSERT INTO towns VALUES (1, 'Rome', 1), (2, 'Oslo', 2)",
    )
    .unwrap();
    let update = |conn: &mut Conn, name: &str, file: &[u8]| {
        let source = covara_diesel::fixture::FixtureSource::reader(name, file);
        let seed = Seed::new().fixture("towns", source);
        seed.on_conflict(OnConflict::Update).run(conn)
    };
    let summary = update(&mut conn, "a.csv", b"name,id\nRome,1\nBergen,2\nLima,3\n").unwrap();
    assert_eq!(counts(&summary), [1, 1, 1, 0]);
    let whole =
        "towns WHERE (id, name, size) IN ((1, 'Rome', 1), (2, 'Bergen', 2), (3, 'Lima', 7))";
    assert_eq!(count(&mut conn, whole), 3);
    // Only the key: nothing to update.
    let summary = update(&mut conn, "b.csv", b"id\n1\n4\n4\n").unwrap();
    assert_eq!(counts(&summary), [1, 0, 2, 0]);
    let summary = update(&mut conn, "c.ndjson", b"{\"id\": 2, \"name\": null}\n").unwrap();
    assert_eq!(counts(&summary), [0, 1, 0, 0]);
    assert_eq!(count(&mut conn, "towns WHERE name IS NULL AND size = 2"), 1);
}

diesel::table! {
    staff (id) {
        id -> BigInt,
        boss -> Nullable<BigInt>,
    }
}

#[derive(Clone, Seedable)]
#[diesel(table_name = staff)]
struct Person {
    id: i64,
    boss: Option<i64>,
}

#[test]
fn updated_rows_may_refer_to_rows_that_come_later() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE staff (id BIGINT PRIMARY KEY NOT NULL, boss BIGINT REFERENCES staff (id))",
    )
    .unwrap();
    let person = |id, boss| Person { id, boss };
    let update = |conn: &mut Conn, rows: &[Person]| {
        let chunk = NonZeroUsize::new(50).unwrap();
        let seed = Seed::new().table(rows).chunk_rows(chunk);
        seed.on_conflict(OnConflict::Update).run(conn)
    };
    let rows: Vec<_> = (0..300).map(|id| person(id, None)).collect();
    update(&mut conn, &rows).unwrap();
    // Half of them change, and refer to those that are new.
    let rows: Vec<_> = (0..600)
        .map(|id| person(id, (id % 2 == 0).then_some(599 - id)))
        .collect();
    let summary = update(&mut conn, &rows).unwrap();
    assert_eq!(counts(&summary), [300, 150, 150, 0]);
    let right = "staff WHERE boss = 599 - id AND id % 2 = 0 OR boss IS NULL AND id % 2 = 1";
    assert_eq!(count(&mut conn, right), 600);

    let mut rows = rows;
    rows[400].boss = Some(5000);
    rows[2].boss = Some(600);
    rows.push(person(600, None));
    let error = update(&mut conn, &rows).unwrap_err();
    match error {
        SeedError::Row { row: 401, .. } => {}
        other => panic!("{}", chain(&other)),
    }
    assert_eq!(count(&mut conn, right), 600);
    let rows = &rows[..400];
    match update(&mut conn, rows).unwrap_err() {
        SeedError::Row { row: 3, .. } => {}
        other => panic!("{}", chain(&other)),
    }
}

/// On PostgreSQL `postgres::seed_conflicts` has triggers.
#[test]
fn a_row_that_a_trigger_changes_counts_once() {
    if crate::backend::DIALECT != covara_diesel::Dialect::Sqlite {
        return;
    }
    let (_db, mut conn) = numbers_db();
    conn.batch_execute(
        "CREATE TRIGGER t AFTER INSERT ON numbers BEGIN
             UPDATE numbers SET half = half + 100 WHERE id = NEW.id; END",
    )
    .unwrap();
    let rows = [row(1, "a", Some(1)), row(2, "b", Some(2))];
    assert_eq!(counts(&update(&mut conn, &rows).unwrap()), [2, 0, 0, 0]);
    assert_eq!(counts(&update(&mut conn, &rows).unwrap()), [0, 2, 0, 0]);
    assert_eq!(counts(&update(&mut conn, &rows).unwrap()), [0, 0, 2, 0]);
}

/// A stage is applied when it is full, here with 1,280 rows, and keys return in later ones.
#[test]
fn updates_in_many_parts_are_those_of_one() {
    let (_db, mut conn) = numbers_db();
    let rows: Vec<_> = numbers::up_to(1_000).collect();
    update(&mut conn, &rows).unwrap();
    let given = (0..4_000_i64).map(|n| {
        let id = n % 1_500 + 1;
        row(id, &format!("number {id}"), Some(n / 1_500))
    });
    let given: Vec<_> = given.collect();
    let mut expected = rows;
    let mut counted = [0, 0, 0, 0];
    for row in &given {
        match expected.iter_mut().find(|it| it.id == row.id) {
            None => {
                counted[0] += 1;
                expected.push(row.clone());
            }
            Some(known) if known == row => counted[2] += 1,
            Some(known) => {
                counted[1] += 1;
                *known = row.clone();
            }
        }
    }
    let seed = Seed::new().table(&given).on_conflict(OnConflict::Update);
    let seed = seed.chunk_rows(NonZeroUsize::new(10).unwrap());
    assert_eq!(counts(&seed.run(&mut conn).unwrap()), counted);
    assert!(stored(&mut conn) == expected);
}

/// The database does not tell a row that a trigger has left out from one that changes nothing.
#[test]
fn rows_that_a_trigger_leaves_out_are_counted_as_documented() {
    let (_db, mut conn) = numbers_db();
    update(&mut conn, &[row(1, "a", None), row(2, "b", None)]).unwrap();
    conn.batch_execute(match crate::backend::DIALECT {
        covara_diesel::Dialect::Sqlite => {
            "CREATE TRIGGER t BEFORE INSERT ON numbers WHEN NEW.half = 7 BEGIN
                 SELECT RAISE(IGNORE); END;
             CREATE TRIGGER u BEFORE UPDATE ON numbers WHEN NEW.half = 8 BEGIN
                 SELECT RAISE(IGNORE); END"
        }
        covara_diesel::Dialect::Postgres => {
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
                 IF NEW.half = 7 AND TG_OP = 'INSERT' OR NEW.half = 8 AND TG_OP = 'UPDATE' THEN
                     RETURN NULL; END IF; RETURN NEW; END$$;
             CREATE TRIGGER t BEFORE INSERT OR UPDATE ON numbers FOR EACH ROW EXECUTE FUNCTION f()"
        }
    })
    .unwrap();
    let rows = [
        row(1, "a", Some(8)),
        row(2, "B", None),
        row(3, "c", Some(7)),
        row(4, "d", Some(8)),
    ];
    assert_eq!(counts(&update(&mut conn, &rows).unwrap()), [1, 1, 2, 0]);
    assert_eq!(count(&mut conn, "numbers WHERE half = 8 AND id = 4"), 1);
    assert_eq!(count(&mut conn, "numbers"), 3);
    let rows = [row(5, "e", Some(7)), row(6, "f", None)];
    assert_eq!(counts(&fail(&mut conn, &rows).unwrap()), [1, 0, 0, 1]);
}

//! What only PostgreSQL has, in the log of changes.

use covara_diesel::changes::{Capture, Change, ChangeError, ChangeLog, Operation};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use support::postgres::TestDb;

use super::search_roles::{leave, role};
use crate::suite::number;

diesel::table! {
    places (id) {
        id -> BigInt,
        name -> Text,
    }
}

pub(super) const PLAIN: &str = "CREATE TABLE places (id BIGINT PRIMARY KEY, name TEXT)";

pub(super) fn log() -> ChangeLog {
    ChangeLog::new().table::<places::table>(Capture::Rows)
}

pub(super) fn run(conn: &mut PgConnection, sql: &str) {
    conn.batch_execute(sql).expect(sql);
}

pub(super) fn logged(create: &str) -> (TestDb, PgConnection) {
    let db = TestDb::new();
    let mut conn = db.connect_directly();
    run(&mut conn, create);
    log().install(&mut conn).expect("a log");
    (db, conn)
}

fn read(conn: &mut PgConnection) -> Vec<Change> {
    let batch = log().feed("reader").next(conn, 1_000).expect("changes");
    batch.done(conn).expect("a position");
    batch.into_iter().collect()
}

pub(super) fn in_short(conn: &mut PgConnection) -> Vec<(Operation, Value)> {
    read(conn)
        .into_iter()
        .map(|change| (change.operation, change.key["id"].clone()))
        .collect()
}

use Operation::{All, Delete, Insert, Update};

#[test]
fn a_truncation_is_a_change_of_all_rows() {
    let (_db, mut conn) = logged(PLAIN);
    let conn = &mut conn;
    run(conn, "INSERT INTO places VALUES (1, 'a')");
    run(conn, "TRUNCATE places");
    assert_eq!(in_short(conn), [(Insert, json!(1)), (All, Value::Null)]);
}

#[test]
fn copied_rows_are_logged_and_statements_without_rows_are_not() {
    let (_db, mut conn) = logged(PLAIN);
    let conn = &mut conn;
    diesel::copy_from(places::table)
        .from_insertable([
            (places::id.eq(1), places::name.eq("a")),
            (places::id.eq(2), places::name.eq("b")),
        ])
        .execute(conn)
        .unwrap();
    run(
        conn,
        "UPDATE places SET name = 'c' WHERE id = 9; DELETE FROM places WHERE id = 9",
    );
    assert_eq!(in_short(conn), [(Insert, json!(1)), (Insert, json!(2))]);
}

#[test]
fn keys_that_change_places_are_paired() {
    let (_db, mut conn) = logged(PLAIN);
    let conn = &mut conn;
    run(
        conn,
        "INSERT INTO places VALUES (1, 'a'), (2, 'b'), (3, 'c')",
    );
    read(conn);
    run(
        conn,
        "ALTER TABLE places DROP CONSTRAINT places_pkey;
         ALTER TABLE places ADD PRIMARY KEY (id) DEFERRABLE INITIALLY DEFERRED;
         UPDATE places SET id = id + 1",
    );
    let changes = read(conn);
    let names = |row: &Option<Value>| row.as_ref().map(|row| row["name"].clone());
    let mut short: Vec<_> = changes
        .iter()
        .map(|it| {
            (
                it.key["id"].as_i64().unwrap(),
                it.operation,
                names(&it.old),
                names(&it.new),
            )
        })
        .collect();
    assert_eq!(short[0].1, Delete, "deletions come first");
    short.sort_by_key(|it| it.0);
    let name = |name: &str| Some(json!(name));
    assert_eq!(
        short,
        [
            (1, Delete, name("a"), None),
            (2, Update, name("b"), name("a")),
            (3, Update, name("c"), name("b")),
            (4, Insert, None, name("c")),
        ]
    );
}

#[test]
fn partitions_are_logged_whatever_they_are_written_through() {
    let (_db, mut conn) = logged(
        "CREATE TABLE places (id BIGINT PRIMARY KEY, name TEXT) PARTITION BY RANGE (id);
         CREATE TABLE low PARTITION OF places FOR VALUES FROM (0) TO (100);
         CREATE TABLE high (name TEXT, dropped INTEGER, id BIGINT NOT NULL);
         ALTER TABLE high DROP COLUMN dropped;
         ALTER TABLE places ATTACH PARTITION high FOR VALUES FROM (100) TO (200)",
    );
    let conn = &mut conn;
    run(conn, "INSERT INTO places VALUES (1, 'a'), (101, 'b')");
    run(conn, "INSERT INTO high (id, name) VALUES (102, 'c')");
    run(conn, "UPDATE places SET id = id + 150 WHERE id = 1");
    run(
        conn,
        "UPDATE low SET name = 'x'; UPDATE high SET name = name || '!' WHERE id = 102",
    );
    run(conn, "DELETE FROM places WHERE id = 102; TRUNCATE high");
    let expected = [
        (Insert, json!(1)),
        (Insert, json!(101)),
        (Insert, json!(102)),
        (Update, json!(102)),
        (Delete, json!(102)),
    ];
    let found = in_short(conn);
    let without_move: Vec<_> = found
        .iter()
        .filter(|it| *it != &(Delete, json!(1)) && it.0 != All)
        .cloned()
        .collect();
    assert!(
        found.contains(&(Delete, json!(1))) && found.contains(&(All, Value::Null)),
        "{found:?}"
    );
    assert!(
        expected.iter().all(|it| without_move.contains(it)),
        "{found:?}"
    );

    run(
        conn,
        "ALTER TABLE places DETACH PARTITION low;
         CREATE TABLE top PARTITION OF places FOR VALUES FROM (200) TO (300)",
    );
    assert_eq!(log().install(conn).unwrap().mended, ["places"]);
    run(
        conn,
        "INSERT INTO low VALUES (5, 'no'); INSERT INTO top VALUES (205, 'yes')",
    );
    assert_eq!(in_short(conn), [(All, Value::Null), (Insert, json!(205))]);
}

#[test]
fn a_table_with_row_triggers_of_its_own_is_logged_in_order() {
    let (_db, mut conn) = logged(
        "CREATE TABLE places (id BIGINT PRIMARY KEY, name TEXT);
         CREATE FUNCTION echo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             UPDATE places SET name = name || '!' WHERE id = NEW.id;
             RETURN NULL;
         END $$;
         CREATE TRIGGER an_echo AFTER INSERT ON places FOR EACH ROW EXECUTE FUNCTION echo()",
    );
    let conn = &mut conn;
    run(conn, "INSERT INTO places VALUES (1, 'a'), (2, 'b')");
    run(
        conn,
        "UPDATE places SET id = 3 WHERE id = 1; DELETE FROM places",
    );
    let changes = read(conn);
    let of_first: Vec<_> = changes
        .iter()
        .filter(|change| change.key == json!({"id": 1}))
        .map(|change| {
            (
                change.operation,
                change.new.as_ref().map(|row| row["name"].clone()),
            )
        })
        .collect();
    assert_eq!(
        of_first,
        [
            (Insert, Some(json!("a"))),
            (Update, Some(json!("a!"))),
            (Delete, None)
        ]
    );
    assert_eq!(log().install(conn).unwrap(), Default::default());
    assert_eq!(changes.len(), 8);
}

#[test]
fn types_keep_their_values() {
    #[derive(Deserialize)]
    struct Row {
        price: String,
        prices: Vec<Option<String>>,
        mood: String,
        seen: String,
        half: f32,
        ratio: f64,
        said: Value,
        data: Vec<Vec<u8>>,
        made: i64,
        nan: f64,
    }
    let (_db, mut conn) = logged(
        "CREATE TYPE mood AS ENUM ('sad', 'ok');
         CREATE DOMAIN money_like AS numeric;
         CREATE TABLE places (id BIGINT PRIMARY KEY, price money_like, prices numeric[], mood mood,
             seen timestamptz, half real, ratio double precision, said jsonb, data bytea[],
             made bigint GENERATED ALWAYS AS (id * 2) STORED, nan double precision)",
    );
    let conn = &mut conn;
    run(
        conn,
        "SET extra_float_digits = -15; SET TimeZone = 'Asia/Kolkata'; SET bytea_output = 'escape';
         SET DateStyle = 'SQL, DMY'; SET standard_conforming_strings = off;
         INSERT INTO places VALUES (4611686018427387903,
             12345678901234567890.123456789012345678901234567890, '{1.10,NULL}', 'ok',
             '2026-01-31 10:00:00.123456+00', 0.1, 0.1::float8 + 0.2, '{\"a\": 1}',
             ARRAY[decode('00ff', 'hex')], DEFAULT, 'NaN')",
    );
    run(conn, "RESET ALL");
    let [change] = &read(conn)[..] else {
        panic!("one change");
    };
    let row: Row = change
        .new_as()
        .unwrap_or_else(|error| panic!("{error:?}: {change:?}"));
    assert_eq!(
        row.price,
        "12345678901234567890.123456789012345678901234567890"
    );
    assert_eq!(row.prices, [Some("1.10".to_owned()), None]);
    assert_eq!(
        (row.mood.as_str(), row.half, row.made),
        ("ok", 0.1, i64::MAX - 1)
    );
    assert_eq!(row.ratio.to_bits(), (0.1_f64 + 0.2).to_bits());
    assert_eq!((row.said, row.data), (json!({"a": 1}), vec![vec![0, 255]]));
    assert!(row.nan.is_nan());
    let seen = chrono::DateTime::parse_from_rfc3339(&row.seen).unwrap();
    assert_eq!(seen.timestamp_micros(), 1_769_853_600_123_456);
}

#[test]
fn a_role_that_writes_needs_no_rights_on_the_log_and_gains_none() {
    let (db, mut conn) = logged(PLAIN);
    let conn = &mut conn;
    let role = role(conn, "writer");
    run(conn, &format!("GRANT ALL ON places TO {role}"));
    let mut other = db.connect_directly();
    let other = &mut other;
    run(other, &format!("SET ROLE {role}"));
    run(
        other,
        "INSERT INTO places VALUES (1, 'a'); UPDATE places SET name = 'b'",
    );
    let refused = |conn: &mut PgConnection, sql: &str| {
        let error = conn.batch_execute(sql).expect_err(sql).to_string();
        assert!(error.contains("permission denied"), "{sql}: {error}");
    };
    refused(other, "SELECT FROM __covara_changes");
    refused(other, "INSERT INTO __covara_changes (number) VALUES (1)");
    refused(other, "SELECT nextval('__covara_changes_number')");
    refused(other, "SELECT __covara_changes_1()");
    run(
        other,
        "CREATE TEMP TABLE mine (id BIGINT PRIMARY KEY, name TEXT)",
    );
    refused(
        other,
        "CREATE TRIGGER forge AFTER INSERT ON mine REFERENCING NEW TABLE AS new_rows
             FOR EACH STATEMENT EXECUTE FUNCTION public.__covara_changes_1()",
    );
    // Names that hide those that the function uses.
    run(
        other,
        "CREATE TEMP TABLE __covara_changes (LIKE mine);
         CREATE FUNCTION pg_temp.coalesce(text, text) RETURNS text LANGUAGE sql AS 'SELECT NULL';
         SET search_path = pg_temp, public;
         DELETE FROM public.places",
    );
    assert_eq!(
        in_short(conn),
        [(Insert, json!(1)), (Update, json!(1)), (Delete, json!(1))]
    );
    drop(std::mem::replace(other, db.connect_directly()));
    leave(conn, &role);
}

#[test]
fn a_write_does_not_fail_whatever_becomes_of_the_log() {
    let (_db, mut conn) = logged(PLAIN);
    let conn = &mut conn;
    // A column that a trigger names.
    run(
        conn,
        "ALTER TABLE places RENAME name TO title; INSERT INTO places VALUES (1, 'a')",
    );
    assert_eq!(in_short(conn), [(All, Value::Null)]);
    assert_eq!(log().install(conn).unwrap().mended, ["places"]);
    run(conn, "UPDATE places SET title = 'b'");
    let changes = read(conn);
    assert_eq!(changes[1].new, Some(json!({"id": 1, "title": "b"})));

    // A sequence at its end.
    run(
        conn,
        "SELECT setval('__covara_changes_number', 9223372036854775807)",
    );
    run(conn, "UPDATE places SET title = 'c'");
    assert_eq!(log().install(conn).unwrap().mended, ["places"]);

    for broken in [
        "DROP TABLE __covara_changes",
        "DROP SEQUENCE __covara_changes_number CASCADE",
        "DROP TABLE __covara_changes; DROP SEQUENCE __covara_changes_number",
        "DROP TABLE __covara_changes, __covara_changes_state, __covara_changes_feeds",
        "REVOKE ALL ON __covara_changes FROM PUBLIC, CURRENT_USER",
    ] {
        run(conn, broken);
        run(conn, "UPDATE places SET title = title || '.'");
        if broken.starts_with("REVOKE") {
            run(conn, "GRANT ALL ON __covara_changes TO CURRENT_USER");
            continue;
        }
        assert_eq!(log().install(conn).unwrap().mended, ["places"], "{broken}");
        run(conn, "UPDATE places SET title = 'd'");
        let short = in_short(conn);
        assert_eq!(short.last(), Some(&(Update, json!(1))), "{broken}");
        assert!(short.contains(&(All, Value::Null)), "{broken}");
    }
}

#[test]
fn triggers_that_were_changed_are_mended() {
    let (_db, mut conn) = logged(PLAIN);
    let conn = &mut conn;
    for broken in [
        "DROP TRIGGER \"!__covara_changes_1_update\" ON places",
        "ALTER TABLE places DISABLE TRIGGER \"!__covara_changes_1_insert\"",
        "ALTER TABLE places ENABLE TRIGGER ALL",
        "GRANT EXECUTE ON FUNCTION __covara_changes_1() TO PUBLIC",
        "ALTER FUNCTION __covara_changes_1() RESET search_path",
        "ALTER FUNCTION __covara_changes_1() SET datestyle = 'German'",
        "ALTER TABLE places RENAME TO older; CREATE TABLE places (LIKE older INCLUDING ALL)",
    ] {
        run(conn, broken);
        assert_eq!(log().install(conn).unwrap().mended, ["places"], "{broken}");
        assert_eq!(log().install(conn).unwrap(), Default::default(), "{broken}");
        read(conn);
        run(
            conn,
            "INSERT INTO places VALUES (1, 'a'); DELETE FROM places",
        );
        assert_eq!(
            in_short(conn),
            [(Insert, json!(1)), (Delete, json!(1))],
            "{broken}"
        );
    }
    run(
        conn,
        "SET session_replication_role = replica; INSERT INTO places VALUES (2, 'b'); RESET ALL",
    );
    assert_eq!(in_short(conn), [(Insert, json!(2))]);
}

#[test]
fn a_reader_waits_for_earlier_writers_and_for_no_others() {
    let (db, mut conn) = logged(PLAIN);
    let conn = &mut conn;
    let (mut slow, mut idle) = (db.connect_directly(), db.connect_directly());
    run(
        &mut idle,
        "BEGIN; CREATE TABLE others (id BIGINT); INSERT INTO others VALUES (1)",
    );
    run(
        &mut slow,
        "BEGIN; SAVEPOINT a; INSERT INTO places VALUES (9, 'x'); ROLLBACK TO a",
    );
    run(conn, "INSERT INTO places VALUES (1, 'a')");
    // Rolled back, it has no part in the log.
    assert_eq!(in_short(conn), [(Insert, json!(1))]);
    run(&mut slow, "INSERT INTO places VALUES (2, 'b')");
    run(conn, "INSERT INTO places VALUES (3, 'c')");
    assert_eq!(in_short(conn), []);
    run(
        &mut slow,
        "UPDATE places SET name = 'd' WHERE id = 2; COMMIT",
    );
    run(conn, "DELETE FROM places WHERE id = 2");
    let expected = [
        (Insert, json!(2)),
        (Insert, json!(3)),
        (Update, json!(2)),
        (Delete, json!(2)),
    ];
    assert_eq!(in_short(conn), expected);
    run(&mut idle, "ROLLBACK");
}

#[test]
fn a_transaction_that_sees_one_state_reads_no_changes() {
    let (_db, mut conn) = logged(PLAIN);
    let conn = &mut conn;
    run(conn, "INSERT INTO places VALUES (1, 'a')");
    let read = conn.build_transaction().serializable().run(|conn| {
        let read = log().feed("reader").next(conn, 10);
        assert!(
            matches!(read, Err(ChangeError::Isolation { .. })),
            "{read:?}"
        );
        QueryResult::Ok(())
    });
    read.unwrap();
    run(conn, "SET default_transaction_isolation = serializable");
    let done = log()
        .feed("copier")
        .process(conn, 10, |_, _| Ok::<_, ChangeError>(()));
    assert_eq!(done.unwrap(), 1);
}

#[test]
fn tables_in_other_schemas_are_logged_under_their_names() {
    mod theirs {
        diesel::table! {
            other.places (id) {
                id -> BigInt,
            }
        }
    }
    let (_db, mut conn) = logged(
        "CREATE SCHEMA other; CREATE TABLE other.places (id BIGINT PRIMARY KEY);
         CREATE TABLE places (id BIGINT PRIMARY KEY)",
    );
    let conn = &mut conn;
    let both = log().table::<theirs::places::table>(Capture::Keys);
    assert_eq!(both.install(conn).unwrap().added, ["other.places"]);
    run(
        conn,
        "INSERT INTO other.places VALUES (1); INSERT INTO places VALUES (2)",
    );
    let names: Vec<String> = read(conn).into_iter().map(|change| change.table).collect();
    assert_eq!(names, ["other.places", "places"]);
}

#[test]
fn a_strangers_table_is_not_taken_for_the_log() {
    let db = TestDb::new();
    let conn = &mut db.connect_directly();
    run(conn, PLAIN);
    run(conn, "GRANT CREATE ON SCHEMA public TO PUBLIC");
    let role = role(conn, "stranger");
    run(
        conn,
        &format!("SET ROLE {role}; CREATE TABLE __covara_changes (number BIGINT); RESET ROLE"),
    );
    let error = log().install(conn).unwrap_err();
    assert!(
        matches!(&error, ChangeError::StrangersTable { owner, .. } if *owner == role),
        "{error}"
    );
    leave(conn, &role);
    assert_eq!(number(conn, "SELECT count(*) AS n FROM places"), 0);
}

/// A process of another tenant would take the triggers of this one away.
#[test]
fn a_table_of_another_schema_takes_no_triggers_away() {
    let (_db, mut conn) = logged(PLAIN);
    let conn = &mut conn;
    run(
        conn,
        "CREATE SCHEMA tenant; CREATE TABLE tenant.places (LIKE places INCLUDING ALL); \
         SET search_path = tenant, public",
    );
    match log().install(conn) {
        Err(ChangeError::OtherSchema { table, logged }) => {
            assert_eq!(
                (table.as_str(), logged.as_str()),
                ("places", "public.places")
            );
        }
        other => panic!("{other:?}"),
    }
    run(conn, "INSERT INTO public.places VALUES (1, 'a')");
    assert_eq!(in_short(conn), [(Insert, json!(1))]);
    run(conn, "RESET search_path");
    assert_eq!(log().install(conn).unwrap(), Default::default());
}

//! What else an administrator and a program do in a database with a log.

use covara_diesel::changes::{Capture, ChangeError, ChangeLog, Operation};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde_json::{Value, json};
use support::postgres::TestDb;

use super::changes::{PLAIN, in_short, log, logged, run};
use super::search_roles::{leave, role};
use crate::suite::command::covara;

use Operation::{All, Delete, Insert, Update};

#[test]
fn rights_that_the_owner_of_the_log_lost_are_given_back() {
    let db = TestDb::new();
    let conn = &mut db.connect_directly();
    run(conn, PLAIN);
    let owner = role(conn, "owner");
    run(
        conn,
        &format!("ALTER TABLE places OWNER TO {owner}; SET ROLE {owner}"),
    );
    log().install(conn).unwrap();
    run(conn, "RESET ROLE");
    for lost in [
        "INSERT ON __covara_changes",
        "USAGE, UPDATE ON SEQUENCE __covara_changes_number",
    ] {
        run(conn, &format!("REVOKE {lost} FROM {owner}"));
        // The write goes on.
        run(
            conn,
            "INSERT INTO places VALUES (1, 'a'); DELETE FROM places",
        );
        let ran = covara(&["doctor", "--json", "--database-url", &db.url()]);
        let found = ran.json()["findings"].to_string();
        assert!(
            found.contains("table places are not logged"),
            "{lost}: {found}"
        );
        assert_eq!(log().install(conn).unwrap().mended, ["places"], "{lost}");
        assert_eq!(log().install(conn).unwrap(), Default::default(), "{lost}");
        assert_eq!(in_short(conn), [(All, Value::Null)], "{lost}");
        run(
            conn,
            "INSERT INTO places VALUES (1, 'a'); DELETE FROM places",
        );
        assert_eq!(
            in_short(conn),
            [(Insert, json!(1)), (Delete, json!(1))],
            "{lost}"
        );
    }
    leave(conn, &owner);
}

#[test]
fn triggers_of_a_program_come_after_those_of_the_log() {
    let (_db, mut conn) = logged(PLAIN);
    let conn = &mut conn;
    run(
        conn,
        "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             UPDATE places SET name = 'touched' WHERE name <> 'touched';
             RETURN NULL;
         END $$;
         CREATE TRIGGER \"1_touch\" AFTER INSERT ON places
             FOR EACH STATEMENT EXECUTE FUNCTION touch()",
    );
    run(conn, "INSERT INTO places VALUES (1, 'a')");
    assert_eq!(in_short(conn), [(Insert, json!(1)), (Update, json!(1))]);
    run(
        conn,
        "DROP TRIGGER \"1_touch\" ON places;
         CREATE TRIGGER \"A_touch\" AFTER INSERT ON places
             FOR EACH ROW EXECUTE FUNCTION touch()",
    );
    assert_eq!(log().install(conn).unwrap().mended, ["places"]);
    in_short(conn);
    run(conn, "INSERT INTO places VALUES (2, 'b')");
    assert_eq!(in_short(conn), [(Insert, json!(2)), (Update, json!(2))]);
}

#[test]
fn values_do_not_depend_on_the_session_that_writes() {
    diesel::table! {
        places (id) {
            id -> Timestamptz,
        }
    }
    let db = TestDb::new();
    let conn = &mut db.connect_directly();
    run(
        conn,
        "CREATE TABLE places (id TIMESTAMPTZ PRIMARY KEY, days DATERANGE, long INTERVAL)",
    );
    let log = ChangeLog::new().table::<places::table>(Capture::Rows);
    log.install(conn).unwrap();
    let insert = "INSERT INTO places
        VALUES ('2024-02-03 04:05:06+00', '[2024-02-03, 2024-02-05)', '1 day 2:03:04');
        DELETE FROM places";
    run(conn, insert);
    run(
        conn,
        "SET TimeZone = 'Asia/Kathmandu'; SET DateStyle = 'SQL, DMY';
         SET IntervalStyle = iso_8601; SET bytea_output = escape; SET extra_float_digits = 0",
    );
    run(conn, insert);
    let batch = log.feed("reader").next(conn, 10).unwrap();
    let rows: Vec<_> = batch
        .into_iter()
        .map(|change| (change.key, change.old.or(change.new)))
        .collect();
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| *row == rows[0]), "{rows:#?}");
    assert_eq!(rows[0].0, json!({"id": "2024-02-03T04:05:06+00:00"}));
}

#[test]
fn others_write_while_an_installation_waits() {
    let db = TestDb::new();
    let conn = &mut db.connect_directly();
    run(conn, PLAIN);
    let mut long = db.connect_directly();
    run(&mut long, "BEGIN; INSERT INTO places VALUES (1, 'a')");
    let mut installing = db.connect_directly();
    let installer = std::thread::spawn(move || log().install(&mut installing).unwrap());
    run(conn, "SET statement_timeout = '10s'");
    for id in 2..6 {
        std::thread::sleep(std::time::Duration::from_millis(150));
        run(conn, &format!("INSERT INTO places VALUES ({id}, 'b')"));
    }
    assert!(!installer.is_finished());
    run(&mut long, "COMMIT");
    assert_eq!(installer.join().unwrap().added, ["places"]);
}

#[test]
fn a_part_of_another_table_is_refused() {
    for create in [
        "CREATE TABLE parent (id BIGINT PRIMARY KEY) PARTITION BY RANGE (id);
         CREATE TABLE places PARTITION OF parent DEFAULT",
        "CREATE TABLE parent (id BIGINT); CREATE TABLE places (PRIMARY KEY (id)) INHERITS (parent)",
    ] {
        let db = TestDb::new();
        let conn = &mut db.connect_directly();
        run(conn, create);
        let error = log().install(conn).unwrap_err();
        assert!(
            matches!(&error, ChangeError::Part { parent, .. } if parent == "parent"),
            "{error}"
        );
    }
}

#[test]
fn a_database_without_an_encoding_is_refused() {
    let db = TestDb::new();
    let conn = &mut db.connect_directly();
    let name = format!("ascii_{}", std::process::id());
    run(
        conn,
        &format!(
            "CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0
                 LC_COLLATE 'C' LC_CTYPE 'C'"
        ),
    );
    let url = support::postgres::server_url();
    let (server, _) = url.rsplit_once('/').unwrap();
    let mut ascii = PgConnection::establish(&format!("{server}/{name}")).unwrap();
    ascii.batch_execute(PLAIN).unwrap();
    let error = log().install(&mut ascii).unwrap_err();
    drop(ascii);
    run(conn, &format!("DROP DATABASE {name}"));
    assert!(matches!(error, ChangeError::Encoding), "{error}");
}

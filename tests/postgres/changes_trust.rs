//! What a role can do to the log that may write to a logged table only, or nothing at all.

use std::time::Duration;

use covara_diesel::changes::{ChangeError, Operation};
use diesel::prelude::*;
use diesel::result::Error;
use serde_json::json;
use support::bounded::within;
use support::own_postgres::PostgresServer;

use super::changes::{PLAIN, in_short, log, logged, run};
use super::search_roles::{leave, role};
use crate::suite::command::covara;
use crate::suite::number;

use Operation::Insert;

/// A connection of a role that may write to the table.
fn writer(conn: &mut PgConnection, db: &support::postgres::TestDb) -> (PgConnection, String) {
    let role = role(conn, "writer");
    run(conn, &format!("GRANT ALL ON places TO {role}"));
    let mut other = db.connect_directly();
    run(&mut other, &format!("SET ROLE {role}"));
    (other, role)
}

#[test]
fn settings_that_a_role_forges_hide_none_of_its_changes() {
    let (db, mut conn) = logged(PLAIN);
    let conn = &mut conn;
    let (mut other, role) = writer(conn, &db);
    let other = &mut other;
    for (round, forged) in ["9000000000", "on", "9223372036854775807", "-1", "0"]
        .into_iter()
        .enumerate()
    {
        let (slow, fast) = (2 * round + 1, 2 * round + 2);
        run(
            other,
            &format!(
                "BEGIN;
                 SELECT set_config('covara_changes.muted', 'on', false),
                     set_config('covara_changes.since_' || CAST('public' AS regnamespace)::oid,
                         '{forged}', false);
                 INSERT INTO places VALUES ({slow}, 'a')"
            ),
        );
        run(conn, &format!("INSERT INTO places VALUES ({fast}, 'b')"));
        assert_eq!(in_short(conn), [], "{forged}");
        run(other, "COMMIT");
        assert_eq!(
            in_short(conn),
            [(Insert, json!(slow)), (Insert, json!(fast))],
            "{forged}"
        );
    }
    let refused = log().without(other, |conn| {
        diesel::sql_query("INSERT INTO places VALUES (100, 'c')")
            .execute(conn)
            .map(drop)
    });
    let error: Error = refused.unwrap_err();
    assert!(error.to_string().contains("permission denied"), "{error}");
    run(conn, &format!("GRANT INSERT ON __covara_changes TO {role}"));
    log()
        .without(other, |conn| {
            diesel::sql_query("INSERT INTO places VALUES (101, 'c')")
                .execute(conn)
                .map(drop)
        })
        .map_err(|error: Error| error)
        .unwrap();
    assert_eq!(in_short(conn), []);
    drop(std::mem::replace(other, db.connect_directly()));
    leave(conn, &role);
}

#[test]
fn locks_of_others_stop_neither_readers_nor_writers() {
    let (db, mut conn) = logged(PLAIN);
    let conn = &mut conn;
    let class = number(conn, "SELECT class AS n FROM __covara_changes_state");
    let mut other = db.connect_directly();
    for lock in ["pg_advisory_lock_shared", "pg_advisory_lock"] {
        run(
            &mut other,
            &format!(
                "SELECT {lock}((CAST({class} AS bigint) << 44) + n)
                 FROM generate_series(0, 50) AS n;
                 SELECT {lock}((CAST({class} AS bigint) << 44) + 1048576 + n)
                 FROM generate_series(-50, 50) AS n"
            ),
        );
        run(
            conn,
            "SET statement_timeout = '10s'; INSERT INTO places VALUES (1, 'a')",
        );
        assert_eq!(in_short(conn), [(Insert, json!(1))], "{lock}");
        run(conn, "BEGIN; DELETE FROM places");
        let mut reader = db.connect_directly();
        assert_eq!(in_short(&mut reader), [], "{lock}");
        run(conn, "COMMIT");
        assert_eq!(in_short(&mut reader), [(Operation::Delete, json!(1))]);
        run(&mut other, "SELECT pg_advisory_unlock_all()");
    }
}

#[test]
fn readers_wait_for_transactions_that_are_prepared() {
    let server = PostgresServer::start(&["-c", "max_prepared_transactions=2"], |_| ());
    let mut conn = PgConnection::establish(&server.url()).unwrap();
    let conn = &mut conn;
    run(conn, PLAIN);
    log().install(conn).unwrap();
    run(
        conn,
        "BEGIN; INSERT INTO places VALUES (1, 'a'); PREPARE TRANSACTION 'one'",
    );
    run(conn, "INSERT INTO places VALUES (2, 'b')");
    assert_eq!(in_short(conn), []);
    std::thread::sleep(Duration::from_secs(2));
    let ran = covara(&["doctor", "--json", "--database-url", &server.url()]);
    let found = ran.json()["findings"].to_string();
    assert!(
        found.contains("feeds wait for the prepared transaction one"),
        "{found}"
    );
    run(conn, "COMMIT PREPARED 'one'");
    assert_eq!(in_short(conn), [(Insert, json!(1)), (Insert, json!(2))]);
}

#[test]
fn the_doctor_names_a_transaction_that_feeds_wait_for() {
    let (db, mut conn) = logged(PLAIN);
    let conn = &mut conn;
    let process = number(conn, "SELECT pg_backend_pid()::bigint AS n");
    run(conn, "BEGIN; INSERT INTO places VALUES (1, 'a')");
    std::thread::sleep(Duration::from_secs(2));
    let url = db.url();
    let findings = || {
        let ran = covara(&["doctor", "--json", "--database-url", &url]);
        ran.json()["findings"].to_string()
    };
    let found = findings();
    let expected = format!("feeds wait for the transaction of process {process}");
    assert!(found.contains(&expected), "{found}");
    run(conn, "COMMIT");
    assert!(!findings().contains("feeds wait"));
}

#[test]
fn a_standby_is_not_read() {
    let primary = PostgresServer::start(&[], |_| ());
    let mut conn = PgConnection::establish(&primary.url()).unwrap();
    run(&mut conn, PLAIN);
    log().install(&mut conn).unwrap();
    let standby = primary.start_standby();
    let read = within(Duration::from_secs(60), "the standby", move || {
        let mut conn = PgConnection::establish(&standby.url()).unwrap();
        log().after(&mut conn, 0, 10)
    });
    assert!(matches!(read, Err(ChangeError::Standby)), "{read:?}");
}

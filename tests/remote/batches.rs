//! Requests of several statements are done once, whatever the network does.

use covara_diesel::DatabaseConnection;
use covara_diesel::remote::{D1Connection, LibsqlConnection};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use support::fault_proxy::{Fault, FaultProxy, answer};
use support::{d1, sqld};

use super::Remote;

diesel::table! {
    entries (id) {
        id -> BigInt,
        name -> Text,
    }
}

const CREATE: &str = "CREATE TABLE entries (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL)";

struct Through<R: Remote> {
    server: R,
    proxy: FaultProxy,
    conn: R::Conn,
}

fn through<R: Remote>() -> Through<R> {
    let server = R::start();
    let proxy = FaultProxy::new(&server.origin());
    let url = server.url_at(&proxy.origin(), "statement_timeout=20");
    let mut conn = R::Conn::establish(&url).unwrap();
    conn.batch_execute(CREATE).unwrap();
    proxy.forget();
    Through {
        server,
        proxy,
        conn,
    }
}

impl<R: Remote> Through<R> {
    fn count(&self) -> i64 {
        let url = self
            .server
            .url_at(&self.server.origin(), "statement_timeout=20");
        let mut conn = R::Conn::establish(&url).unwrap();
        diesel::dsl::sql::<diesel::sql_types::BigInt>("SELECT count(*) FROM entries")
            .get_result(&mut conn)
            .unwrap()
    }
}

fn is_lost(error: &Error) -> bool {
    matches!(
        error,
        Error::DatabaseError(DatabaseErrorKind::ClosedConnection, _)
    )
}

/// Nothing in it keeps it from being done twice.
fn a_batch_whose_answer_is_lost<R: Remote>() {
    for fault in [Fault::CloseAfter, Fault::ResetAfter, Fault::Truncate(10)] {
        let mut on = through::<R>();
        on.proxy.next(fault);
        let new = || diesel::insert_into(entries::table).values(entries::name.eq("x"));
        let error = on.conn.execute_atomically(&[&new(), &new()]).unwrap_err();
        assert!(is_lost(&error), "{error:?}");
        assert_eq!(on.proxy.requests().len(), 1);
        assert_eq!(on.count(), 2);
    }
}

#[test]
fn a_batch_is_done_once_on_libsql() {
    a_batch_whose_answer_is_lost::<sqld::TestDb>();
}

#[test]
fn a_batch_is_done_once_on_d1() {
    a_batch_whose_answer_is_lost::<d1::TestDb>();
}

/// A script whose second statement found the database locked has done its first: it is not sent
/// again.
#[test]
fn a_script_that_meets_a_lock_half_way_is_not_repeated() {
    const HALF_WAY: &str = r#"{"baton":null,"base_url":null,"results":[{"type":"ok","response":{"type":"batch","result":{"step_results":[{"cols":[],"rows":[],"affected_row_count":1,"last_insert_rowid":"1"},null],"step_errors":[null,{"message":"SQLite error: database is locked","code":"SQLITE_BUSY"}]}}},{"type":"ok","response":{"type":"get_autocommit","is_autocommit":true}},{"type":"ok","response":{"type":"close"}}]}"#;
    let mut on = through::<sqld::TestDb>();
    on.proxy.next(Fault::AnswerAfter(answer(
        200,
        "application/json",
        HALF_WAY,
    )));
    let script = "INSERT INTO entries (name) VALUES ('a'); INSERT INTO entries (name) VALUES ('b')";
    let error = on.conn.batch_execute(script).unwrap_err();
    assert!(error.to_string().contains("locked"), "{error}");
    assert_eq!(on.proxy.requests().len(), 1);
    assert_eq!(on.count(), 2, "the server did all of it, once");
}

/// An answer without the results of all statements is an error, not a success with wrong counts.
#[test]
fn a_short_answer_of_d1_is_an_error() {
    let mut on = through::<d1::TestDb>();
    for left in [0, 1, 2, 3, 5] {
        on.proxy.next(Fault::Change(Box::new(move |body| {
            let mut reply: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let results = reply["result"].as_array_mut().unwrap();
            assert_eq!(results.len(), 4, "two statements, each with its count");
            let first = results[0].clone();
            results.resize(left, first);
            reply.to_string().into_bytes()
        })));
        let new = diesel::insert_into(entries::table).values(entries::name.eq("x"));
        let also = diesel::insert_into(entries::table).values(entries::name.eq("y"));
        let error = D1Connection::batch(&mut on.conn, &[&new, &also]).unwrap_err();
        assert!(
            matches!(error, Error::DeserializationError(_)),
            "{left}: {error:?}"
        );
    }
}

/// The same of libSQL, in a transaction and outside.
#[test]
fn a_short_answer_of_libsql_is_an_error() {
    let mut on = through::<sqld::TestDb>();
    let shorten = |left: usize| {
        Fault::Change(Box::new(move |body| {
            let mut reply: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let batch = &mut reply["results"][0]["response"]["result"];
            for list in ["step_results", "step_errors"] {
                batch[list].as_array_mut().unwrap().truncate(left);
            }
            reply.to_string().into_bytes()
        }))
    };
    for left in 0..4 {
        on.proxy.next(shorten(left));
        let new = diesel::insert_into(entries::table).values(entries::name.eq("x"));
        let also = diesel::insert_into(entries::table).values(entries::name.eq("y"));
        LibsqlConnection::batch(&mut on.conn, &[&new, &also]).unwrap_err();
    }
    on.proxy.next(shorten(0));
    let script = "INSERT INTO entries (name) VALUES ('a')";
    on.conn.batch_execute(script).unwrap_err();
}

/// What would end the batch's own transaction in its middle.
fn one_that_ends_its_transaction<R: Remote>() {
    let mut on = through::<R>();
    for end in ["COMMIT", "END", "ROLLBACK", "rollback transaction"] {
        let new = || diesel::insert_into(entries::table).values(entries::name.eq("x"));
        let bad = diesel::sql_query("INSERT INTO entries (name) VALUES (NULL)");
        let error = on
            .conn
            .execute_atomically(&[&new(), &diesel::sql_query(end), &bad])
            .unwrap_err();
        assert!(error.to_string().contains("a batch"), "{error}");
        assert_eq!(on.count(), 0, "{end}");
    }
    assert_eq!(on.proxy.count("COMMIT"), 0, "nothing is sent");
}

#[test]
fn a_batch_that_ends_its_transaction_is_refused_on_libsql() {
    one_that_ends_its_transaction::<sqld::TestDb>();
    let mut on = through::<sqld::TestDb>();
    let inside = on.conn.transaction(|conn| {
        let new = || diesel::insert_into(entries::table).values(entries::name.eq("x"));
        let refused = conn.batch(&[&new(), &diesel::sql_query("COMMIT")]);
        assert!(refused.unwrap_err().to_string().contains("a batch"));
        conn.batch(&[&new()])
    });
    assert_eq!(inside, Ok(vec![1]));
    assert_eq!(on.count(), 1);
}

#[test]
fn a_batch_that_ends_its_transaction_is_refused_on_d1() {
    one_that_ends_its_transaction::<d1::TestDb>();
}

//! Streams of a libSQL server that nothing more is sent on are closed, whatever went wrong: a
//! transaction that is over for its program keeps nobody from writing.

use std::time::Duration;

use covara_diesel::remote::LibsqlConnection;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::{Error, QueryResult};
use support::fault_proxy::{Fault, FaultProxy, answer, timed};
use support::sqld;

diesel::table! {
    steps (id) {
        id -> BigInt,
        name -> Text,
    }
}

/// Less than the five seconds after which sqld itself ends a transaction that others wait for.
const AT_ONCE: Duration = Duration::from_secs(4);
const CREATE: &str = "CREATE TABLE steps (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL)";

fn insert(conn: &mut LibsqlConnection, name: &str) -> QueryResult<usize> {
    diesel::insert_into(steps::table)
        .values(steps::name.eq(name))
        .execute(conn)
}

/// Does what it says to the server's answer, which is JSON.
fn changed(change: impl Fn(&mut serde_json::Value) + Send + 'static) -> Fault {
    Fault::Change(Box::new(move |body| {
        let mut reply: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert!(reply["baton"].is_string(), "the stream is open: {reply}");
        change(&mut reply);
        reply.to_string().into_bytes()
    }))
}

/// The server's text with its end cut off, so that the baton is still there.
fn cut(body: Vec<u8>) -> Vec<u8> {
    let text = String::from_utf8(body).unwrap();
    let end = text.find("\"results\"").expect("what sqld puts last");
    assert!(text[..end].contains("\"baton\""), "{text}");
    text.into_bytes()[..end + 20].to_vec()
}

type Case = (&'static str, fn() -> Fault);

const CASES: [Case; 14] = [
    ("another host", || {
        changed(|reply| reply["base_url"] = "http://example.com".into())
    }),
    ("no results", || {
        changed(|reply| reply["results"] = serde_json::json!([]))
    }),
    ("too many results", || {
        changed(|reply| {
            let results = reply["results"].as_array_mut().unwrap();
            results.push(results[0].clone());
        })
    }),
    ("a step without a result", || {
        changed(|reply| {
            let batch = &mut reply["results"][0]["response"]["result"];
            batch["step_results"].as_array_mut().unwrap().clear();
        })
    }),
    ("no word of the transaction", || {
        changed(|reply| reply["results"][1] = serde_json::json!({"type": "ok"}))
    }),
    ("an unknown type of value", || {
        changed(|reply| {
            reply["results"][0]["response"]["result"]["step_results"][0]["rows"] =
                serde_json::json!([[{"type": "vector", "value": 1}]]);
        })
    }),
    ("half of the JSON", || Fault::Change(Box::new(cut))),
    ("an answer that breaks off", || Fault::Truncate(200)),
    ("not UTF-8", || {
        Fault::Change(Box::new(|mut body| {
            let end = body.len() - 2;
            body[end] = 0xFF;
            body
        }))
    }),
    ("too large", || {
        Fault::Change(Box::new(|mut body| {
            body.extend(std::iter::repeat_n(b' ', 200_000));
            body
        }))
    }),
    ("a close before", || Fault::CloseBefore),
    ("a gateway's error before", || {
        Fault::Answer(answer(502, "text/html", "<html>"))
    }),
    ("a token that has expired", || {
        Fault::Answer(answer(401, "application/json", r#"{"error":"no"}"#))
    }),
    ("a request that is too large", || {
        Fault::Answer(answer(413, "text/plain", "too large"))
    }),
];

/// Nothing is kept, and another connection writes while the one that failed is still there.
#[test]
fn a_statement_that_fails_in_a_transaction_leaves_no_lock() {
    let db = sqld::TestDb::new();
    let proxy = FaultProxy::new(&db.url());
    let url = format!("{}?max_response_bytes=100000", proxy.origin());
    let mut conn = LibsqlConnection::establish(&url).unwrap();
    conn.batch_execute(CREATE).unwrap();
    let mut other = LibsqlConnection::establish(&db.url()).unwrap();
    for (stored, (name, fault)) in (0_i64..).zip(CASES) {
        let result: QueryResult<()> = conn.transaction(|conn| {
            insert(conn, "gone")?;
            proxy.next_with("never kept", fault());
            insert(conn, "never kept").expect_err(name);
            let (written, time) = timed(|| insert(&mut other, "theirs"));
            assert_eq!(written, Ok(1), "{name}");
            assert!(time < AT_ONCE, "{name}: {time:?}");
            Ok(())
        });
        let error = result.expect_err(name);
        assert!(error.to_string().contains("begin again"), "{name}: {error}");
        proxy.heal();
        let kept = steps::table.count().get_result::<i64>(&mut other);
        assert_eq!(kept, Ok(stored + 1), "{name}");
    }
}

/// The same of the requests that begin a transaction and end it.
#[test]
fn a_begin_and_a_commit_that_fail_leave_no_lock() {
    let db = sqld::TestDb::new();
    let proxy = FaultProxy::new(&db.url());
    let url = format!("{}?max_response_bytes=100000", proxy.origin());
    let mut conn = LibsqlConnection::establish(&url).unwrap();
    conn.batch_execute(CREATE).unwrap();
    let mut other = LibsqlConnection::establish(&db.url()).unwrap();
    for (name, fault) in CASES {
        // What the server did not see is asked again, if it only reads or begins.
        proxy.next_with("BEGIN", fault());
        let begun = conn.transaction(|conn| insert(conn, "begun"));
        proxy.heal();
        let (written, time) = timed(|| insert(&mut other, "theirs"));
        assert_eq!(written, Ok(1), "BEGIN, {name}: {begun:?}");
        assert!(time < AT_ONCE, "BEGIN, {name}: {time:?}");
    }
    for (name, fault) in CASES.into_iter().skip(10) {
        proxy.next_with("COMMIT", fault());
        let result = conn.transaction(|conn| insert(conn, "not committed"));
        result.expect_err(name);
        proxy.heal();
        let (written, time) = timed(|| insert(&mut other, "theirs"));
        assert_eq!(written, Ok(1), "COMMIT, {name}");
        assert!(time < AT_ONCE, "COMMIT, {name}: {time:?}");
    }
    let kept = steps::table.filter(steps::name.eq("not committed")).count();
    assert_eq!(kept.get_result::<i64>(&mut other), Ok(0));
}

/// The client gives up while the server is still at work; what the server then does with the
/// stream is its own business, and sqld closes it.
#[test]
fn a_time_out_in_a_transaction_leaves_no_lock() {
    let db = sqld::TestDb::new();
    let url = format!("{}?request_timeout=0.5&statement_timeout=1", db.url());
    let mut conn = LibsqlConnection::establish(&url).unwrap();
    conn.batch_execute(CREATE).unwrap();
    let mut other = LibsqlConnection::establish(&db.url()).unwrap();
    let result: QueryResult<()> = conn.transaction(|conn| {
        insert(conn, "gone")?;
        let long = "WITH RECURSIVE up (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM up)
            SELECT count(*) FROM up LIMIT 1";
        let limited = long.replace("FROM up)", "FROM up WHERE n < 8000000)");
        diesel::sql_query(limited).execute(conn).unwrap_err();
        let (written, time) = timed(|| insert(&mut other, "theirs"));
        assert_eq!(written, Ok(1));
        assert!(time < 2 * AT_ONCE, "{time:?}");
        Ok(())
    });
    result.unwrap_err();
}

/// A server that keeps a stream open although it was asked to close it: the next statement does
/// not go on on it.
#[test]
fn a_stream_that_the_server_did_not_close_is_closed_again() {
    let db = sqld::TestDb::new();
    let proxy = FaultProxy::new(&db.url());
    let mut conn = LibsqlConnection::establish(&proxy.origin()).unwrap();
    conn.batch_execute(CREATE).unwrap();
    proxy.forget();
    proxy.next(Fault::Change(Box::new(|body| {
        let text = String::from_utf8(body).unwrap();
        assert!(text.contains("\"baton\":null"), "{text}");
        text.replace("\"baton\":null", "\"baton\":\"still open\"")
            .into_bytes()
    })));
    insert(&mut conn, "one").unwrap();
    let last = proxy.requests().pop().unwrap();
    assert!(last.text().contains("still open"), "{}", last.text());
    assert!(!last.text().contains("INSERT"), "{}", last.text());
    proxy.forget();
    insert(&mut conn, "two").unwrap();
    assert_eq!(proxy.count("still open"), 0);
}

/// What is closed is closed where it was opened; the host that was refused hears nothing.
#[test]
fn nothing_is_sent_to_a_refused_host() {
    let db = sqld::TestDb::with_tokens();
    let named_host = FaultProxy::new(&db.url());
    let other_host = FaultProxy::new(&db.url());
    let url = format!("{}?authToken={}", named_host.origin(), sqld::tokens::FULL);
    let mut conn = LibsqlConnection::establish(&url).unwrap();
    conn.batch_execute(CREATE).unwrap();
    let refused = other_host.origin().replace("127.0.0.1", "localhost");
    for text in ["BEGIN", "gone"] {
        named_host.forget();
        let refused = refused.clone();
        named_host.next_with(
            text,
            changed(move |reply| reply["base_url"] = refused.clone().into()),
        );
        let error = conn
            .transaction(|conn| insert(conn, "gone"))
            .expect_err(text);
        assert!(matches!(error, Error::DeserializationError(_)), "{error:?}");
        assert_eq!(named_host.count("\"close\""), 1, "{text}");
        assert_eq!(other_host.requests().len(), 0, "{text}");
        assert_eq!(other_host.connections(), 0, "{text}");
    }
}

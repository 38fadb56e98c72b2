//! Faults of networks and gateways in single requests: no write is done twice, no wrong value is
//! read, no secret is shown, and the connection goes on.

use std::time::{Duration, Instant};

use covara_diesel::remote::NeonHttpConnection;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::BigInt;
use support::fault_proxy::{Fault, FaultProxy, answer, with_header};
use support::neon::TestDb;

use super::both;

const JSON: &str = "application/json";

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn count<C>(conn: &mut C) -> QueryResult<i64>
where
    C: diesel::connection::LoadConnection<Backend = diesel::pg::Pg>,
{
    use diesel::query_dsl::methods::LoadQuery;
    let rows = diesel::sql_query("SELECT count(*) AS count FROM notes");
    let rows: Vec<Count> = rows.internal_load(conn)?.collect::<QueryResult<_>>()?;
    Ok(rows[0].count)
}

type MakeFault = fn() -> Fault;

/// Each fault, whether its request reaches the server, and whether reading gets over it.
const FAULTS: &[(&str, MakeFault, bool, bool)] = &[
    ("closed before", || Fault::CloseBefore, false, true),
    ("reset before", || Fault::ResetBefore, false, true),
    ("closed after", || Fault::CloseAfter, true, true),
    ("reset after", || Fault::ResetAfter, true, true),
    (
        "delayed",
        || Fault::Delay(Duration::from_millis(300)),
        true,
        true,
    ),
    ("cut", || Fault::Truncate(20), true, true),
    (
        "no JSON",
        || Fault::AnswerAfter(answer(200, JSON, "<html>")),
        true,
        false,
    ),
    (
        "another form",
        || Fault::AnswerAfter(answer(200, JSON, "{\"results\": 7}")),
        true,
        false,
    ),
    (
        "not UTF-8",
        || Fault::AnswerAfter(answer(200, JSON, vec![b'"', 0xff, b'"'])),
        true,
        false,
    ),
    (
        "numbers in the place of texts",
        || {
            let body =
                r#"{"fields":[{"name":"count","dataTypeID":20}],"rows":[[7]],"rowCount":"x"}"#;
            Fault::AnswerAfter(answer(200, JSON, body))
        },
        true,
        false,
    ),
    (
        "500",
        || Fault::AnswerAfter(answer(500, JSON, "{\"message\":\"no\"}")),
        true,
        true,
    ),
    (
        "503",
        || Fault::Answer(answer(503, "text/html", "busy")),
        false,
        true,
    ),
    (
        "413",
        || Fault::Answer(answer(413, JSON, "{\"message\":\"no\"}")),
        false,
        false,
    ),
    (
        "507",
        || Fault::AnswerAfter(answer(507, JSON, "{\"message\":\"no\"}")),
        true,
        // Read once more, in a transaction that cannot write.
        true,
    ),
    (
        "a redirect",
        || {
            Fault::Answer(with_header(
                answer(307, JSON, "{}"),
                "location",
                "http://127.0.0.1:1/",
            ))
        },
        false,
        false,
    ),
];

#[test]
fn a_fault_of_one_request_is_retried_or_an_error() {
    let db = TestDb::new();
    let proxy = FaultProxy::new(db.proxy().origin());
    let url = db.url_through(&proxy.origin());
    let password = url
        .split('@')
        .next()
        .unwrap()
        .rsplit_once(':')
        .unwrap()
        .1
        .to_owned();
    let mut conn = NeonHttpConnection::establish(&url).unwrap();
    let (_, mut pg) = both(&db);
    conn.batch_execute("CREATE TABLE notes (id BIGINT GENERATED ALWAYS AS IDENTITY)")
        .unwrap();
    let mut expected = 0;
    for (name, fault, reaches, is_read) in FAULTS {
        // A write.
        proxy.next(fault());
        let written = diesel::sql_query("INSERT INTO notes DEFAULT VALUES").execute(&mut conn);
        let added = count(&mut pg).unwrap() - expected;
        expected += added;
        assert!(added <= 1, "{name}: {added}");
        assert_eq!(
            added == 1,
            *reaches || written.is_ok(),
            "{name}: {written:?}"
        );
        if let Err(error) = &written {
            assert!(!error.to_string().contains(&password), "{name}: {error}");
            if *reaches {
                assert!(error.to_string().contains("may"), "{name}: {error}");
            }
        }
        // A batch.
        proxy.next(fault());
        let insert = || diesel::sql_query("INSERT INTO notes DEFAULT VALUES");
        let _ = conn.batch(&[&insert(), &insert()]);
        let added = count(&mut pg).unwrap() - expected;
        expected += added;
        assert!(added == 0 || added == 2, "{name}: {added}");
        // A read.
        proxy.next(fault());
        let read = count(&mut conn);
        assert_eq!(read.is_ok(), *is_read, "{name}: {read:?}");
        assert!(read.is_err() || read == Ok(expected), "{name}: {read:?}");
        // And on.
        proxy.heal();
        assert_eq!(count(&mut conn), Ok(expected), "{name}");
    }
}

#[test]
fn too_many_requests_are_sent_again_when_the_server_says() {
    let db = TestDb::new();
    let proxy = FaultProxy::new(db.proxy().origin());
    let mut conn = NeonHttpConnection::establish(&db.url_through(&proxy.origin())).unwrap();
    let busy = with_header(
        answer(429, JSON, "{\"message\":\"busy\"}"),
        "retry-after",
        "1",
    );
    proxy.next(Fault::Answer(busy));
    let begun = Instant::now();
    conn.batch_execute("CREATE TABLE notes ()").unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(proxy.requests().len(), 2);
}

#[test]
fn a_server_that_stops_is_an_error_in_time() {
    let db = TestDb::with(&serde_json::json!({}));
    let url = format!("{}&request_timeout=0.5&statement_timeout=1", db.url());
    let mut conn = NeonHttpConnection::establish(&url).unwrap();
    conn.batch_execute("SELECT 1").unwrap();
    db.proxy().freeze();
    let begun = Instant::now();
    let error = conn.batch_execute("CREATE TABLE a ()").unwrap_err();
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert!(matches!(
        error,
        Error::DatabaseError(DatabaseErrorKind::ClosedConnection, _)
    ));
    db.proxy().thaw();
    conn.batch_execute("SELECT 1").unwrap();
}

/// What a query calls may write, which its text does not tell.
#[test]
fn a_query_that_writes_is_not_carried_out_twice() {
    let db = TestDb::new();
    let proxy = FaultProxy::new(db.proxy().origin());
    let mut conn = NeonHttpConnection::establish(&db.url_through(&proxy.origin())).unwrap();
    let (_, mut pg) = both(&db);
    conn.batch_execute(
        "CREATE TABLE notes (id INT);
         CREATE FUNCTION note() RETURNS int LANGUAGE sql AS
             'INSERT INTO notes VALUES (1) RETURNING 1';
         CREATE VIEW noting AS SELECT note() AS a",
    )
    .unwrap();
    for known in [false, true] {
        proxy.next(Fault::CloseAfter);
        let read = diesel::sql_query("SELECT a FROM noting").execute(&mut conn);
        assert!(
            matches!(
                read,
                Err(Error::DatabaseError(DatabaseErrorKind::ClosedConnection, _))
            ),
            "{read:?}"
        );
        assert_eq!(count(&mut pg), Ok(1 + i64::from(known)));
    }
}

/// As of a connection between Neon and its database that ends, perhaps after the commit.
#[test]
fn an_error_without_a_code_says_that_a_write_may_have_been_done() {
    let db = TestDb::new();
    let proxy = FaultProxy::new(db.proxy().origin());
    let mut conn = NeonHttpConnection::establish(&db.url_through(&proxy.origin())).unwrap();
    for code in ["", ",\"code\":\"\"", ",\"code\":null"] {
        let body = format!("{{\"message\":\"connection closed\"{code}}}");
        proxy.next(Fault::Answer(answer(400, JSON, body)));
        let before = proxy.requests().len();
        let error = conn.batch_execute("CREATE TABLE a ()").unwrap_err();
        assert!(
            matches!(
                error,
                Error::DatabaseError(DatabaseErrorKind::ClosedConnection, _)
            ),
            "{error:?}"
        );
        assert!(error.to_string().contains("may or may not"), "{error}");
        assert_eq!(proxy.requests().len(), before + 1, "it is sent once");
    }
}

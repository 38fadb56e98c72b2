//! What networks and gateways do to single requests: never a panic, a hang, a double write,
//! a wrong value or a connection that stays spoilt.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
use diesel::result::{DatabaseErrorKind, Error, QueryResult};
use support::fault_proxy::{BUSY, Fault, FaultProxy, answer, timed, with_header};
use support::{d1, sqld};

use super::{Remote, pool_of};

diesel::table! {
    notes (id) {
        id -> BigInt,
        text -> Text,
    }
}

/// Time-outs that a busy machine does not meet.
const PATIENT: &str = "connect_timeout=20&request_timeout=20&statement_timeout=50";
/// Those of who meets them.
const HASTY: &str = "connect_timeout=2&request_timeout=2&statement_timeout=7";
const REQUEST: Duration = Duration::from_secs(2);
const STATEMENT: Duration = Duration::from_secs(7);
/// Of who meets nothing else.
const HASTIEST: &str = "connect_timeout=0.8&request_timeout=0.8&statement_timeout=3";

struct Place<R: Remote> {
    server: R,
    proxy: FaultProxy,
    pool: Pool<ConnectionManager<R::Conn>>,
    next: i64,
}

impl<R: Remote> Place<R> {
    fn new() -> Self {
        Self::with(PATIENT)
    }

    fn with(timeouts: &str) -> Self {
        let server = R::start();
        let proxy = FaultProxy::new(&server.origin());
        let pool = pool_of::<R::Conn>(&server.url_at(&proxy.origin(), timeouts), 1);
        // No key, so that a second write would be seen.
        pool.get()
            .unwrap()
            .batch_execute("CREATE TABLE notes (id BIGINT NOT NULL, text TEXT NOT NULL)")
            .unwrap();
        Self {
            server,
            proxy,
            pool,
            next: 0,
        }
    }

    /// Writes a note of a new number, which is returned with what came of it.
    fn write(&mut self) -> (i64, QueryResult<usize>) {
        self.next += 1;
        let row = (notes::id.eq(self.next), notes::text.eq("a note"));
        let mut conn = self.pool.get().unwrap();
        let written = diesel::insert_into(notes::table)
            .values(row)
            .execute(&mut conn);
        (self.next, written)
    }

    fn write_zero(&self) {
        let zero = (notes::id.eq(0), notes::text.eq("zero"));
        diesel::insert_into(notes::table)
            .values(zero)
            .execute(&mut self.pool.get().unwrap())
            .unwrap();
    }

    fn read(&mut self) -> QueryResult<Vec<String>> {
        notes::table
            .filter(notes::id.eq(0))
            .select(notes::text)
            .load(&mut self.pool.get().unwrap())
    }

    /// How many notes have this number, asked without the proxy.
    fn stored(&self, id: i64) -> i64 {
        let mut conn = R::Conn::establish(&self.server.url_at(&self.server.origin(), "")).unwrap();
        let count = notes::table.filter(notes::id.eq(id)).count();
        count.get_result(&mut conn).unwrap()
    }

    /// The pool's one connection is as good as new.
    fn assert_healthy(&mut self, after: &str) {
        self.proxy.heal();
        let (id, written) = self.write();
        assert_eq!(
            written.as_ref().ok(),
            Some(&1),
            "after {after}: {written:?}"
        );
        assert_eq!(self.stored(id), 1, "after {after}");
        assert_eq!(self.read().unwrap(), ["zero"], "after {after}");
        assert_eq!(self.pool.state().connections, 1, "after {after}");
    }
}

/// Faults of one request, with whether a read gets over it and whether the server may have
/// done what it was asked.
type Case = (&'static str, fn() -> Fault, bool, bool);

const CASES: [Case; 26] = [
    ("a close before", || Fault::CloseBefore, true, false),
    ("a reset before", || Fault::ResetBefore, true, false),
    ("a close after", || Fault::CloseAfter, true, true),
    ("a reset after", || Fault::ResetAfter, true, true),
    ("a delay", || Fault::Delay(2 * REQUEST), true, true),
    (
        "dripping",
        || Fault::Drip(Duration::from_millis(50)),
        true,
        true,
    ),
    ("no body", || Fault::Truncate(0), true, true),
    ("one byte", || Fault::Truncate(1), true, true),
    ("half an answer", || Fault::Truncate(60), true, true),
    (
        "401",
        || Fault::Answer(answer(401, JSON, r#"{"error":"no"}"#)),
        false,
        false,
    ),
    (
        "403",
        || Fault::Answer(answer(403, JSON, r#"{"error":"no"}"#)),
        false,
        false,
    ),
    (
        "404",
        || Fault::Answer(answer(404, "text/plain", "not found")),
        false,
        false,
    ),
    (
        "500",
        || Fault::Answer(answer(500, JSON, r#"{"error":"oh"}"#)),
        true,
        false,
    ),
    (
        "500 after",
        || Fault::AnswerAfter(answer(500, JSON, "")),
        true,
        true,
    ),
    (
        "502 in HTML",
        || Fault::Answer(answer(502, "text/html", PAGE)),
        true,
        false,
    ),
    (
        "502 after",
        || Fault::AnswerAfter(answer(502, "text/html", PAGE)),
        true,
        true,
    ),
    (
        "503",
        || Fault::Answer(answer(503, "text/html", PAGE)),
        true,
        false,
    ),
    (
        "504 after",
        || Fault::AnswerAfter(answer(504, "text/html", PAGE)),
        true,
        true,
    ),
    (
        "HTML with 200",
        || Fault::Answer(answer(200, "text/html", PAGE)),
        false,
        false,
    ),
    (
        "nothing with 200",
        || Fault::AnswerAfter(answer(200, JSON, "")),
        false,
        true,
    ),
    (
        "null with 200",
        || Fault::AnswerAfter(answer(200, JSON, "null")),
        false,
        true,
    ),
    (
        "an empty object",
        || Fault::AnswerAfter(answer(200, JSON, "{}")),
        false,
        true,
    ),
    (
        "an empty list",
        || Fault::AnswerAfter(answer(200, JSON, "[]")),
        false,
        true,
    ),
    (
        "half of the JSON",
        || {
            Fault::Change(Box::new(|mut body| {
                body.truncate(body.len() / 2);
                body
            }))
        },
        false,
        true,
    ),
    (
        "not UTF-8",
        || Fault::AnswerAfter(answer(200, JSON, vec![b'"', 0xFF, b'"'])),
        false,
        true,
    ),
    (
        "418",
        || Fault::Answer(answer(418, "text/plain", "teapot")),
        false,
        false,
    ),
];

const JSON: &str = "application/json";
const PAGE: &str = "<!DOCTYPE html><html><body><h1>Bad gateway</h1></body></html>";

fn every_fault<R: Remote>() {
    let (mut patient, mut hasty) = (Place::<R>::new(), Place::<R>::with(HASTY));
    patient.write_zero();
    hasty.write_zero();
    for (name, fault, read_succeeds, may_be_applied) in CASES {
        let place = match fault() {
            Fault::Delay(_) | Fault::Drip(_) => &mut hasty,
            _ => &mut patient,
        };
        place.proxy.forget();
        place.proxy.next(fault());
        let (read, time) = timed(|| place.read());
        match read {
            Ok(read) => assert_eq!(read, ["zero"], "{name}"),
            Err(error) => assert!(!read_succeeds, "{name}: a read failed: {error}"),
        }
        assert!(time < STATEMENT + BUSY, "a read took {time:?} after {name}");
        place.assert_healthy(name);

        place.proxy.forget();
        place.proxy.next(fault());
        let ((id, written), time) = timed(|| place.write());
        assert!(time < REQUEST + BUSY, "a write took {time:?} after {name}");
        assert_eq!(place.proxy.count("INSERT"), 1, "{name}: sent again");
        let error = written.expect_err(name);
        let stored = place.stored(id);
        assert_eq!(stored, i64::from(may_be_applied), "{name}: {error}");
        if may_be_applied && !matches!(error, Error::DeserializationError(_)) {
            let Error::DatabaseError(kind, information) = &error else {
                panic!("{name}: {error:?}");
            };
            assert!(
                matches!(kind, DatabaseErrorKind::ClosedConnection),
                "{name} must not look as if nothing was done: {kind:?}, {}",
                information.message()
            );
        }
        place.assert_healthy(name);
    }
}

/// Whether `done` says yes within a minute.
fn within_a_minute(mut done: impl FnMut() -> bool) -> bool {
    let begun = std::time::Instant::now();
    while !done() {
        if begun.elapsed() > Duration::from_secs(60) {
            return false;
        }
    }
    true
}

/// The same for ever instead of once: an error in time.
fn every_fault_for_ever<R: Remote>() {
    std::thread::scope(|scope| {
        for (name, fault, ..) in CASES {
            scope.spawn(move || {
                let server = R::start();
                let proxy = FaultProxy::new(&server.origin());
                let url = server.url_at(&proxy.origin(), HASTIEST);
                proxy.always(fault);
                let mut conn = R::Conn::establish(&url).unwrap();
                for sql in ["SELECT 1", "CREATE TABLE t (a)"] {
                    let (result, time) = timed(|| diesel::sql_query(sql).execute(&mut conn));
                    result.expect_err(name);
                    assert!(time < STATEMENT + BUSY, "{name}: {time:?}");
                }
                // Five tries of what may be tried again, and no more.
                assert!(proxy.requests().len() <= 10, "{name}");
                proxy.heal();
                // A busy machine may take longer than the time-out of one statement.
                let healed = || {
                    conn.batch_execute("CREATE TABLE IF NOT EXISTS other (a)")
                        .is_ok()
                };
                assert!(within_a_minute(healed), "{name}");
            });
        }
    });
}

/// The server has not taken the request, so even a write may be sent again.
fn too_many_requests<R: Remote>() {
    let mut place = Place::<R>::new();
    let refusal = || answer(429, JSON, r#"{"error":"slow down"}"#);
    for _ in 0..3 {
        place.proxy.next(Fault::Answer(refusal()));
    }
    let (id, written) = place.write();
    assert_eq!(written, Ok(1));
    assert_eq!((place.stored(id), place.proxy.count("INSERT")), (1, 4));

    place.proxy.forget();
    let wait = with_header(refusal(), "Retry-After", "1");
    place.proxy.next(Fault::Answer(wait));
    let ((id, written), time) = timed(|| place.write());
    assert_eq!(written, Ok(1));
    assert_eq!((place.stored(id), place.proxy.count("INSERT")), (1, 2));
    assert!(time >= Duration::from_secs(1), "asked again after {time:?}");

    // Later than the statement may take: no use in waiting.
    place.proxy.forget();
    for after in [
        "60",
        "18446744073709551615",
        "Wed, 21 Oct 2065 07:28:00 GMT",
        "-1",
        "x",
    ] {
        place.proxy.heal();
        let wait = move || Fault::Answer(with_header(refusal(), "Retry-After", after));
        place.proxy.always(wait);
        let ((id, written), time) = timed(|| place.write());
        let error = written.unwrap_err().to_string();
        assert!(error.contains("429"), "{error}");
        assert!(time < STATEMENT + BUSY, "{after}: {time:?}");
        assert_eq!(place.stored(id), 0);
        place.proxy.heal();
        assert_eq!(place.write().1, Ok(1));
    }
}

/// A redirect would take the token, and what is written, to somewhere else.
fn redirects<R: Remote>() {
    let mut place = Place::<R>::new();
    let elsewhere = FaultProxy::new(&place.server.origin());
    for status in [301, 302, 303, 307, 308] {
        let target = format!("{}/", elsewhere.origin());
        place.proxy.next(Fault::Answer(with_header(
            answer(status, "text/html", "moved"),
            "Location",
            &target,
        )));
        let (id, written) = place.write();
        let error = written.unwrap_err().to_string();
        assert!(error.contains(&status.to_string()), "{error}");
        assert_eq!(place.stored(id), 0);
        assert_eq!(place.write().1, Ok(1));
    }
    assert_eq!(elsewhere.connections(), 0);
}

/// Fifty megabytes are read as far as they are wanted, and no further.
fn a_huge_answer<R: Remote>() {
    let long = "x".repeat(50_000);
    let values = vec![long.as_str(); 1_000];
    let body = R::reply(&values);
    assert!(body.len() > 50_000_000);
    let server = R::start();
    let proxy = FaultProxy::new(&server.origin());
    let answer = || Fault::Answer(answer(200, JSON, body.clone()));
    let select = || diesel::select(diesel::dsl::sql::<diesel::sql_types::Text>("x"));

    proxy.next(answer());
    let url = server.url_at(&proxy.origin(), "");
    let mut conn = R::Conn::establish(&url).unwrap();
    let read: Vec<String> = select().load(&mut conn).unwrap();
    assert!(read.len() == 1_000 && read.iter().all(|text| *text == long));

    proxy.next(answer());
    let url = server.url_at(&proxy.origin(), "max_response_bytes=1000000");
    let mut conn = R::Conn::establish(&url).unwrap();
    let error = select().load::<String>(&mut conn).unwrap_err().to_string();
    assert!(error.contains("1000000"), "{error}");
    conn.batch_execute("CREATE TABLE afterwards (a)").unwrap();
}

/// Servers close connections that nobody uses; to send on one is no reason to fail.
fn an_idle_connection_that_was_closed<R: Remote>() {
    let mut place = Place::<R>::new();
    for _ in 0..5 {
        assert_eq!(place.write().1, Ok(1));
        place.proxy.close_idle();
        std::thread::sleep(Duration::from_millis(20));
        let (id, written) = place.write();
        assert_eq!(written, Ok(1), "after the server closed an idle connection");
        assert_eq!(place.stored(id), 1);
    }
}

/// A network that sends a request twice: what only reads, and what a key protects, is as if it
/// were sent once. A write that nothing protects is there twice, of which nobody on this side
/// can know: the first answer is a good one.
fn doubled_requests<R: Remote>() {
    let mut place = Place::<R>::new();
    place.write_zero();
    for _ in 0..5 {
        place.proxy.next(Fault::Duplicate);
        assert_eq!(place.read().unwrap(), ["zero"]);
    }
    place.assert_healthy("doubled reads");

    let is_stored = |place: &Place<R>, id, times| {
        let begun = std::time::Instant::now();
        while place.stored(id) < times && begun.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(20));
        }
        place.stored(id) == times
    };
    place.proxy.next(Fault::Duplicate);
    let (id, written) = place.write();
    assert_eq!(written, Ok(1));
    assert!(is_stored(&place, id, 2), "nothing protects it");
    place.assert_healthy("a doubled write");

    let unique = "CREATE UNIQUE INDEX once ON notes (id) WHERE id > 1000";
    place.pool.get().unwrap().batch_execute(unique).unwrap();
    for _ in 0..5 {
        place.next += 1_000;
        place.proxy.next(Fault::Duplicate);
        let (id, written) = place.write();
        assert_eq!(written, Ok(1));
        std::thread::sleep(Duration::from_millis(200));
        assert!(is_stored(&place, id, 1));
    }
    place.assert_healthy("a doubled write that a key protects");
}

/// A server that takes no connection, as a firewall that throws packets away.
fn nobody_listens<R: Remote>() {
    use socket2::{Domain, Socket, Type};

    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    listener.bind(&any.into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    // Those who wait to be accepted fill its queue.
    let mut waiting = Vec::new();
    while let Ok(stream) =
        std::net::TcpStream::connect_timeout(&address, Duration::from_millis(300))
    {
        waiting.push(stream);
        assert!(waiting.len() < 100, "the queue is endless");
    }
    let server = R::start();
    for (options, least) in [
        // One try, as the next would not end in time; several.
        ("connect_timeout=0.5&statement_timeout=0.5", 0.45),
        ("connect_timeout=0.3&statement_timeout=2", 0.9),
    ] {
        let url = server.url_at(&format!("http://{address}"), options);
        let mut conn = R::Conn::establish(&url).unwrap();
        let (result, time) = timed(|| conn.batch_execute("CREATE TABLE t (a)"));
        let Err(Error::DatabaseError(kind, information)) = result else {
            panic!("{result:?}");
        };
        assert!(
            matches!(kind, DatabaseErrorKind::UnableToSendCommand),
            "{kind:?}"
        );
        let message = information.message();
        assert!(message.contains("no connection within 0."), "{message}");
        let seconds = time.as_secs_f64();
        assert!(seconds >= least, "{options}: {seconds} s");
        assert!(time < BUSY, "{options}: {seconds} s"); // the default for one connection alone
    }
}

macro_rules! on_each {
    ($($module:ident: $remote:ty;)+) => {
        $(
            mod $module {
                use super::*;

                #[test]
                fn a_fault_of_one_request_is_retried_or_an_error() {
                    every_fault::<$remote>();
                }

                #[test]
                fn a_fault_of_every_request_is_an_error_in_time() {
                    every_fault_for_ever::<$remote>();
                }

                #[test]
                fn too_many_requests_are_sent_again_when_the_server_says() {
                    too_many_requests::<$remote>();
                }

                #[test]
                fn redirects_are_not_followed() {
                    redirects::<$remote>();
                }

                #[test]
                fn a_huge_answer_is_read_or_refused() {
                    a_huge_answer::<$remote>();
                }

                #[test]
                fn a_doubled_request_repeats_unprotected_writes_only() {
                    doubled_requests::<$remote>();
                }

                #[test]
                fn a_server_that_takes_no_connection_is_an_error_in_time() {
                    nobody_listens::<$remote>();
                }

                #[test]
                fn an_idle_connection_may_be_closed() {
                    an_idle_connection_that_was_closed::<$remote>();
                }
            }
        )+
    };
}

on_each! {
    on_libsql: sqld::TestDb;
    on_d1: d1::TestDb;
}

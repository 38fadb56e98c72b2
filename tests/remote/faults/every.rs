//! Each fault once, and for ever.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use support::fault_proxy::{BUSY, Fault, FaultProxy, answer, timed};

use super::JSON;
use super::place::{HASTIEST, HASTY, Place, REQUEST, STATEMENT};
use crate::remote::Remote;

/// A fault of one request, whether a read succeeds nevertheless, and whether the server may have
/// executed the request.
type Case = (&'static str, fn() -> Fault, bool, bool);

const CASES: [Case; 28] = [
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
        "204 after",
        || Fault::AnswerAfter(answer(204, JSON, "")),
        false,
        true,
    ),
    (
        "408 after",
        || Fault::AnswerAfter(answer(408, JSON, "")),
        false,
        true,
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

const PAGE: &str = "<!DOCTYPE html><html><body><h1>Bad gateway</h1></body></html>";

pub(super) fn every_fault<R: Remote>() {
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
            assert_eq!(
                covara_diesel::DatabaseError::from(error).kind(),
                covara_diesel::ErrorKind::ConnectionLost
            );
        }
        place.assert_healthy(name);
    }
}

/// Calls `done` until it returns true, and returns whether that happened within a minute.
fn within_a_minute(mut done: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !done() {
        if begun.elapsed() > Duration::from_secs(60) {
            return false;
        }
    }
    true
}

/// Repeats each fault for every request: the result is an error in time.
pub(super) fn every_fault_for_ever<R: Remote>() {
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

//! Answers that are refusals, redirects or very long.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use support::fault_proxy::{BUSY, Fault, FaultProxy, answer, timed, with_header};

use super::JSON;
use super::place::{Place, STATEMENT};
use crate::remote::Remote;

/// Answers with 429: the server has not taken the request, so even a write may be sent again.
pub(super) fn too_many_requests<R: Remote>() {
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

/// Answers with redirects, which would take the token, and the data, to another server.
pub(super) fn redirects<R: Remote>() {
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

/// Answers with fifty megabytes, which are read up to the limit in the URL.
pub(super) fn a_huge_answer<R: Remote>() {
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

//! Tokens are shown nowhere: not in errors, not by `Debug`, not to observers, not in logs.

use std::cell::RefCell;
use std::fmt::Debug;
use std::sync::Once;

use covara_diesel::remote::{D1Connection, LibsqlConnection};
use diesel::connection::{InstrumentationEvent, set_default_instrumentation};
use diesel::prelude::*;
use diesel::r2d2::R2D2Connection;
use support::fault_proxy::{Fault, FaultProxy, answer, with_header};
use support::{d1, sqld};

use super::pool_of;

/// In every URL here.
const TOKEN: &str = "s3cret-t0ken-4f9d1c";
/// A part of it would be as good for an attacker who has the rest.
const PART: &str = "s3cret";

thread_local! {
    /// What this thread logged; nothing unless it asked.
    static LOGGED: RefCell<Option<String>> = const { RefCell::new(None) };
}

struct Logger;

fn note(text: String) {
    LOGGED.with_borrow_mut(|logged| {
        if let Some(logged) = logged {
            logged.push_str(&text);
        }
    });
}

/// The client writes what goes over the wire at its finest level, and where a server redirects
/// to at the one above it.
fn is_documented(record: &log::Record<'_>, text: &str) -> bool {
    record.target().starts_with("ureq")
        && match record.level() {
            log::Level::Trace => true,
            log::Level::Debug => {
                text.starts_with("ureq::run Response") && text.contains("location")
            }
            _ => false,
        }
}

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        LOGGED.with_borrow(Option::is_some)
    }

    fn log(&self, record: &log::Record<'_>) {
        // Made before it is noted, as making it may log.
        let text = format!("{} {}\n", record.target(), record.args());
        if !is_documented(record, &text) {
            note(text);
        }
    }

    fn flush(&self) {}
}

/// Everything that is said while `work` runs, errors with their causes included.
fn said(work: impl FnOnce(&mut dyn FnMut(&dyn Debug))) -> String {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Logger).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
        set_default_instrumentation(|| {
            Some(Box::new(|event: InstrumentationEvent<'_>| {
                note(format!("{event:?}\n"));
            }))
        })
        .unwrap();
    });
    LOGGED.set(Some(String::new()));
    let mut shown = String::new();
    work(&mut |value: &dyn Debug| shown.push_str(&format!("{value:?} {value:#?}\n")));
    let logged = LOGGED.take().unwrap();
    shown + &logged
}

/// An error as it is told, with its causes.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = format!("{error} {error:?}");
    if let Some(source) = error.source() {
        text.push_str(&with_causes(source));
    }
    text
}

fn assert_hidden(text: &str) {
    assert!(!text.contains(PART), "{text}");
}

fn use_badly<C>(url: &str, show: &mut dyn FnMut(&dyn Debug))
where
    C: R2D2Connection + diesel::connection::LoadConnection + Debug + Send + 'static,
    diesel::query_builder::SqlQuery: diesel::query_dsl::methods::ExecuteDsl<C>,
{
    show(&pool_of::<C>(url, 1));
    // In this thread, so that it is seen what its observer is told.
    let mut conn = C::establish(url).unwrap();
    show(&conn);
    for sql in ["SELECT 1", "CREATE TABLE t (a)", "SELEC"] {
        if let Err(error) = diesel::sql_query(sql).execute(&mut conn) {
            show(&with_causes(&error));
        }
    }
    if let Err(error) = conn.batch_execute("CREATE TABLE t (a); nonsense") {
        show(&with_causes(&error));
    }
    if let Err(error) = conn.transaction::<(), diesel::result::Error, _>(|_| Ok(())) {
        show(&with_causes(&error));
    }
}

/// Each is an answer that has the token in it, as a server that repeats what it was sent.
fn echoes() -> Vec<Fault> {
    let echo = || format!("you sent Bearer {TOKEN}, {TOKEN}!");
    let json = || {
        serde_json::json!({"error": echo(), "message": echo(), "success": false,
        "errors": [{"code": 10000, "message": echo()}]})
        .to_string()
    };
    let mut all = Vec::new();
    // As an error of a statement, in the words of D1 and of libSQL.
    for message in [echo(), format!("{}: SQLITE_ERROR", echo())] {
        let of_d1 = serde_json::json!({"success": false, "result": [],
            "errors": [{"code": 7500, "message": message}]});
        for status in [200, 400] {
            let of_d1 = answer(status, "application/json", of_d1.to_string());
            all.push(Fault::Answer(of_d1));
        }
        let autocommit = serde_json::json!({"type": "ok",
            "response": {"type": "get_autocommit", "is_autocommit": true}});
        let close = serde_json::json!({"type": "ok", "response": {"type": "close"}});
        let error = serde_json::json!({"message": message, "code": "SQLITE_UNKNOWN"});
        let of_step = serde_json::json!({"type": "ok", "response": {"type": "batch",
            "result": {"step_results": [null], "step_errors": [error]}}});
        let of_request = serde_json::json!({"type": "error", "error": error});
        for first in [of_step, of_request] {
            let of_libsql = serde_json::json!({"baton": null, "base_url": null,
                "results": [first, autocommit, close]});
            let of_libsql = answer(200, "application/json", of_libsql.to_string());
            all.push(Fault::Answer(of_libsql));
        }
    }
    for status in [200, 400, 401, 403, 404, 500, 502] {
        all.push(Fault::Answer(answer(status, "text/plain", echo())));
        all.push(Fault::Answer(answer(status, "application/json", json())));
    }
    let location = format!("http://127.0.0.1:9/?token={TOKEN}");
    all.push(Fault::Answer(with_header(
        answer(302, "text/plain", ""),
        "Location",
        &location,
    )));
    all.push(Fault::CloseAfter);
    all.push(Fault::Truncate(10));
    all
}

#[test]
fn libsql_shows_no_token() {
    let text = said(|show| {
        let db = sqld::TestDb::with_tokens();
        for fault in echoes() {
            let proxy = FaultProxy::new(&db.url());
            proxy.next(fault);
            let url = format!("{}?authToken={TOKEN}", proxy.origin());
            use_badly::<LibsqlConnection>(&url, show);
        }
        let nobody = "http://127.0.0.1:9";
        let short = "connect_timeout=0.2&statement_timeout=0.5";
        use_badly::<LibsqlConnection>(&format!("{nobody}?authToken={TOKEN}&{short}"), show);
    });
    assert!(text.contains("401"), "{text}");
    assert!(text.contains("StartQuery"), "observers are asked: {text}");
    assert_hidden(&text);
}

#[test]
fn d1_shows_no_token() {
    let db = d1::TestDb::new();
    let text = said(|show| {
        for fault in echoes() {
            let proxy = FaultProxy::new(db.base_url());
            proxy.next(fault);
            use_badly::<D1Connection>(&db.url_through(&proxy.origin(), TOKEN), show);
        }
        let url = db.url_through("http://127.0.0.1:9", TOKEN);
        let short = "connect_timeout=0.2&statement_timeout=0.5";
        use_badly::<D1Connection>(&format!("{url}&{short}"), show);
    });
    assert!(text.contains("401"), "{text}");
    assert_hidden(&text);
}

#[test]
fn urls_that_cannot_be_used_show_no_token() {
    let text = said(|show| {
        for url in [
            "mysql://host?authToken=TOKEN",
            "libsql://TOKEN@host",
            "libsql://user:TOKEN@host/path",
            "libsql://host?authToken=TOKEN&unknown=1",
            "libsql://host?authtoken=TOKEN",
            "libsql://host?TOKEN",
            "libsql://host?TOKEN=",
            "libsql://host?TOKEN==",
            "libsql://host?authToken=TOKEN%0d%0ax",
            "libsql://host?authToken=TOKEN%FF",
            "libsql://host?authToken=TOKEN&request_timeout=TOKEN",
            "libsql://?authToken=TOKEN",
            "libsql:host?authToken=TOKEN",
            "http://example.com?authToken=TOKEN",
            "libsql://host#TOKEN",
            "TOKEN",
            "",
        ] {
            let error = LibsqlConnection::establish(&url.replace("TOKEN", TOKEN));
            if let Err(error) = error {
                show(&with_causes(&error));
            }
        }
        for url in [
            "libsql://a/b?token=TOKEN",
            "d1://a?token=TOKEN",
            "d1://a/b/c?token=TOKEN",
            "d1://a/b?token=TOKEN&base_url=http://example.com",
            "d1://a/b?token=TOKEN&base_url=https://user:TOKEN@example.com",
            "d1://a/b?token=TOKEN&base_url=TOKEN",
            "d1://a/b?token=TOKEN&base_url=https://x?TOKEN=1",
            "d1://TOKEN@a/b",
            "d1://a/b?Token=TOKEN",
            "d1://a/b?TOKEN=",
            "d1://a/b?TOKEN==",
        ] {
            let error = D1Connection::establish(&url.replace("TOKEN", TOKEN));
            show(&with_causes(&error.expect_err(url)));
        }
    });
    assert!(text.contains("InvalidConnectionUrl"), "{text}");
    assert_hidden(&text);
}

/// The real servers' own refusals.
#[test]
fn a_refused_token_has_its_own_error() {
    use sqld::tokens::{EXPIRED, FOREIGN, FULL, READ_ONLY};
    let write = "CREATE TABLE IF NOT EXISTS t (a)";
    let db = sqld::TestDb::with_tokens();
    let libsql = |token: &str, sql: &str| {
        let url = format!("{}?authToken={token}", db.url());
        let mut conn = LibsqlConnection::establish(&url).unwrap();
        diesel::sql_query(sql).execute(&mut conn)
    };
    libsql(FULL, write).unwrap();
    libsql(READ_ONLY, "SELECT 1").unwrap();
    for (token, sql, status) in [
        (READ_ONLY, write, "403"),
        (EXPIRED, "SELECT 1", "401"),
        (FOREIGN, "SELECT 1", "401"),
        ("", "SELECT 1", "401"),
    ] {
        let error = libsql(token, sql).unwrap_err();
        let text = with_causes(&error);
        assert!(text.contains(status), "{text}");
        assert!(token.is_empty() || !text.contains(token), "{text}");
    }

    let db = d1::TestDb::new();
    for (token, status) in [("wrong", "401"), (d1::FOREIGN_TOKEN, "403")] {
        let url = db.url_through(db.base_url(), token);
        let mut conn = D1Connection::establish(&url).unwrap();
        let error = diesel::sql_query(write).execute(&mut conn).unwrap_err();
        let text = with_causes(&error);
        assert!(text.contains(status) && !text.contains(token), "{text}");
    }
    let elsewhere = db.url().replace(&db.database(), "no-such-database");
    let mut conn = D1Connection::establish(&elsewhere).unwrap();
    let error = diesel::sql_query(write).execute(&mut conn).unwrap_err();
    assert!(with_causes(&error).contains("404"), "{error:?}");
}

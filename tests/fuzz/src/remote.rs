//! Answers of libSQL servers and of Cloudflare's API.

use std::io::BufReader;
use std::net::TcpListener;
use std::sync::{Mutex, OnceLock};
use std::thread;

use covara_diesel::__fuzz as library;
use covara_diesel::DatabaseConnection;
use covara_diesel::remote::{D1Connection, LibsqlConnection};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::{BigInt, Binary, Double, Nullable, Text};
use diesel::sqlite::Sqlite;

use crate::choice;
use crate::http::Message;

/// The server's answer to every request.
static ANSWER: Mutex<(u16, Vec<u8>)> = Mutex::new((200, Vec::new()));

/// The port of the server, which lives as long as the process.
fn port() -> u16 {
    static PORT: OnceLock<u16> = OnceLock::new();
    *PORT.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                thread::spawn(move || {
                    let _ = stream.set_nodelay(true);
                    let mut requests = BufReader::new(stream.try_clone().expect("a socket"));
                    while let Ok(Some(_)) = Message::read(&mut requests) {
                        let (status, body) = ANSWER.lock().expect("no panic").clone();
                        let answer = Message {
                            start: format!("HTTP/1.1 {status} X"),
                            headers: vec![("Content-Type".into(), "application/json".into())],
                            body,
                        };
                        if answer.write(&mut stream).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        port
    })
}

#[derive(QueryableByName)]
#[expect(dead_code, reason = "that it can be read is all")]
struct Row {
    #[diesel(sql_type = Nullable<BigInt>)]
    i: Option<i64>,
    #[diesel(sql_type = Nullable<Double>)]
    r: Option<f64>,
    #[diesel(sql_type = Nullable<Text>)]
    t: Option<String>,
    #[diesel(sql_type = Nullable<Binary>)]
    b: Option<Vec<u8>>,
}

pub(crate) fn hrana(data: &[u8]) {
    let waits = "connect_timeout=2&request_timeout=2&statement_timeout=2";
    let url = format!("http://127.0.0.1:{}?driver=libsql&{waits}", port());
    ask(LibsqlConnection::establish(&url).expect("a URL"), data);
}

pub(crate) fn d1(data: &[u8]) {
    let waits = "connect_timeout=2&request_timeout=2&statement_timeout=2";
    let url = format!(
        "d1://a/b?token=x&base_url=http://127.0.0.1:{}&{waits}",
        port()
    );
    ask(D1Connection::establish(&url).expect("a URL"), data);
}

fn ask<C: DatabaseConnection<Backend = Sqlite>>(mut conn: C, data: &[u8]) {
    let (way, body) = choice(data);
    // Statuses after which nothing is tried again, as that would take long.
    let status = [200, 200, 200, 400, 401, 404][usize::from(way / 8) % 6];
    *ANSWER.lock().expect("no panic") = (status, body.to_vec());
    let conn = &mut conn;
    let result = match way % 8 {
        0 | 1 => {
            let rows = diesel::sql_query("SELECT * FROM t").load::<Row>(conn);
            rows.map(|rows| drop(rows))
        }
        2 => {
            let columns = diesel::dsl::sql::<(BigInt, Nullable<Text>)>("* FROM t");
            let rows = diesel::select(columns).load::<(i64, Option<String>)>(conn);
            rows.map(|rows| drop(rows))
        }
        3 => conn.batch_execute("CREATE TABLE t (a); CREATE TABLE u (a)"),
        4 => {
            let insert = diesel::sql_query("INSERT INTO t VALUES (?)").bind::<Text, _>("x");
            insert.execute(conn).map(drop)
        }
        5 => {
            let count = diesel::dsl::sql::<BigInt>("count(*) FROM t");
            diesel::select(count).first::<i64>(conn).map(drop)
        }
        6 => conn.transaction(|conn| {
            conn.batch_execute("INSERT INTO t VALUES (1)")?;
            diesel::sql_query("SELECT * FROM t")
                .load::<Row>(conn)
                .map(drop)
        }),
        _ => {
            let _ = covara_diesel::auto_migrate(conn).map_err(|error| error.to_string());
            Ok(())
        }
    };
    if let Err(error) = result {
        let _ = error.to_string();
    }
}

/// The parts of replies that are no JSON: the header `Retry-After`, and SQLite's messages with what
/// servers write around them.
pub(crate) fn replies(data: &[u8]) {
    let (way, data) = choice(data);
    let text = String::from_utf8_lossy(data);
    // <https://www.rfc-editor.org/rfc/rfc9110#field.retry-after>; of a date it is none.
    let digits = text.trim();
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let pause = library::retry_after(&text);
    assert_eq!(
        pause.map(|pause| pause.as_secs()),
        digits.parse().ok().filter(|_| is_number)
    );

    let message = |message: &str| match library::statement_error(message) {
        Error::DatabaseError(kind, about) => (kind, about.message().to_owned()),
        other => panic!("{other:?}"),
    };
    let (_, words) = message(&text);
    assert!(text.contains(&words), "{text:?}");
    let (start, kind) = [
        (
            "UNIQUE constraint failed",
            DatabaseErrorKind::UniqueViolation,
        ),
        (
            "FOREIGN KEY constraint failed",
            DatabaseErrorKind::ForeignKeyViolation,
        ),
        (
            "NOT NULL constraint failed",
            DatabaseErrorKind::NotNullViolation,
        ),
        ("CHECK constraint failed", DatabaseErrorKind::CheckViolation),
        ("no such table", DatabaseErrorKind::Unknown),
    ][usize::from(way) % 5];
    let said = format!("{start}: {text}");
    let (before, after) = [
        ("", ""),
        ("SQLite error: ", ""),
        (
            "D1_ERROR: ",
            ": SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_TRIGGER)",
        ),
        ("Error: SQL input error: ", " (at offset 7)"),
    ][usize::from(way) / 5 % 4];
    let (found, words) = message(&format!("{before}{said}{after}"));
    assert_eq!(format!("{found:?}"), format!("{kind:?}"), "{said:?}");
    if ![": SQLITE_", " (at offset "]
        .iter()
        .any(|end| said.contains(end))
    {
        assert_eq!(words, said);
    }
}

//! Encryption: certificates are verified, and without it only this machine is spoken to.

use std::net::TcpListener;
use std::time::Duration;

use covara_diesel::remote::{D1Connection, LibsqlConnection};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::{ConnectionError, DatabaseErrorKind, Error};
use support::fault_proxy::{BUSY, Fault, FaultProxy, timed};
use support::https::{Authority, Spoiler, Spoilt};
use support::{d1, sqld};

fn is_not_sent(error: &Error) -> bool {
    matches!(
        error,
        Error::DatabaseError(DatabaseErrorKind::UnableToSendCommand, _)
    )
}

fn port_of(origin: &str) -> u16 {
    origin.rsplit(':').next().unwrap().parse().unwrap()
}

#[test]
fn certificates_are_verified_on_libsql() {
    let db = sqld::TestDb::new();
    let proxy = FaultProxy::new(&db.url());
    let ours = Authority::new();
    let server = ours.serve(port_of(&proxy.origin()), "DNS:localhost,IP:127.0.0.1");
    let other = Authority::new();
    let ask = |url: &str| {
        let mut conn = LibsqlConnection::establish(url).unwrap();
        conn.batch_execute("CREATE TABLE IF NOT EXISTS t (a)")
    };
    for host in ["localhost", "127.0.0.1"] {
        let address = format!("{host}:{}", server.port);
        for scheme in ["https", "libsql"] {
            let error = ask(&format!("{scheme}://{address}")).unwrap_err();
            assert!(is_not_sent(&error), "{error:?}");
            let text = error.to_string().to_lowercase();
            assert!(text.contains("certificate"), "{text}");
            // Another authority than the one that signed.
            let path = other.certificate();
            let url = format!("{scheme}://{address}?sslrootcert={}", path.display());
            assert!(is_not_sent(&ask(&url).unwrap_err()));
        }
    }
    assert_eq!(proxy.requests().len(), 0, "nothing was said to it");

    let trusted = format!("sslrootcert={}", ours.certificate().display());
    for url in ["https://localhost", "libsql://127.0.0.1"] {
        ask(&format!("{url}:{}?{trusted}", server.port)).unwrap();
    }
    assert_eq!(proxy.requests().len(), 2);

    // Signed by ours, but for somebody else.
    let wrong = ours.serve(port_of(&proxy.origin()), "DNS:example.com");
    let error = ask(&format!("https://localhost:{}?{trusted}", wrong.port)).unwrap_err();
    assert!(is_not_sent(&error), "{error:?}");
    assert_eq!(proxy.requests().len(), 2);
    // Nobody at all.
    let error = ask("https://no-such-host.invalid?statement_timeout=1").unwrap_err();
    assert!(is_not_sent(&error), "{error:?}");
    // What is not even encrypted.
    let error = ask(&format!("https://localhost:{}?{trusted}", db.port())).unwrap_err();
    assert!(is_not_sent(&error), "{error:?}");
}

#[test]
fn certificates_are_verified_on_d1() {
    let db = d1::TestDb::new();
    let ours = Authority::new();
    let server = ours.serve(port_of(db.base_url()), "DNS:localhost");
    let url = db.url_through(&format!("https://localhost:{}", server.port), d1::TOKEN);
    let ask = |url: &str| {
        let mut conn = D1Connection::establish(url).unwrap();
        conn.batch_execute("CREATE TABLE t (a)")
    };
    let error = ask(&url).unwrap_err();
    assert!(is_not_sent(&error), "{error:?}");
    let certificate = ours.certificate();
    ask(&format!("{url}&sslrootcert={}", certificate.display())).unwrap();
}

/// Records that cannot be read come after the request: it may have been carried out.
#[test]
fn a_spoilt_answer_is_not_reported_as_an_unsent_request() {
    let db = sqld::TestDb::new();
    let ours = Authority::new();
    let server = ours.serve(db.port(), "IP:127.0.0.1");
    let trusted = format!("sslrootcert={}", ours.certificate().display());
    let mut direct = LibsqlConnection::establish(&db.url()).unwrap();
    direct.batch_execute("CREATE TABLE t (a INTEGER)").unwrap();
    let count = |conn: &mut LibsqlConnection| {
        diesel::select(diesel::dsl::sql::<diesel::sql_types::BigInt>(
            "(SELECT count(*) FROM t)",
        ))
        .get_result::<i64>(conn)
    };
    for (round, spoilt) in [Spoilt::Flipped, Spoilt::Garbage].into_iter().enumerate() {
        let between = Spoiler::new(server.port);
        let url = format!("https://127.0.0.1:{}?{trusted}", between.port);
        let mut conn = LibsqlConnection::establish(&url).unwrap();
        let stored = i64::try_from(round).unwrap();
        assert_eq!(count(&mut conn), Ok(stored));

        between.spoil_next(spoilt);
        let error = conn.batch_execute("INSERT INTO t VALUES (1)").unwrap_err();
        assert_eq!(count(&mut direct), Ok(stored + 1), "{spoilt:?}: {error}");
        assert!(
            matches!(
                error,
                Error::DatabaseError(DatabaseErrorKind::ClosedConnection, _)
            ),
            "{spoilt:?}: {error:?}"
        );
        // A read is asked again.
        assert_eq!(count(&mut conn), Ok(stored + 1));
        between.spoil_next(spoilt);
        assert_eq!(count(&mut conn), Ok(stored + 1), "{spoilt:?}");
    }
}

/// Before keys are agreed on nothing has been asked for.
#[test]
fn a_server_that_breaks_off_before_there_is_encryption_was_sent_nothing() {
    let ask = |port: u16| {
        let url = format!("https://127.0.0.1:{port}?connect_timeout=0.4&statement_timeout=2");
        let mut conn = LibsqlConnection::establish(&url).unwrap();
        let (asked, time) = timed(|| conn.batch_execute("CREATE TABLE t (a)"));
        let error = asked.unwrap_err();
        assert!(is_not_sent(&error), "{error:?}");
        assert!(time < Duration::from_secs(2) + BUSY, "{time:?}");
        error.to_string()
    };
    // It says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let said = ask(silent.local_addr().unwrap().port());
    assert!(said.contains("no connection within 0."), "{said}");

    // It hangs up, and is asked again.
    let closing = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closing.local_addr().unwrap().port();
    let (count, counted) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for client in closing.incoming().flatten() {
            drop(client);
            if count.send(()).is_err() {
                break;
            }
        }
    });
    ask(port);
    assert!(counted.try_iter().count() > 1);
}

#[test]
fn plain_http_is_for_this_machine_unless_asked_for_by_name() {
    let libsql = |url: &str| LibsqlConnection::establish(url).map(drop);
    let d1 = |base: &str| {
        let url = format!("d1://a/b?token=x&base_url={base}");
        D1Connection::establish(&url).map(drop)
    };
    for host in [
        "localhost",
        "127.0.0.1:8080",
        "127.1.2.3",
        "[::1]:80",
        "LOCALHOST",
    ] {
        libsql(&format!("http://{host}")).unwrap();
        libsql(&format!("libsql://{host}?tls=0")).unwrap();
        d1(&format!("http://{host}")).unwrap();
    }
    for host in [
        "example.com",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "127.0.0.1@example.com",
        "localhost:80@example.com",
        "10.0.0.1",
        "[2001:db8::1]",
        "0.0.0.0",
    ] {
        for refused in [
            libsql(&format!("http://{host}")),
            libsql(&format!("libsql://{host}?tls=0")),
            d1(&format!("http://{host}")),
        ] {
            let error = refused.expect_err(host);
            assert!(
                matches!(error, ConnectionError::InvalidConnectionUrl(_)),
                "{error:?}"
            );
        }
    }
    for host in ["example.com", "10.0.0.1"] {
        libsql(&format!("http://{host}?allow_plain_http=true")).unwrap();
        d1(&format!("http://{host}&allow_plain_http=true")).unwrap();
        libsql(&format!("http://{host}?allow_plain_http=false")).unwrap_err();
    }
}

/// The server's answer with this in the place of no base URL.
fn go_on_at(url: String) -> Fault {
    Fault::Change(Box::new(move |body| {
        let text = String::from_utf8(body).unwrap();
        let new = format!("\"base_url\":\"{url}\"");
        assert!(text.contains("\"base_url\":null"), "{text}");
        text.replace("\"base_url\":null", &new).into_bytes()
    }))
}

fn insert(conn: &mut LibsqlConnection) -> diesel::result::QueryResult<usize> {
    diesel::sql_query("INSERT INTO t VALUES (1)").execute(conn)
}

/// Where a server wants the stream to go on is where it goes on, but only on its own host.
#[test]
fn the_servers_base_url_is_honoured_on_its_own_host() {
    let db = sqld::TestDb::new();
    let named_host = FaultProxy::new(&db.url());
    let other_host = FaultProxy::new(&db.url());
    let mut conn = LibsqlConnection::establish(&named_host.origin()).unwrap();
    conn.batch_execute("CREATE TABLE t (a INTEGER)").unwrap();

    named_host.forget();
    named_host.next(go_on_at(format!("{}/", other_host.origin())));
    conn.transaction(insert).unwrap();
    assert_eq!(
        (named_host.requests().len(), other_host.requests().len()),
        (1, 2)
    );
    // The next one begins where the URL says.
    conn.transaction(insert).unwrap();
    assert_eq!(
        (named_host.requests().len(), other_host.requests().len()),
        (4, 2)
    );

    let by_name = other_host.origin().replace("127.0.0.1", "localhost");
    for url in [
        "http://example.com",
        "https://example.com",
        // Another name may be another host.
        &by_name,
        "file:///etc/passwd",
        "",
        "javascript:0",
        // What stands before the @ is a user, not a host.
        "http://127.0.0.1:80@example.com",
        "http://127.0.0.1@example.com",
        "http://localhost@example.com",
        "https://127.0.0.1.example.com",
        "https://user@example.com",
        "http://127.0.0.1:80?@example.com",
        "http://127.0.0.1\\\\@example.com",
        "https://",
    ] {
        named_host.next(go_on_at(url.to_owned()));
        let error = conn.transaction(insert).unwrap_err();
        assert!(
            matches!(error, Error::DeserializationError(_)),
            "{url}: {error:?}"
        );
    }
    assert_eq!(
        other_host.requests().len(),
        2,
        "nothing more was said there"
    );
}

#[test]
fn other_hosts_are_honoured_where_the_url_lists_them() {
    let db = sqld::TestDb::new();
    let named_host = FaultProxy::new(&db.url());
    let other_host = FaultProxy::new(&db.url());
    let url = format!("{}?base_hosts=example.com,LOCALHOST", named_host.origin());
    let mut conn = LibsqlConnection::establish(&url).unwrap();
    conn.batch_execute("CREATE TABLE t (a INTEGER)").unwrap();
    let by_name = other_host.origin().replace("127.0.0.1", "localhost");
    named_host.next(go_on_at(by_name));
    conn.transaction(insert).unwrap();
    assert_eq!(other_host.requests().len(), 2);
    // Not without encryption, and none that only ends like it.
    for url in ["http://example.com", "https://evil-example.com"] {
        named_host.next(go_on_at(url.to_owned()));
        let error = conn.transaction(insert).unwrap_err();
        assert!(matches!(error, Error::DeserializationError(_)), "{error:?}");
    }
    for list in ["example.com:443", "https://example.com", "a@example.com"] {
        let url = format!("{}?base_hosts={list}", named_host.origin());
        assert!(LibsqlConnection::establish(&url).is_err(), "{list}");
    }
}

/// Even on the same host, even where unencrypted HTTP is accepted.
#[test]
fn an_encrypted_connection_stays_encrypted() {
    let db = sqld::TestDb::new();
    let proxy = FaultProxy::new(&db.url());
    let plain = FaultProxy::new(&db.url());
    let ours = Authority::new();
    let server = ours.serve(port_of(&proxy.origin()), "IP:127.0.0.1");
    let certificate = ours.certificate();
    let url = format!(
        "https://127.0.0.1:{}?authToken=secret&allow_plain_http=true&sslrootcert={}",
        server.port,
        certificate.display()
    );
    let mut conn = LibsqlConnection::establish(&url).unwrap();
    conn.batch_execute("CREATE TABLE t (a INTEGER)").unwrap();
    proxy.next(go_on_at(plain.origin()));
    let error = conn.transaction(insert).unwrap_err();
    assert!(matches!(error, Error::DeserializationError(_)), "{error:?}");
    assert_eq!(plain.requests().len(), 0, "the token was not sent there");
    conn.transaction(insert).unwrap();
}

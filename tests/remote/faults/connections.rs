//! Connections that are closed while idle, carry a request twice or are never accepted.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use support::fault_proxy::{BUSY, Fault, timed};

use super::place::Place;
use crate::remote::Remote;

/// Servers close connections that nobody uses; to send on one is no reason to fail.
pub(super) fn an_idle_connection_that_was_closed<R: Remote>() {
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

/// A busy server closes a connection for its idle time though a request waits on it, so a write
/// that follows a pause, or is large, takes a connection of its own. What only reads can be sent
/// again.
pub(super) fn a_write_after_a_pause<R: Remote>() {
    let mut place = Place::<R>::new();
    let mut connections_after = |pause, write: Option<usize>| {
        std::thread::sleep(Duration::from_millis(pause));
        let before = place.proxy.connections();
        match write {
            Some(length) => {
                let text = "x".repeat(length);
                let sql = format!("INSERT INTO notes VALUES (1, '{text}')");
                place.pool.get().unwrap().batch_execute(&sql).unwrap();
            }
            None => drop(place.read().unwrap()),
        }
        place.proxy.connections() - before
    };
    assert_eq!(connections_after(1_200, None), 0, "a read");
    assert_eq!(connections_after(1_200, Some(1)), 1, "a write");
    assert_eq!(connections_after(0, Some(70_000)), 1, "a large write");
    assert_eq!(connections_after(4_200, None), 1, "a read after 4 s");
}

/// A network that sends a request twice: what only reads, and what a key protects, is as if it
/// were sent once. A write that nothing protects is there twice, of which nobody on this side
/// can know: the first answer is a good one.
pub(super) fn doubled_requests<R: Remote>() {
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
pub(super) fn nobody_listens<R: Remote>() {
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

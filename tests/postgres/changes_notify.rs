//! Notifications of changes.

use std::time::Duration;

use covara_diesel::changes::ChangeError;
use diesel::prelude::*;
use diesel::result::Error;

use super::changes::{PLAIN, in_short, log, logged, run};
use crate::suite::number;

fn notifications(conn: &mut PgConnection) -> usize {
    // The server sends them before the answer to a query.
    run(conn, "SELECT 1");
    conn.notifications_iter().map(Result::unwrap).count()
}

#[test]
fn a_log_notifies_once_a_transaction_and_only_if_it_is_to() {
    let (db, mut conn) = logged(PLAIN);
    let conn = &mut conn;
    let class = number(conn, "SELECT class AS n FROM __covara_changes_state");
    let mut listener = db.connect_directly();
    run(&mut listener, &format!("LISTEN __covara_changes_{class}"));
    run(conn, "INSERT INTO places VALUES (1, 'a')");
    assert_eq!(notifications(&mut listener), 0);

    assert_eq!(log().notify().install(conn).unwrap().mended, ["places"]);
    assert_eq!(
        log().notify().install(conn).unwrap(),
        Default::default(),
        "again"
    );
    run(
        conn,
        "BEGIN; INSERT INTO places VALUES (2, 'b'); UPDATE places SET name = 'c'; COMMIT",
    );
    assert_eq!(notifications(&mut listener), 1);
    run(
        conn,
        "BEGIN; SAVEPOINT a; INSERT INTO places VALUES (3, 'b'); ROLLBACK TO a;
         UPDATE places SET name = 'd' WHERE id = 9; COMMIT",
    );
    assert_eq!(notifications(&mut listener), 0);
    run(
        conn,
        "BEGIN; SAVEPOINT a; INSERT INTO places VALUES (3, 'b'); ROLLBACK TO a;
         UPDATE places SET name = 'd'; COMMIT",
    );
    assert_eq!(notifications(&mut listener), 1);
    assert_eq!(log().install(conn).unwrap().mended, ["places"]);
    run(conn, "DELETE FROM places");
    assert_eq!(notifications(&mut listener), 0);
}

#[test]
fn a_feed_waits_for_notifications() {
    let (db, mut conn) = logged(PLAIN);
    let conn = &mut conn;
    log().notify().install(conn).unwrap();
    in_short(conn);
    let mut listener = db.connect_directly();
    let feed = log().feed("reader");
    assert!(
        !feed
            .wait_notified(&mut listener, Duration::from_millis(50))
            .unwrap()
    );
    let mut earlier = db.connect_directly();
    run(&mut earlier, "BEGIN; INSERT INTO places VALUES (1, 'a')");
    run(conn, "INSERT INTO places VALUES (2, 'b')");
    // Its notification has come, but it is not to be read yet.
    assert!(
        !feed
            .wait_notified(&mut listener, Duration::from_millis(50))
            .unwrap()
    );
    let waiter = std::thread::spawn(move || {
        let waited = feed.wait_notified(&mut listener, Duration::from_secs(60));
        (waited.unwrap(), listener)
    });
    // Nobody notifies of a roll-back.
    run(&mut earlier, "ROLLBACK");
    let (waited, mut listener) = waiter.join().unwrap();
    assert!(waited);
    let in_transaction = listener.transaction(|conn| {
        let waited = log().feed("reader").wait_notified(conn, Duration::ZERO);
        Ok::<_, Error>(waited.unwrap_err())
    });
    let error = in_transaction.unwrap();
    assert!(matches!(error, ChangeError::Database(_)), "{error:?}");
}

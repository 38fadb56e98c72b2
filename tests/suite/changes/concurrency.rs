//! Writers and consumers in many threads and processes, some of which are killed.

use std::thread;
use std::time::Duration;

use covara_diesel::Dialect;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};
use support::changes::{CREATE, consume, is_lost_to_another, log, write};
use support::workers;

use super::run;
use crate::backend::{self, Conn, TestDb};
use crate::suite::number;

#[derive(QueryableByName)]
struct Delivered {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    old: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    new: Option<i64>,
}

#[test]
fn every_committed_change_is_processed_once_and_in_order() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    backend::wait_for_writers(conn);
    run(conn, CREATE);
    log().install(conn).unwrap();
    let worker = env!("CARGO_BIN_EXE_worker");
    let url = db.url();
    let mut writers: Vec<_> = (1..=8)
        .map(|n| {
            let job = format!("changes-write:{n}{}-pooled", isolation(n));
            workers::start(worker, &url, &job)
        })
        .collect();
    for writer in &mut writers {
        workers::wait_until_ready(writer);
    }
    writers.iter_mut().for_each(workers::go);
    // One of them does not live to the end.
    let mut killed = writers.pop();
    let mut kills = 0;
    loop {
        let time = Duration::from_millis(20 + 15 * (kills % 6));
        workers::kill_after(worker, &url, "changes-consume-pooled", time);
        kills += 1;
        if kills == 2
            && let Some(mut killed) = killed.take()
        {
            killed.kill().unwrap();
            killed.wait().unwrap();
        }
        let is_running = |writer: &mut std::process::Child| writer.try_wait().unwrap().is_none();
        if kills >= support::thorough::times(5, 50) as u64 && !writers.iter_mut().any(is_running) {
            break;
        }
    }
    for writer in writers {
        let output = writer.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "a writer failed: {error}");
    }
    backend::wait_until_alone(conn);
    consume(conn).unwrap();
    check(conn, 100);
}

#[test]
fn threads_on_one_feed_take_turns() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    backend::wait_for_writers(conn);
    run(conn, CREATE);
    log().install(conn).unwrap();
    thread::scope(|scope| {
        let connect = || {
            let mut conn = db.connect();
            backend::wait_for_writers(&mut conn);
            conn
        };
        let writers: Vec<_> = (11..=18)
            .map(|n| {
                scope.spawn(move || {
                    write(&mut connect(), n, isolation(n).trim_start_matches(':')).unwrap();
                })
            })
            .collect();
        let is_writing = || writers.iter().any(|writer| !writer.is_finished());
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let conn = &mut connect();
                    while is_writing() {
                        if let Err(error) = consume(conn) {
                            let error = format!("{error:?}");
                            assert!(is_lost_to_another(&error), "{error}");
                        }
                        thread::sleep(Duration::from_millis(1));
                    }
                });
            }
        });
    });
    consume(conn).unwrap();
    check(conn, 50);
}

/// Writers differ in the isolation levels of their transactions, where there are some.
fn isolation(writer: u64) -> &'static str {
    match (backend::DIALECT, writer % 3) {
        (Dialect::Postgres, 1) => ":SERIALIZABLE",
        (Dialect::Postgres, 2) => ":REPEATABLE READ",
        _ => "",
    }
}

/// Checks that each change was processed once and in the order of its row.
fn check(conn: &mut Conn, least: usize) {
    let delivered = diesel::sql_query("SELECT id, old, new FROM delivered ORDER BY number")
        .load::<Delivered>(conn)
        .unwrap();
    let mut rows = std::collections::HashMap::new();
    for Delivered { id, old, new } in &delivered {
        let last = rows.insert(*id, *new).flatten();
        assert_eq!(last, *old, "of account {id}");
    }
    assert!(delivered.len() > least, "{}", delivered.len());
    assert_eq!(
        number(conn, "SELECT count(*) AS n FROM __covara_changes"),
        delivered.len() as i64
    );
    let differing = "SELECT
        (SELECT count(*) FROM accounts AS a WHERE NOT EXISTS (
            SELECT 1 FROM mirror AS m WHERE m.id = a.id AND m.cents = a.cents))
        + (SELECT count(*) FROM mirror AS m WHERE NOT EXISTS (
            SELECT 1 FROM accounts AS a WHERE m.id = a.id AND m.cents = a.cents)) AS n";
    assert_eq!(number(conn, differing), 0);
}

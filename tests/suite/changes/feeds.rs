//! Feeds: positions, gaps, work that fails.

use std::time::{Duration, Instant};

use covara_diesel::DatabaseConnection;
use covara_diesel::changes::{Change, ChangeError};
use diesel::connection::SimpleConnection;
use serde_json::json;

use super::helpers::changes;
use super::{item_log, logged, read, run};
use crate::backend::{self, Conn};
use crate::suite::{count, number};

fn insert(conn: &mut Conn, ids: std::ops::RangeInclusive<i64>) {
    for id in ids {
        run(conn, &format!("INSERT INTO items VALUES ({id}, 'a')"));
    }
}

fn keys(changes: &[Change]) -> Vec<i64> {
    changes
        .iter()
        .map(|change| change.key["id"].as_i64().unwrap())
        .collect()
}

#[test]
fn a_feed_returns_changes_until_they_are_done() {
    let (_db, mut conn) = logged();
    let conn = &mut conn;
    let feed = item_log().feed("reader");
    assert!(feed.next(conn, 10).unwrap().is_empty());
    insert(conn, 1..=5);
    assert!(feed.next(conn, 0).unwrap().is_empty());
    let first = feed.next(conn, 2).unwrap();
    assert_eq!(keys(first.changes()), [1, 2]);
    assert_eq!(keys(feed.next(conn, 3).unwrap().changes()), [1, 2, 3]);
    let later = feed.next(conn, 4).unwrap();
    later.done(conn).unwrap();
    // It does not move back.
    first.done(conn).unwrap();
    assert_eq!(keys(feed.next(conn, 10).unwrap().changes()), [5]);
    // Another one is not moved.
    assert_eq!(keys(&changes(conn, "other")), [1, 2, 3, 4, 5]);
    assert!(feed.remove(conn).unwrap());
    assert!(!feed.remove(conn).unwrap());
    assert_eq!(feed.next(conn, 10).unwrap().len(), 5);
    feed.skip_all(conn).unwrap();
    assert!(feed.next(conn, 10).unwrap().is_empty());
    insert(conn, 6..=6);
    assert_eq!(keys(feed.next(conn, 10).unwrap().changes()), [6]);
}

#[test]
fn what_is_processed_is_kept_with_the_position_or_not_at_all() {
    let (_db, mut conn) = logged();
    let conn = &mut conn;
    let feed = item_log().feed("copier");
    run(conn, "CREATE TABLE copies (id BIGINT PRIMARY KEY)");
    insert(conn, 1..=5);
    let copy = |conn: &mut Conn, change: &Change| {
        conn.batch_execute(&format!("INSERT INTO copies VALUES ({})", change.key["id"]))
    };
    let failed = feed.process(conn, 10, |conn, change| {
        copy(conn, change).map_err(|error| error.to_string())?;
        if change.key == json!({"id": 3}) {
            Err("no three".to_owned())
        } else {
            Ok(())
        }
    });
    match failed {
        Err(ChangeError::Work { number, source }) => {
            assert_eq!(source.to_string(), "no three");
            let batch = feed.next(conn, 10).unwrap();
            assert_eq!(number, batch.changes()[2].number);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(count(conn, "copies"), 0);
    assert_eq!(feed.process(conn, 0, copy).unwrap(), 0);
    assert_eq!(feed.process(conn, 2, copy).unwrap(), 2);
    assert_eq!(feed.process(conn, 10, copy).unwrap(), 3);
    assert_eq!(feed.process(conn, 10, copy).unwrap(), 0);
    assert_eq!(count(conn, "copies"), 5);
}

#[test]
fn a_feed_that_is_behind_what_was_removed_is_told_so() {
    let (_db, mut conn) = logged();
    let conn = &mut conn;
    insert(conn, 1..=3);
    let slow = item_log().feed("slow");
    let batch = slow.next(conn, 1).unwrap();
    batch.done(conn).unwrap();
    assert_eq!(read(conn).len(), 3);
    for long in [Duration::from_secs(300_000 * 365 * 86_400), Duration::MAX] {
        assert_eq!(item_log().retain(long).prune(conn).unwrap(), 0);
    }
    assert_eq!(item_log().prune(conn).unwrap(), 0);
    let log = item_log().retain(Duration::ZERO);
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(log.prune(conn).unwrap(), 3);
    assert_eq!(log.prune(conn).unwrap(), 0);
    insert(conn, 4..=4);
    match slow.next(conn, 10) {
        Err(ChangeError::Gap {
            feed,
            position,
            floor,
        }) => {
            assert_eq!(
                (feed.as_deref(), position),
                (Some("slow"), batch.changes()[0].number)
            );
            assert!(floor > position);
        }
        other => panic!("{other:?}"),
    }
    slow.skip_gap(conn).unwrap();
    assert_eq!(keys(slow.next(conn, 10).unwrap().changes()), [4]);
    // Who had read all goes on, and who is new begins with what there is.
    assert_eq!(read(conn).len(), 1);
    assert_eq!(keys(&changes(conn, "new")), [4]);
}

/// It has read the log, though there was nothing in it.
#[test]
fn a_feed_that_has_found_nothing_yet_is_told_what_was_removed() {
    let (_db, mut conn) = logged();
    let conn = &mut conn;
    let early = item_log().feed("early");
    assert!(early.next(conn, 10).unwrap().changes().is_empty());
    insert(conn, 1..=2);
    std::thread::sleep(Duration::from_millis(20));
    let log = item_log().retain(Duration::ZERO);
    assert_eq!(log.prune(conn).unwrap(), 2);
    insert(conn, 3..=3);
    let gap = early.next(conn, 10).unwrap_err();
    assert!(matches!(gap, ChangeError::Gap { .. }), "{gap:?}");
    early.skip_gap(conn).unwrap();
    assert_eq!(keys(early.next(conn, 10).unwrap().changes()), [3]);
}

#[test]
fn a_reader_may_keep_its_position_itself() {
    let (_db, mut conn) = logged();
    let conn = &mut conn;
    let log = item_log();
    let before = log.last(conn).unwrap();
    insert(conn, 1..=3);
    let all = log.after(conn, before, 10).unwrap();
    assert_eq!(keys(&all), [1, 2, 3]);
    assert_eq!(keys(&log.after(conn, all[0].number, 1).unwrap()), [2]);
    assert_eq!(log.after(conn, all[0].number, 0).unwrap(), []);
    assert_eq!(log.after(conn, -1, 10).unwrap(), all);
    assert_eq!(log.last(conn).unwrap(), all[2].number);
    assert_eq!(log.after(conn, all[2].number, 10).unwrap(), []);
    std::thread::sleep(Duration::from_millis(20));
    log.clone().retain(Duration::ZERO).prune(conn).unwrap();
    assert_eq!(log.after(conn, all[2].number, 10).unwrap(), []);
    let gap = log.after(conn, all[1].number, 10).unwrap_err();
    assert!(
        matches!(gap, ChangeError::Gap { feed: None, .. }),
        "{gap:?}"
    );
}

#[test]
fn a_reader_is_told_that_the_log_has_not_come_as_far_as_it() {
    let (_db, mut conn) = logged();
    let conn = &mut conn;
    insert(conn, 1..=1);
    let log = item_log();
    let last = log.last(conn).unwrap();
    assert_eq!(log.after(conn, last, 10).unwrap(), []);
    let ahead = log.after(conn, last + 1, 10).unwrap_err();
    assert!(
        matches!(ahead, ChangeError::Ahead { position, .. } if position == last + 1),
        "{ahead:?}"
    );
}

#[test]
fn many_changes_are_removed_in_batches() {
    let (_db, mut conn) = logged();
    let conn = &mut conn;
    let last = 2_300;
    let mut from = 1;
    while from <= last {
        let values: Vec<String> = (from..(from + 100).min(last + 1))
            .map(|id| format!("({id}, 'a')"))
            .collect();
        run(
            conn,
            &format!("INSERT INTO items VALUES {}", values.join(", ")),
        );
        from += 100;
    }
    std::thread::sleep(Duration::from_millis(20));
    let log = item_log().retain(Duration::ZERO);
    assert_eq!(log.prune(conn).unwrap(), last as usize);
    assert_eq!(
        number(
            conn,
            "SELECT count(*) AS n FROM __covara_changes
             WHERE key IS NOT NULL OR new_row IS NOT NULL"
        ),
        0
    );
    insert(conn, last + 1..=last + 1);
    assert_eq!(read(conn).len(), 1);
}

#[test]
fn waiting_ends_with_a_change_or_in_time() {
    let (db, mut conn) = logged();
    let conn = &mut conn;
    let pool = backend::pool(&db.url());
    let feed = item_log().feed("waiter");
    let begun = Instant::now();
    assert!(!feed.wait(&pool, Duration::from_millis(150)).unwrap());
    assert!(begun.elapsed() >= Duration::from_millis(150));
    let waiter = {
        let (feed, pool) = (feed.clone(), pool.clone());
        std::thread::spawn(move || feed.wait(&pool, Duration::from_secs(60)).unwrap())
    };
    std::thread::sleep(Duration::from_millis(50));
    insert(conn, 1..=1);
    assert!(waiter.join().unwrap());
    assert!(feed.wait(&pool, Duration::ZERO).unwrap());
}

#[test]
fn without_transactions_nothing_is_processed() {
    let (_db, mut conn) = logged();
    let conn = &mut conn;
    insert(conn, 1..=1);
    let done = item_log()
        .feed("copier")
        .process(conn, 1, |_, _| Ok::<_, ChangeError>(()));
    if conn.has_transactions() {
        assert_eq!(done.unwrap(), 1);
    } else {
        assert!(matches!(done, Err(ChangeError::NoTransactions)), "{done:?}");
    }
}

//! A search beside another that does its work: both look for rows that are not indexed yet, and one
//! comes too late.

use covara_diesel::search::{PostgresFts, SearchAdapter, SearchQuery};
use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;
use support::places::Place;
use support::postgres::TestDb;

use crate::suite::number;

fn total(conn: &mut PgConnection, words: &str) -> usize {
    let found = PostgresFts.search(conn, "places", &SearchQuery::new(words));
    found.unwrap().total
}

/// In a transaction of the caller's, which may go on for long.
#[test]
fn a_searcher_with_nothing_left_to_index_keeps_no_lock() {
    let db = TestDb::new();
    let (mut conn, mut other) = (db.connect(), db.connect());
    conn.batch_execute("CREATE TABLE places (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
        .unwrap();
    PostgresFts.follow::<_, Place>(&mut conn).unwrap();
    conn.batch_execute("INSERT INTO places VALUES (1, 'one')")
        .unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    conn.transaction(|conn| {
        // The other is quicker: it comes between the look and the lock.
        conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { query, .. } = event
                && query.to_string().contains("pg_try_advisory_xact_lock")
            {
                sender.send(total(&mut other, "one")).unwrap();
            }
        });
        assert_eq!(total(conn, "one"), 1);
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [1]);
        let held = "SELECT count(*) AS n FROM pg_locks
            WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
        assert_eq!(number(conn, held), 0);
        QueryResult::Ok(())
    })
    .unwrap();
}

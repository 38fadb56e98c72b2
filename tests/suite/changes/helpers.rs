use covara_diesel::changes::{Capture, Change, ChangeLog, Operation};
use diesel::connection::SimpleConnection;
use serde_json::Value;

use crate::backend::{Conn, TestDb};

diesel::table! {
    items (id) {
        id -> BigInt,
        name -> Text,
    }
}

pub(crate) const CREATE: &str =
    "CREATE TABLE items (id BIGINT PRIMARY KEY NOT NULL, name TEXT NOT NULL)";

pub(crate) fn run(conn: &mut Conn, sql: &str) {
    conn.batch_execute(sql).expect(sql);
}

pub(crate) fn item_log() -> ChangeLog {
    ChangeLog::new().table::<items::table>(Capture::Rows)
}

/// A database with a logged table.
pub(crate) fn logged() -> (TestDb, Conn) {
    let db = TestDb::new();
    let mut conn = db.connect();
    run(&mut conn, CREATE);
    item_log().install(&mut conn).expect("a log");
    (db, conn)
}

/// What a feed has not read yet, which it has then.
pub(crate) fn changes(conn: &mut Conn, feed: &str) -> Vec<Change> {
    let feed = item_log().feed(feed);
    let mut all = Vec::new();
    loop {
        let batch = feed.next(conn, 3).expect("changes");
        if batch.is_empty() {
            return all;
        }
        batch.done(conn).expect("a position");
        all.extend(batch);
    }
}

/// The same, in short.
pub(crate) fn read(conn: &mut Conn) -> Vec<(Operation, Value, Option<Value>, Option<Value>)> {
    changes(conn, "reader")
        .into_iter()
        .map(|change| (change.operation, change.key, change.old, change.new))
        .collect()
}

//! Seeds of so many rows that they need a program of their own.

use diesel::connection::SimpleConnection;
use support::{numbers, thorough, workers};

use super::count;
use super::seed::numbers_db;
use crate::backend::{self, TestDb};

#[test]
fn many_streamed_rows_take_little_memory() {
    let db = TestDb::new();
    let printed = workers::run(
        env!("CARGO_BIN_EXE_worker"),
        &db.url(),
        1,
        |_| "stream-pooled",
    );
    let growth: usize = printed[0].parse().unwrap();
    eprintln!("{growth} bytes");
    assert!(growth < 16 << 20, "the peak grew by {growth} bytes");
    assert_eq!(count(&mut db.connect(), "numbers"), numbers::many());
}

#[test]
fn a_seed_that_is_killed_leaves_all_or_nothing() {
    let (db, mut conn) = numbers_db();
    let worker = env!("CARGO_BIN_EXE_worker");
    let whole = workers::time(worker, &db.url(), "fill-pooled");
    let mut unfinished = 0;
    let kills = thorough::times(8, 50);
    for kill in 0..kills {
        conn.batch_execute("DELETE FROM numbers").unwrap();
        workers::kill_after(worker, &db.url(), "fill-pooled", whole * kill / kills);
        backend::wait_until_alone(&mut conn);
        match count(&mut conn, "numbers") {
            0 => unfinished += 1,
            all => assert_eq!(all, 100_000, "kill {kill}"),
        }
    }
    assert!(unfinished > 0, "no kill came before the end");
}

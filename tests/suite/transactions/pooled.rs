//! Transactions inside others on a connection that a pool lends.

use std::panic::{AssertUnwindSafe, catch_unwind};

use covara_diesel::write_transaction;
use diesel::connection::{Connection, InstrumentationEvent, SimpleConnection};
use support::numbers;

use super::super::number;
use super::panics::depth;
use crate::backend::{self, TestDb};

#[test]
fn an_observer_panic_at_the_end_of_a_savepoint_leaves_the_outer_transaction_open() {
    let db = TestDb::new();
    db.connect().batch_execute(numbers::CREATE).unwrap();
    let pool = backend::pool(&db.url());
    let mut conn = pool.get().unwrap();
    let insert = |id| format!("INSERT INTO numbers VALUES ({id}, 'number {id}', NULL)");
    // Before the savepoint is released, and after.
    for (before, id) in [(true, 10), (false, 20)] {
        conn.transaction(|conn| {
            conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
                let query = match event {
                    InstrumentationEvent::StartQuery { query, .. } if before => query,
                    InstrumentationEvent::FinishQuery { query, .. } if !before => query,
                    _ => return,
                };
                assert!(!query.to_string().starts_with("RELEASE"), "on purpose");
            });
            let inner = AssertUnwindSafe(|| {
                write_transaction(conn, |conn| conn.batch_execute(&insert(id + 1)))
            });
            catch_unwind(inner).expect_err("a panic");
            conn.set_instrumentation(|_: InstrumentationEvent<'_>| {});
            assert_eq!(depth(conn), 1);
            conn.batch_execute(&insert(id + 2))
        })
        .unwrap();
        assert_eq!(depth(&mut conn), 0);
    }
    drop(conn);
    let outer = "SELECT count(*) AS n FROM numbers WHERE id IN (12, 22)";
    assert_eq!(number(&mut db.connect(), outer), 2);
}

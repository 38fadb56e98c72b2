//! Migrations that only SQLite has.

use covara_diesel::pool;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use support::boot::{self, assert_rebuilding_is_refused};

use crate::backend::TestDb;
use crate::suite::count;

#[test]
fn a_table_is_not_rebuilt_in_a_transaction_that_loses_the_rows_that_refer_to_it() {
    let db = TestDb::new();
    for url in [db.url(), ":memory:".to_owned()] {
        let pool = pool::sqlite(&url).unwrap();
        let mut pooled = pool.get().unwrap();
        let conn: &mut SqliteConnection = &mut pooled;
        for _ in 0..2 {
            assert_rebuilding_is_refused(conn);
            assert_eq!(count(conn, "children"), 2);
            assert_eq!(count(conn, "__diesel_schema_migrations"), 1);
        }
    }
}

#[test]
fn without_foreign_keys_a_table_is_rebuilt_as_it_was_written() {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute("PRAGMA foreign_keys = OFF").unwrap();
    boot::boot_with(|| boot::REBUILDING).run(conn).unwrap();
    assert_eq!(count(conn, "children"), 2);
    assert_eq!(count(conn, "parents WHERE name IS NULL"), 1);
}

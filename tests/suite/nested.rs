//! Migrations and seeds inside a transaction of the caller's.

use covara_diesel::{Seed, SeedError, Seedable, auto_migrate};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use support::numbers;

use super::count;
use super::seed_errors::{Child, Parent, family};
use crate::backend::{self, TestDb};

#[test]
fn a_migration_is_part_of_the_callers_transaction() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let before = backend::tables(&mut conn);
    let wait = backend::lock_wait(&mut conn);
    conn.transaction(|conn| {
        assert_eq!(auto_migrate(conn).unwrap().applied.len(), 4);
        assert_eq!(backend::lock_wait(conn), wait);
        assert!(auto_migrate(conn).unwrap().applied.is_empty());
        Err::<(), _>(diesel::result::Error::RollbackTransaction)
    })
    .unwrap_err();
    assert_eq!(backend::tables(&mut conn), before);
    assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 4);
}

#[test]
fn a_seed_is_part_of_the_callers_transaction() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(numbers::CREATE).unwrap();
    conn.transaction(|conn| {
        let summary = Seed::new().rows(numbers::up_to(2000)).run(conn).unwrap();
        assert_eq!(summary.inserted(), 2000);
        assert_eq!(count(conn, "numbers"), 2000);
        Err::<(), _>(diesel::result::Error::RollbackTransaction)
    })
    .unwrap_err();
    assert_eq!(count(&mut conn, "numbers"), 0);
}

#[test]
fn inside_the_callers_transaction_only_the_seed_is_undone() {
    let (_db, mut conn) = family("");
    conn.transaction(|conn| {
        Parent::seed(conn, &[Parent { id: 7 }]).unwrap();
        let wrong = [
            Child {
                id: 1,
                parent: Some(7),
                name: Some("fine"),
            },
            Child {
                id: 2,
                parent: Some(7),
                name: None,
            },
        ];
        let error = Child::seed(conn, &wrong).unwrap_err();
        assert!(matches!(error, SeedError::Row { row: 2, .. }), "{error:?}");
        QueryResult::Ok(())
    })
    .unwrap();
    assert_eq!(
        (count(&mut conn, "parents"), count(&mut conn, "children")),
        (1, 1)
    );
}

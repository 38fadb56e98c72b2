//! Databases that are locked, read-only or gone.

use std::time::{Duration, Instant};

use covara_diesel::migrate::status;
use covara_diesel::{
    BackendConnection, ErrorKind, MigrateError, MigrateOptions, Seed, auto_migrate,
    migrate_internal,
};
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use support::numbers;

use crate::backend::{self, TestDb};

#[test]
fn a_lock_that_is_not_free_in_time_is_the_error_locked() {
    let db = TestDb::new();
    let mut holder = db.connect();
    let options = MigrateOptions::default().lock_timeout(Duration::from_millis(300));
    // It never gives up sooner; later only as the machine is busy.
    backend::write_transaction(&mut holder, |holder| {
        auto_migrate(holder).unwrap();
        let mut conn = db.connect();
        let begun = Instant::now();
        let error = migrate_internal(&mut conn, &options).unwrap_err();
        let waited = begun.elapsed();
        assert!(
            matches!(error, MigrateError::LockTimeout { .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains("300ms"), "{error}");
        assert!(waited >= Duration::from_millis(250), "{waited:?}");
        // No transaction, no setting is left behind.
        assert_eq!(
            backend::lock_wait(&mut conn),
            backend::lock_wait(&mut db.connect())
        );
        conn.transaction(|_| QueryResult::Ok(())).unwrap();
    });
    assert!(
        migrate_internal(&mut db.connect(), &options)
            .unwrap()
            .applied
            .is_empty()
    );
}

#[test]
fn a_lock_time_out_is_kept_whatever_the_connection_waits() {
    let db = TestDb::new();
    let mut holder = db.connect();
    let options = MigrateOptions::default().lock_timeout(Duration::from_millis(300));
    backend::write_transaction(&mut holder, |holder| {
        auto_migrate(holder).unwrap();
        let mut conn = db.connect();
        conn.batch_execute(backend::WAIT_LONG).unwrap();
        let before = backend::lock_wait(&mut conn);
        let begun = Instant::now();
        let error = migrate_internal(&mut conn, &options).unwrap_err();
        let waited = begun.elapsed();
        assert!(error.to_string().contains("300ms"), "{error}");
        let expected = Duration::from_millis(250)..Duration::from_secs(8);
        assert!(expected.contains(&waited), "{waited:?}");
        assert_eq!(backend::lock_wait(&mut conn), before);
    });
}

#[test]
fn a_boot_of_a_read_only_database_fails_unless_it_is_migrated() {
    let db = TestDb::new();
    db.connect()
        .batch_execute("CREATE TABLE something (id INTEGER)")
        .unwrap();
    let error = auto_migrate(&mut backend::read_only(&db)).unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::ReadOnly), "{error:?}");
    auto_migrate(&mut db.connect()).unwrap();
    assert!(
        auto_migrate(&mut backend::read_only(&db))
            .unwrap()
            .applied
            .is_empty()
    );
}

#[test]
fn status_waits_for_no_migrator_and_needs_no_right_to_write() {
    let db = TestDb::new();
    let mut migrator = db.connect();
    auto_migrate(&mut migrator).unwrap();
    let wait = migrator
        .begin_migration(Duration::from_secs(1), None)
        .unwrap();
    let found = status(&mut db.connect()).unwrap();
    assert!(found.pending().next().is_none());
    AnsiTransactionManager::rollback_transaction(&mut migrator).unwrap();
    migrator.restore_lock_wait(&wait).unwrap();

    let found = status(&mut backend::read_only(&db)).unwrap();
    assert!(found.pending().next().is_none());
    // Through a pooled connection as well.
    let pool = backend::pool(&db.url());
    assert_eq!(status(&mut pool.get().unwrap()).unwrap(), found);
}

#[test]
fn a_seed_of_a_read_only_database_is_the_error_read_only() {
    let db = TestDb::new();
    db.connect().batch_execute(numbers::CREATE).unwrap();
    let error = Seed::new()
        .rows(numbers::up_to(10))
        .run(&mut backend::read_only(&db))
        .unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::ReadOnly), "{error:?}");
}

backend::with_server! {
    #[test]
    fn a_connection_lost_during_a_seed_is_an_error() {
        let db = TestDb::new();
        let mut conn = db.connect();
        conn.batch_execute(numbers::CREATE).unwrap();
        let rows = numbers::up_to(30_000).inspect(|row| {
            if row.id == 20_000 {
                backend::break_connections(&db);
            }
        });
        let result = Seed::new()
            .lock_timeout(Duration::from_secs(1))
            .rows(rows)
            .run(&mut conn);
        let error = result.unwrap_err();
        let after = matches!(&error, covara_diesel::SeedError::Interrupted { table, done, .. }
            if table == "numbers" && *done > 0);
        assert!(after, "{error:?}");
        let kept = crate::suite::count(&mut db.connect(), "numbers");
        assert_eq!(kept, 0);
    }
}

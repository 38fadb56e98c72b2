//! Diesel's own migration harness beside the library's.

use covara_diesel::auto_migrate;
use diesel::connection::SimpleConnection;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::count;
use super::migrate::{assert_migrated_once, internal_tables};
use crate::backend::{self, TestDb};

const APPLICATION: EmbeddedMigrations = embed_migrations!("tests/app_migrations");

#[test]
fn an_applications_own_diesel_migrations_are_never_disturbed() {
    // Before and after ours; one of theirs has the version number of one of ours.
    for ours_first in [true, false] {
        let db = TestDb::new();
        let mut conn = db.connect();
        if ours_first {
            auto_migrate(&mut conn).unwrap();
        }
        assert_eq!(conn.run_pending_migrations(APPLICATION).unwrap().len(), 3);
        assert_eq!(
            auto_migrate(&mut conn).unwrap().applied.is_empty(),
            ours_first
        );
        assert!(!conn.has_pending_migration(APPLICATION).unwrap());

        let reverted = conn.revert_last_migration(APPLICATION).unwrap();
        assert_eq!(reverted.to_string(), "20990101000000");
        assert!(auto_migrate(&mut conn).unwrap().applied.is_empty());
        // Redo: revert and run again.
        conn.revert_last_migration(APPLICATION).unwrap();
        assert_eq!(conn.run_pending_migrations(APPLICATION).unwrap().len(), 2);
        assert!(auto_migrate(&mut conn).unwrap().applied.is_empty());

        assert_eq!(conn.revert_all_migrations(APPLICATION).unwrap().len(), 3);
        assert_migrated_once(&mut conn);
        assert_eq!(conn.run_pending_migrations(APPLICATION).unwrap().len(), 3);
        assert_eq!(count(&mut conn, "notes"), 0);
    }
}

#[test]
fn an_application_can_drive_the_embedded_migrations_itself() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let before = backend::tables(&mut conn);
    assert_eq!(
        conn.run_pending_migrations(backend::MIGRATIONS)
            .unwrap()
            .len(),
        4
    );
    assert_eq!(internal_tables(&mut conn), 4);
    for left in [3, 2, 1, 0] {
        conn.revert_last_migration(backend::MIGRATIONS).unwrap();
        assert_eq!(internal_tables(&mut conn), left);
    }
    conn.batch_execute("DROP TABLE __diesel_schema_migrations")
        .unwrap();
    assert_eq!(
        backend::tables(&mut conn),
        before,
        "no index is left either"
    );

    // What the application's tool made is adopted.
    conn.run_pending_migrations(backend::MIGRATIONS).unwrap();
    assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 4);
}

#[test]
fn diesels_harness_and_a_boot_share_one_history() {
    use support::boot;

    let plain = || boot::boot_with(|| boot::PLAIN);
    let db = TestDb::new();
    let mut conn = db.connect();
    assert_eq!(plain().run(&mut conn).unwrap().application.len(), 2);
    assert!(!conn.has_pending_migration(boot::PLAIN).unwrap());
    assert!(conn.run_pending_migrations(boot::PLAIN).unwrap().is_empty());
    conn.revert_last_migration(boot::PLAIN).unwrap();
    assert_eq!(
        plain().run(&mut conn).unwrap().application,
        ["20260101000002"]
    );
    conn.revert_all_migrations(boot::PLAIN).unwrap();
    assert_eq!(conn.run_pending_migrations(boot::PLAIN).unwrap().len(), 2);
    assert!(plain().run(&mut conn).unwrap().application.is_empty());
}

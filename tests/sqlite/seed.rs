use std::time::Duration;

use covara_diesel::fixture::FixtureSource;
use covara_diesel::{ErrorKind, Seed, SeedError, auto_migrate};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use support::numbers;
use support::sqlite::TestDb;

use crate::suite::seed_references::of_both_kinds;
use crate::suite::{count, number};

#[test]
fn a_full_disk_is_the_error_disk_full_and_nothing_is_kept() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(numbers::CREATE).unwrap();
    // The real engine's real SQLITE_FULL, without a disk to fill.
    conn.batch_execute("PRAGMA max_page_count = 20").unwrap();
    let error = Seed::new()
        .rows(numbers::up_to(100_000))
        .run(&mut conn)
        .unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::DiskFull), "{error:?}");
    assert!(error.to_string().contains("free some space"), "{error}");
    assert_eq!(count(&mut conn, "numbers"), 0);
    Seed::new().rows(numbers::up_to(10)).run(&mut conn).unwrap();
    assert_eq!(count(&mut db.connect(), "numbers"), 10);

    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("CREATE TABLE something (id INTEGER); PRAGMA max_page_count = 4")
        .unwrap();
    let error = auto_migrate(&mut conn).unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::DiskFull), "{error:?}");
}

#[test]
fn another_writer_is_waited_for_until_the_lock_time_out() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(numbers::CREATE).unwrap();
    let mut writer = db.connect();
    writer
        .immediate_transaction(|_| {
            let error = Seed::new()
                .lock_timeout(Duration::from_millis(200))
                .rows(numbers::up_to(10))
                .run(&mut conn)
                .unwrap_err();
            assert_eq!(error.kind(), Some(ErrorKind::Locked), "{error:?}");
            QueryResult::Ok(())
        })
        .unwrap();
    // A plain connection, which would not wait by itself.
    std::thread::scope(|scope| {
        let (begun, ready) = std::sync::mpsc::channel();
        scope.spawn(move || {
            writer
                .immediate_transaction(|_| {
                    begun.send(()).unwrap();
                    std::thread::sleep(Duration::from_millis(300));
                    QueryResult::Ok(())
                })
                .unwrap();
        });
        ready.recv().unwrap();
        Seed::new().rows(numbers::up_to(10)).run(&mut conn).unwrap();
    });
    assert_eq!(count(&mut conn, "numbers"), 10);
}

#[test]
fn a_lock_time_out_is_kept_whatever_the_connection_waits() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(&format!("{}; PRAGMA busy_timeout = 20000", numbers::CREATE))
        .unwrap();
    let busy =
        |conn: &mut SqliteConnection| number(conn, "SELECT timeout AS n FROM pragma_busy_timeout");
    let mut writer = db.connect();
    for wait in [Duration::ZERO, Duration::from_millis(200)] {
        writer
            .immediate_transaction(|_| {
                let begun = std::time::Instant::now();
                let error = Seed::new()
                    .lock_timeout(wait)
                    .rows(numbers::up_to(10))
                    .run(&mut conn)
                    .unwrap_err();
                assert_eq!(error.kind(), Some(ErrorKind::Locked), "{error:?}");
                let waited = begun.elapsed();
                assert!(
                    waited >= wait && waited < Duration::from_secs(8),
                    "{waited:?}"
                );
                QueryResult::Ok(())
            })
            .unwrap();
        assert_eq!(busy(&mut conn), 20_000);
    }
    // Only the wait for the lock is shorter.
    let seed = Seed::new().lock_timeout(Duration::from_millis(200));
    seed.rows(numbers::up_to(10)).run(&mut conn).unwrap();
    assert_eq!(busy(&mut conn), 20_000);
}

#[test]
fn a_trigger_that_rolls_back_leaves_no_row() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(numbers::CREATE).unwrap();
    conn.batch_execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON numbers WHEN NEW.id = 300
         BEGIN SELECT RAISE(ROLLBACK, 'not three hundred'); END",
    )
    .unwrap();
    let error = Seed::new()
        .rows(numbers::up_to(1000))
        .run(&mut conn)
        .unwrap_err();
    let text = crate::suite::chain(&error);
    assert!(text.contains("not three hundred"), "{text}");
    assert_eq!(count(&mut db.connect(), "numbers"), 0);
    Seed::new().rows(numbers::up_to(10)).run(&mut conn).unwrap();
    assert_eq!(count(&mut db.connect(), "numbers"), 10);
}

#[test]
fn a_type_that_a_strict_table_refuses_names_the_row() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE numbers (id INTEGER PRIMARY KEY, label INTEGER UNIQUE, half INTEGER) STRICT",
    )
    .unwrap();
    let error = Seed::new()
        .rows(numbers::up_to(10))
        .run(&mut conn)
        .unwrap_err();
    assert!(matches!(error, SeedError::Row { row: 1, .. }), "{error:?}");
}

#[test]
fn conflict_clauses_inside_triggers_keep_their_meaning() {
    for temporary in ["", "TEMP"] {
        let db = TestDb::new();
        let mut conn = db.connect();
        conn.batch_execute(numbers::CREATE).unwrap();
        conn.batch_execute(&format!(
            "CREATE TABLE halves (half INTEGER PRIMARY KEY);
             CREATE {temporary} TRIGGER keep AFTER INSERT ON Numbers WHEN NEW.half IS NOT NULL
             BEGIN INSERT OR IGNORE INTO halves VALUES (NEW.half % 100); END"
        ))
        .unwrap();
        let summary = Seed::new()
            .rows(numbers::up_to(1000))
            .run(&mut conn)
            .unwrap();
        assert_eq!(summary.inserted(), 1000);
        assert_eq!(count(&mut conn, "halves"), 100);
        let again = Seed::new()
            .rows(numbers::up_to(1000))
            .run(&mut conn)
            .unwrap();
        assert_eq!(
            (again.inserted(), again.skipped()),
            (0, 1000),
            "what triggers write is not counted"
        );
    }
}

#[test]
fn a_table_without_rowid_is_seeded_like_any_other() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(&format!("{} WITHOUT ROWID", numbers::CREATE))
        .unwrap();
    let first = Seed::new()
        .rows(numbers::up_to(1000))
        .run(&mut conn)
        .unwrap();
    let second = Seed::new()
        .rows(numbers::up_to(1500))
        .run(&mut conn)
        .unwrap();
    assert_eq!(
        (first.inserted(), second.inserted(), second.skipped()),
        (1000, 500, 1000)
    );
}

/// Foreign keys of both kinds, as in the test of that name for tables of the file itself.
#[test]
fn tables_outside_the_file_may_have_foreign_keys_of_both_kinds() {
    for schema in ["temp", "other"] {
        let db = TestDb::new();
        let mut conn = db.connect();
        conn.batch_execute(&format!(
            "ATTACH ':memory:' AS other;
             CREATE TABLE {schema}.first_parent (id BIGINT PRIMARY KEY NOT NULL);
             CREATE TABLE {schema}.last_parent (id BIGINT PRIMARY KEY NOT NULL);
             CREATE TABLE {schema}.child (
                 id BIGINT PRIMARY KEY NOT NULL,
                 a BIGINT REFERENCES first_parent (id),
                 b BIGINT REFERENCES last_parent (id) DEFERRABLE INITIALLY DEFERRED
             )"
        ))
        .unwrap();
        let summary = of_both_kinds(2).run(&mut conn);
        assert_eq!(summary.unwrap().inserted(), 6, "{schema}");
    }
}

/// The caller adds the parent of a row after the seed.
#[test]
fn a_temporary_tables_deferred_foreign_key_waits_for_the_caller() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TEMP TABLE parents (id BIGINT PRIMARY KEY NOT NULL);
         CREATE TEMP TABLE children (
             id BIGINT PRIMARY KEY NOT NULL,
             parent BIGINT REFERENCES parents (id),
             later BIGINT REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED
         );",
    )
    .unwrap();
    let result = conn.transaction(|conn| {
        let rows = FixtureSource::reader("children.csv", "id,parent,later\n1,3,7\n".as_bytes());
        let parents = FixtureSource::reader("parents.csv", "id\n3\n".as_bytes());
        let seed = Seed::new()
            .fixture("children", rows)
            .fixture("parents", parents);
        seed.run(conn)?;
        conn.batch_execute("INSERT INTO parents VALUES (7)")?;
        Ok::<_, Box<dyn std::error::Error>>(())
    });
    result.unwrap();
}

fn node(id: i64, parent: i64) -> FixtureSource<'static> {
    let line = format!("id,parent\n{id},{parent}\n");
    FixtureSource::reader("nodes.csv", std::io::Cursor::new(line))
}

/// A statement that was prepared while the caller deferred foreign keys would leave a row in the
/// table whose insert it calls an error.
#[test]
fn a_row_at_fault_is_not_kept_after_the_caller_has_deferred_foreign_keys() {
    const ON: &str = "PRAGMA defer_foreign_keys = ON";
    let ways: [fn(&mut SqliteConnection); 3] = [
        |conn| {
            conn.batch_execute(&format!("BEGIN; {ON}")).unwrap();
            Seed::new().fixture("nodes", node(1, 1)).run(conn).unwrap();
            conn.batch_execute("ROLLBACK").unwrap();
        },
        |conn| {
            let result = conn.transaction(|conn| {
                conn.batch_execute(ON)?;
                Seed::new().fixture("nodes", node(1, 1)).run(conn)
            });
            assert_eq!(result.unwrap().inserted(), 1);
        },
        |conn| {
            conn.batch_execute(ON).unwrap();
            Seed::new().fixture("nodes", node(1, 1)).run(conn).unwrap();
        },
    ];
    for way in ways {
        for in_transaction in [false, true] {
            let db = TestDb::new();
            let mut conn = db.connect();
            conn.batch_execute(
                "PRAGMA foreign_keys = ON;
                 CREATE TABLE nodes (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES nodes)",
            )
            .unwrap();
            way(&mut conn);
            let before = count(&mut conn, "nodes");
            let seed = |conn: &mut _| Seed::new().fixture("nodes", node(21, 500)).run(conn);
            let error = match in_transaction {
                true => conn.transaction(seed).unwrap_err(),
                false => seed(&mut conn).unwrap_err(),
            };
            assert!(matches!(error, SeedError::Row { row: 1, .. }), "{error:?}");
            assert_eq!(count(&mut conn, "nodes"), before);
        }
    }
}

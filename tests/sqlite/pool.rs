use std::fs;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use covara_diesel::auto_migrate;
use covara_diesel::pool::{self, PoolDriver, PoolError, recommended_pool_config};
use diesel::connection::{SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use support::sqlite::TestDb;

#[derive(QueryableByName)]
struct Settings {
    #[diesel(sql_type = BigInt)]
    busy_timeout: i64,
    #[diesel(sql_type = BigInt)]
    foreign_keys: i64,
    #[diesel(sql_type = BigInt)]
    synchronous: i64,
    #[diesel(sql_type = Text)]
    journal_mode: String,
}

#[test]
fn every_connection_has_the_recommended_settings() {
    let db = TestDb::new();
    let pool = pool::sqlite(db.url()).unwrap();
    let mut held = Vec::new();
    for _ in 0..pool.max_size() {
        let mut conn = pool.get().unwrap();
        let settings = diesel::sql_query(
            "SELECT b.timeout AS busy_timeout, f.foreign_keys, s.synchronous, j.journal_mode
             FROM pragma_busy_timeout AS b, pragma_foreign_keys AS f, pragma_synchronous AS s,
                  pragma_journal_mode AS j",
        )
        .get_result::<Settings>(&mut conn)
        .unwrap();
        assert_eq!(settings.busy_timeout, 5000);
        assert_eq!(settings.foreign_keys, 1);
        assert_eq!(settings.synchronous, 1, "NORMAL");
        assert_eq!(settings.journal_mode, "wal");
        held.push(conn);
    }
    assert_eq!(pool.state().connections, pool.max_size());
}

#[test]
fn a_memory_pool_has_one_lasting_connection() {
    for url in [
        ":memory:",
        "",
        "sqlite::memory:",
        "file::memory:",
        "file:x?mode=memory",
    ] {
        let mut config = recommended_pool_config(PoolDriver::Sqlite);
        config.max_size = 8;
        config.idle_timeout = Some(Duration::from_millis(1));
        let pool = pool::sqlite_with(url, &config).unwrap();
        assert_eq!(pool.max_size(), 1, "{url}");
        auto_migrate(&mut pool.get().unwrap()).unwrap();
        assert!(
            auto_migrate(&mut pool.get().unwrap())
                .unwrap()
                .applied
                .is_empty()
        );
    }
}

#[test]
fn a_new_file_opens_from_many_threads_at_once() {
    for _ in 0..20 {
        let db = TestDb::new();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let pool = pool::sqlite(db.url()).unwrap();
                    auto_migrate(&mut pool.get().unwrap()).unwrap();
                });
            }
        });
    }
}

#[test]
fn files_that_cannot_be_opened_have_distinct_errors() {
    let directory = support::temporary::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();

    let missing = pool::sqlite(path("no/such/app.db")).unwrap_err();
    assert!(
        matches!(missing, PoolError::MissingDirectory { .. }),
        "{missing:?}"
    );
    assert!(
        missing
            .to_string()
            .contains("no/such does not exist; create it"),
        "{missing}"
    );

    // Told at once: not what a pool that cannot connect says after its time-out.
    let cache = pool::sqlite("file:app?mode=memory&cache=public").unwrap_err();
    assert!(matches!(cache, PoolError::Open { .. }), "{cache:?}");

    fs::write(
        path("text.db"),
        "this is a letter, not a database, and long enough to tell",
    )
    .unwrap();
    let text = pool::sqlite(path("text.db")).unwrap_err();
    assert!(matches!(text, PoolError::NotADatabase { .. }), "{text:?}");
    assert_eq!(
        fs::read_to_string(path("text.db")).unwrap(),
        "this is a letter, not a database, and long enough to tell"
    );

    let open = pool::sqlite(directory.path()).unwrap_err();
    assert!(
        matches!(open, PoolError::Open { .. }),
        "a directory: {open:?}"
    );

    SqliteConnection::establish(&path("plain.db"))
        .unwrap()
        .batch_execute("CREATE TABLE t (id INTEGER)")
        .unwrap();
    let read_only = pool::sqlite(format!("file:{}?mode=ro", path("plain.db"))).unwrap_err();
    assert!(
        matches!(read_only, PoolError::ReadOnly { .. }),
        "{read_only:?}"
    );
    assert!(
        read_only.to_string().contains("plain.db is read-only"),
        "{read_only}"
    );

    for url in [
        "mysql://user:secret@host/db",
        "postgres://user:secret@host/db",
    ] {
        let scheme = pool::sqlite(url).unwrap_err();
        assert!(
            matches!(scheme, PoolError::UnsupportedScheme { .. }),
            "{scheme:?}"
        );
        assert!(!format!("{scheme} {scheme:?}").contains("secret"));
    }

    let mut config = recommended_pool_config(PoolDriver::Sqlite);
    config.busy_timeout = Duration::from_millis(50);
    let mut other = SqliteConnection::establish(&path("plain.db")).unwrap();
    other
        .exclusive_transaction(|_| {
            let locked = pool::sqlite_with(path("plain.db"), &config).unwrap_err();
            assert!(matches!(locked, PoolError::Locked { .. }), "{locked:?}");
            QueryResult::Ok(())
        })
        .unwrap();
}

/// SQLite itself does not wait for a writer when a file gets its WAL.
#[test]
fn opening_waits_for_another_writer() {
    let db = TestDb::new();
    let mut writer = SqliteConnection::establish(&db.url()).unwrap();
    let begin = "CREATE TABLE t (id INTEGER); BEGIN IMMEDIATE; INSERT INTO t VALUES (1)";
    writer.batch_execute(begin).unwrap();
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| {
            let mut config = recommended_pool_config(PoolDriver::Sqlite);
            config.busy_timeout = Duration::from_secs(120);
            pool::sqlite_with(db.url(), &config).map(drop)
        });
        std::thread::sleep(Duration::from_millis(300));
        assert!(!opening.is_finished(), "{:?}", opening.join());
        writer.batch_execute("COMMIT").unwrap();
        opening.join().unwrap().unwrap();
    });
}

#[test]
fn urls_name_the_same_file() {
    let spaced = support::temporary::tempdir().unwrap();
    fs::create_dir(spaced.path().join("my data")).unwrap();
    let url = format!("file:{}/my%20data/app.db", spaced.path().display());
    pool::sqlite(url).unwrap();
    assert!(spaced.path().join("my data/app.db").exists());
    let directory = spaced.path().display().to_string();
    for (url, name) in [
        (format!("{directory}/a b.db"), "a b.db"),
        (format!("sqlite:{directory}/c d.db"), "c d.db"),
        (format!("sqlite://{directory}/e%20f.db"), "e f.db"),
        (format!("sqlite:{directory}/g h.db?cache=private"), "g h.db"),
        (format!("{directory}/größe 東京.db"), "größe 東京.db"),
        (format!("sqlite:{directory}/ñ.db"), "ñ.db"),
        (format!("sqlite://{directory}/%C3%BC.db"), "ü.db"),
        (
            format!("file:{directory}/%E6%9D%B1.db?cache=private"),
            "東.db",
        ),
        (format!("{directory}/100%.db"), "100%.db"),
        (format!("{directory}/a#b?c.db"), "a#b?c.db"),
        (format!("sqlite:{directory}/n%31#2.db"), "n1#2.db"),
    ] {
        let pool = covara_diesel::open(&url).unwrap();
        assert_eq!(pool.driver(), PoolDriver::Sqlite, "{url}");
        auto_migrate(&mut pool.get().unwrap()).unwrap();
        assert!(spaced.path().join(name).exists(), "{url}");
    }

    let db = TestDb::new();
    let pool = pool::sqlite(db.url()).unwrap();
    auto_migrate(&mut pool.get().unwrap()).unwrap();
    for url in [
        format!("sqlite:{}", db.url()),
        format!("sqlite://{}", db.url()),
        format!("sqlite://{}?cache=private", db.url()),
        format!("file:{}", db.url()),
        format!("file://{}?cache=private", db.url()),
    ] {
        let pool = pool::sqlite(&url).unwrap();
        let again = auto_migrate(&mut pool.get().unwrap()).unwrap();
        assert!(again.applied.is_empty(), "{url}");
    }
}

/// It may hold the key of a database, or a secret of the application's.
#[test]
fn the_sql_of_on_connect_is_never_shown() {
    let db = TestDb::new();
    let mut config = recommended_pool_config(PoolDriver::Sqlite);
    config.on_connect = Some("PRAGMA user_version; -- s3cret".to_owned());
    let pool = pool::sqlite_with(db.url(), &config).unwrap();
    let any = covara_diesel::any::open_with(db.url(), |config| {
        config.on_connect = Some("PRAGMA user_version; -- s3cret".to_owned());
    })
    .unwrap();
    let shown = format!("{config:?} {config:#?} {pool:?} {any:?} {any:#?}");
    assert!(!shown.contains("s3cret"), "{shown}");
    // All the rest is there, and that something is executed.
    for part in [
        "max_size: 4",
        "busy_timeout: 5s",
        "on_connect: Some(…)",
        "notes: \"",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    config.on_connect = None;
    assert!(format!("{config:?}").contains("on_connect: None"));
}

/// Diesel announces a transaction and tells nobody that it has failed to begin.
#[test]
fn a_transaction_left_open_after_one_that_did_not_begin_ends_too() {
    let db = TestDb::new();
    let mut outside = db.connect();
    outside.batch_execute("CREATE TABLE rows (id)").unwrap();
    let pool = pool::sqlite(db.url()).unwrap();
    let mut conn = pool.get().unwrap();
    conn.batch_execute("PRAGMA busy_timeout = 1").unwrap();
    outside.batch_execute("BEGIN IMMEDIATE").unwrap();
    conn.immediate_transaction(|_| QueryResult::Ok(()))
        .unwrap_err();
    outside.batch_execute("ROLLBACK").unwrap();
    conn.batch_execute("BEGIN; INSERT INTO rows VALUES (1)")
        .unwrap();
    drop(conn);
    outside
        .batch_execute("INSERT INTO rows VALUES (2)")
        .unwrap();
    for _ in 0..pool.max_size() {
        let rows = "SELECT count(*) AS n FROM rows WHERE id = 1";
        assert_eq!(crate::suite::number(&mut pool.get().unwrap(), rows), 0);
    }
}

/// Diesel's manager has such connections closed, and the database would end with them.
#[test]
fn a_database_in_memory_survives_whatever_state_its_connection_comes_back_in() {
    type Manager = <SqliteConnection as Connection>::TransactionManager;
    let ways: [fn(&mut SqliteConnection); 5] = [
        |conn| Manager::begin_transaction(conn).unwrap(),
        |conn| {
            Manager::begin_transaction(conn).unwrap();
            Manager::begin_transaction(conn).unwrap();
        },
        |conn| conn.batch_execute("BEGIN").unwrap(),
        // Diesel gives the connection up, as it fails to roll back.
        |conn| {
            let ended = conn.transaction(|conn| conn.batch_execute("ROLLBACK"));
            ended.unwrap_err();
        },
        |conn| {
            conn.begin_test_transaction().unwrap();
            panic!("in a caller's code");
        },
    ];
    for url in [
        ":memory:",
        "file:x?mode=memory&cache=shared",
        "file:y?vfs=memdb",
        "",
    ] {
        let pool = pool::sqlite(url).unwrap();
        pool.get()
            .unwrap()
            .batch_execute(
                "CREATE TABLE kept (id INTEGER); CREATE TEMP TABLE t (id INTEGER);
                 INSERT INTO kept VALUES (1); INSERT INTO t VALUES (1)",
            )
            .unwrap();
        for (at, way) in ways.iter().enumerate() {
            for _ in 0..20 {
                let returned = std::panic::catch_unwind(AssertUnwindSafe(|| {
                    let mut conn = pool.get().unwrap();
                    way(&mut conn);
                    let _ = conn.batch_execute("SAVEPOINT s");
                    let _ = conn.batch_execute("INSERT INTO kept VALUES (2)");
                    conn.batch_execute("ROLLBACK TO s; RELEASE s").unwrap();
                }));
                assert_eq!(returned.is_err(), at == 4);
                let mut conn = pool.get().unwrap();
                let kept = diesel::dsl::sql::<BigInt>(
                    "SELECT (SELECT count(*) FROM kept) * 10 + (SELECT count(*) FROM t)",
                );
                assert_eq!(kept.get_result::<i64>(&mut conn).unwrap(), 11, "{url} {at}");
                conn.transaction(|conn| conn.batch_execute("UPDATE kept SET id = 1"))
                    .unwrap();
            }
        }
        assert_eq!(pool.state().connections, 1);
    }
}

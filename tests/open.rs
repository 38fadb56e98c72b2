//! The one door, to servers that speak HTTP.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use covara_diesel::auth::{
    Account, AccountStore, ApiKeyStore, NewApiKey, NewSession, Purpose, SessionStore,
    VerificationTokenStore,
};
use covara_diesel::pool::{PoolDriver, recommended_pool_config};
use covara_diesel::remote::{D1Connection, LibsqlConnection};
use covara_diesel::{
    AnyConnection, DatabaseConnection, Dialect, Seed, auto_migrate, open, with_typed,
};
use diesel::connection::{SimpleConnection, TransactionManager};
use diesel::prelude::*;
use support::numbers::{self, Number};
use support::{d1, sqld};

#[test]
fn everything_works_on_libsql_and_d1() {
    let (libsql, d1) = (sqld::TestDb::new(), d1::TestDb::new());
    let address = libsql.url().replace("http://", "");
    for (url, driver, kind) in [
        (
            format!("http://{address}?driver=libsql"),
            PoolDriver::Libsql,
            "Libsql(..)",
        ),
        (d1.url(), PoolDriver::D1, "D1(..)"),
    ] {
        let pool = open(&url).unwrap();
        assert_eq!((pool.driver(), pool.dialect()), (driver, Dialect::Sqlite));
        assert_eq!(pool.max_size(), 1);
        let mut conn = pool.get().unwrap();
        assert_eq!(format!("{conn:?}"), kind);
        assert!(matches!(
            *conn,
            AnyConnection::Libsql(_) | AnyConnection::D1(_)
        ));
        assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 4);
        with_typed!(&mut conn, |conn| conn.batch_execute(numbers::CREATE)).unwrap();
        for inserted in [1_001, 0] {
            let summary = Seed::new()
                .rows(numbers::up_to(1_000))
                .csv::<Number>(b"id,label,half\n1001,more,\n".as_slice())
                .run(&mut conn)
                .unwrap();
            assert_eq!(summary.inserted(), inserted, "{driver}");
        }
        let half: Option<i64> = with_typed!(&mut conn, |conn| numbers::numbers::table
            .find(4)
            .select(numbers::numbers::half)
            .get_result(conn))
        .unwrap();
        assert_eq!(half, Some(2));

        let (sessions, keys) = (SessionStore::new(), ApiKeyStore::new());
        let session = sessions.create(&mut conn, NewSession::new("ada")).unwrap();
        let found = sessions.find(&mut conn, &session.id).unwrap();
        assert_eq!(found, Some(session));
        let (secret, key) = keys.create(&mut conn, NewApiKey::new("ada", "CI")).unwrap();
        assert_eq!(keys.verify(&mut conn, &secret).unwrap().id, key.id);
        let account = Account::new("ada", "oauth", "google", "1");
        AccountStore::new().link(&mut conn, &account).unwrap();
        let tokens = VerificationTokenStore::new();
        let token = tokens.issue(&mut conn, "ada", Purpose::MagicLink).unwrap();
        assert!(
            tokens
                .consume(&mut conn, "ada", Purpose::MagicLink, &token)
                .unwrap()
        );
        assert!(
            !tokens
                .consume(&mut conn, "ada", Purpose::MagicLink, &token)
                .unwrap()
        );

        // One's own queries, and transactions where there are some.
        let twice: QueryResult<Option<i64>> = conn.transaction(|conn| {
            diesel::update(numbers::numbers::table.find(4))
                .set(numbers::numbers::half.eq(3))
                .execute(conn)?;
            numbers::numbers::table
                .find(4)
                .select(numbers::numbers::half)
                .first(conn)
        });
        match driver {
            PoolDriver::D1 => assert!(twice.unwrap_err().to_string().contains("batch()")),
            _ => assert_eq!(twice, Ok(Some(3))),
        }
        assert_eq!(
            numbers::numbers::table.count().first(&mut conn),
            Ok(1_001_i64)
        );
    }
}

#[test]
fn the_example_takes_all_urls_at_once() {
    let (libsql, d1) = (sqld::TestDb::new(), d1::TestDb::new());
    let address = libsql.url().replace("http://", "");
    // `cargo test` builds the examples into the folder beside its own.
    let program: PathBuf = std::env::current_exe().unwrap();
    let program = program.ancestors().nth(2).unwrap().join("examples/open");
    let output = Command::new(program)
        .args([":memory:", &format!("libsql://{address}?tls=0"), &d1.url()])
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{printed}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for driver in ["sqlite", "libsql", "d1"] {
        let line = format!("SQLite by the driver {driver}");
        assert!(printed.contains(&line), "{line} in {printed}");
    }
    assert_eq!(printed.matches("246 inserted").count(), 3, "{printed}");
    assert_eq!(printed.matches("token good: true").count(), 3, "{printed}");
}

/// The cells between the bars of a row.
fn cells(row: &str) -> Vec<&str> {
    row.trim_matches('|').split(" | ").map(str::trim).collect()
}

fn time(seconds: Option<Duration>) -> String {
    seconds.map_or("for ever".to_owned(), |time| {
        format!("{} s", time.as_secs())
    })
}

#[test]
fn the_readme_tells_each_databases_urls_pool_and_bind_limit() {
    let readme = include_str!("../README.md");
    let (_, section) = readme.split_once("\n## Databases").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows: Vec<_> = section
        .lines()
        .filter(|line| line.contains("Connection`, `"))
        .map(cells)
        .collect();
    let drivers = [
        PoolDriver::Sqlite,
        PoolDriver::Sqlite,
        PoolDriver::Postgres,
        PoolDriver::Hyperdrive,
        PoolDriver::Neon,
        PoolDriver::Pglite,
        PoolDriver::Libsql,
        PoolDriver::D1,
        PoolDriver::NeonHttp,
    ];
    assert_eq!(rows.len(), drivers.len());
    for (row, driver) in rows.iter().zip(drivers) {
        let [name, _, urls, settings, transactions, bind_limit, ..] = row[..] else {
            panic!("{row:?}");
        };
        // What begins with the sign of omission is no whole URL.
        let samples = urls.split('`').skip(1).step_by(2);
        let samples: Vec<_> = samples.filter(|url| !url.starts_with('…')).collect();
        assert!(!samples.is_empty(), "{name}");
        for url in samples {
            assert_eq!(PoolDriver::from_url(url), Ok(driver), "{name}: {url}");
        }
        let config = recommended_pool_config(driver);
        let size = match name {
            "SQLite in memory" => open(":memory:").unwrap().max_size(),
            _ => config.max_size,
        };
        // A pool that is told no time waits for as long.
        let connect = config.connection_timeout.or(Some(Duration::from_secs(30)));
        let (idle, connect) = (time(config.idle_timeout), time(connect));
        assert_eq!(settings, format!("{size} / {idle} / {connect}"), "{name}");
        let limit: usize = bind_limit.replace(',', "").parse().unwrap();
        let (expected, begins) = match driver {
            PoolDriver::D1 => {
                let conn = D1Connection::establish("d1://account/database?token=x").unwrap();
                (conn.bind_limit(), conn.has_transactions())
            }
            PoolDriver::Libsql => {
                let conn = LibsqlConnection::establish("libsql://app.example").unwrap();
                (conn.bind_limit(), conn.has_transactions())
            }
            PoolDriver::Sqlite => {
                let conn = SqliteConnection::establish(":memory:").unwrap();
                (conn.bind_limit(), conn.has_transactions())
            }
            PoolDriver::NeonHttp => (65_535, false),
            // That many are bound in PostgreSQL's own tests.
            _ => (65_535, true),
        };
        assert_eq!(limit, expected, "{name}");
        assert_eq!(transactions.starts_with("yes"), begins, "{name}");
    }
}

#[test]
fn a_pool_of_ones_own_lends_connections_to_every_area() {
    let folder = support::temporary::tempdir().unwrap();
    let url = folder.path().join("app.db");
    let manager = diesel::r2d2::ConnectionManager::<AnyConnection>::new(url.to_str().unwrap());
    let pool = diesel::r2d2::Pool::builder().max_size(1).build(manager);
    let mut conn = pool.unwrap().get().unwrap();
    auto_migrate(&mut *conn).unwrap();
    let sessions = SessionStore::new();
    let session = sessions.create(&mut *conn, NewSession::new("ada")).unwrap();
    assert!(sessions.find(&mut *conn, &session.id).unwrap().is_some());
}

/// Closing the connection would lose the database.
#[test]
fn a_database_in_memory_survives_a_transaction_that_was_left_open() {
    let pool = open(":memory:").unwrap();
    {
        let mut conn = pool.get().unwrap();
        conn.batch_execute("CREATE TABLE kept (id INTEGER); INSERT INTO kept VALUES (1)")
            .unwrap();
        for _ in 0..2 {
            <AnyConnection as Connection>::TransactionManager::begin_transaction(&mut *conn)
                .unwrap();
        }
        conn.batch_execute("INSERT INTO kept VALUES (2)").unwrap();
    }
    let left = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut conn = pool.get().unwrap();
        conn.begin_test_transaction().unwrap();
        panic!("in a caller's code");
    }));
    assert!(left.is_err());
    // Diesel gives the connection up, as it fails to roll back.
    let ended = pool
        .get()
        .unwrap()
        .transaction(|conn| conn.batch_execute("ROLLBACK"));
    ended.unwrap_err();
    let mut conn = pool.get().unwrap();
    let kept = diesel::dsl::sql::<diesel::sql_types::BigInt>("SELECT count(*) FROM kept");
    assert_eq!(kept.get_result::<i64>(&mut conn).unwrap(), 1);
    conn.transaction(|conn| conn.batch_execute("INSERT INTO kept VALUES (3)"))
        .unwrap();
}

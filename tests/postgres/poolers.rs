//! Poolers between a program and its server are detected, with a real PgBouncer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use covara_diesel::doctor::{self, Pooler, Severity};
use covara_diesel::pool::{self, PoolDriver, recommended_pool_config};
use covara_diesel::{Seed, auto_migrate};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use support::numbers;
use support::pgbouncer::PgBouncer;
use support::postgres::TestDb;

use crate::suite::command::succeeds;

#[test]
fn a_transaction_pooler_is_detected_whatever_its_size_and_order() {
    let db = TestDb::new();
    for (mode, size, more) in [
        ("transaction", 1, ""),
        ("transaction", 2, ""),
        ("transaction", 2, "server_round_robin = 1"),
        ("transaction", 3, "server_round_robin = 1"),
        ("transaction", 20, ""),
        ("transaction", 20, "server_round_robin = 1"),
        ("transaction", 3, "ignore_startup_parameters = options"),
        ("statement", 2, ""),
    ] {
        let pooler = PgBouncer::start(mode, size, more);
        for _ in 0..5 {
            let report = doctor::postgres(pooler.url(&db.url())).unwrap();
            assert!(
                matches!(report.pooler, Pooler::TransactionPooler { .. }),
                "{mode} {size} {more}: {:?}",
                report.pooler
            );
            assert_eq!(report.driver, PoolDriver::Hyperdrive);
            assert!(!report.pool.statement_cache);
            let warned = report.findings.iter().any(|finding| {
                finding.severity == Severity::Warning
                    && finding.text.contains("PoolDriver::Hyperdrive")
            });
            assert!(warned, "{:?}", report.findings);
        }
    }
}

#[test]
fn a_busy_transaction_pooler_is_detected() {
    let db = TestDb::new();
    let pooler = PgBouncer::start("transaction", 3, "server_round_robin = 1");
    let url = pooler.url(&db.url());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut conn = PgConnection::establish(&url).unwrap();
                while !done.load(Ordering::Relaxed) {
                    conn.batch_execute("SELECT pg_sleep(0.002)").unwrap();
                }
            });
        }
        thread::sleep(Duration::from_millis(100));
        let seen: Vec<_> = (0..10)
            .map(|_| doctor::postgres(&url).map(|report| report.pooler))
            .collect();
        done.store(true, Ordering::Relaxed);
        for pooler in seen {
            let pooler = pooler.unwrap();
            assert!(
                matches!(pooler, Pooler::TransactionPooler { .. }),
                "{pooler:?}"
            );
        }
    });
}

#[test]
fn a_session_pooler_is_a_proxy_and_a_server_none() {
    let db = TestDb::new();
    for more in ["", "ignore_startup_parameters = options"] {
        let pooler = PgBouncer::start("session", 5, more);
        let report = doctor::postgres(pooler.url(&db.url())).unwrap();
        assert!(
            matches!(report.pooler, Pooler::Proxy { .. }),
            "{:?}",
            report.pooler
        );
        assert_eq!(report.driver, PoolDriver::Postgres);
    }
    for end in [
        "",
        "?",
        "?connect_timeout=3",
        "?options=-c%20work_mem%3D1MB",
    ] {
        for _ in 0..5 {
            let report = doctor::postgres(format!("{}{end}", db.url())).unwrap();
            assert_eq!(report.pooler, Pooler::NothingSeen);
        }
    }
}

#[test]
fn a_session_pooler_with_one_session_makes_nobody_wait() {
    let db = TestDb::new();
    for more in ["", "ignore_startup_parameters = options"] {
        let pooler = PgBouncer::start("session", 1, more);
        let url = pooler.url(&db.url());
        let mut config = recommended_pool_config(PoolDriver::Postgres);
        config.connection_timeout = Some(Duration::from_secs(120));
        let begun = Instant::now();
        let pool = pool::postgres_with(&url, PoolDriver::Postgres, &config).unwrap();
        pool.get().unwrap().batch_execute("SELECT 1").unwrap();
        assert!(begun.elapsed() < Duration::from_secs(40), "{more}");
    }
    for more in ["", "ignore_startup_parameters = options"] {
        let pooler = PgBouncer::start("session", 1, more);
        let begun = Instant::now();
        let report = doctor::postgres(pooler.url(&db.url())).unwrap();
        // Two looks of three seconds; the pooler would let a client wait for two minutes.
        assert!(begun.elapsed() < Duration::from_secs(40), "{more}");
        assert!(
            report
                .findings
                .iter()
                .any(|finding| finding.text.contains("could not be seen")),
            "{report:?}"
        );
    }
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Whatever the doctor set would be another client's.
#[test]
fn the_doctor_leaves_nothing_in_the_poolers_sessions() {
    let db = TestDb::new();
    let pooler = PgBouncer::start("transaction", 1, "ignore_startup_parameters = options");
    let url = pooler.url(&db.url());
    let mut conn = PgConnection::establish(&url).unwrap();
    let left_behind = |conn: &mut PgConnection| -> Vec<String> {
        diesel::sql_query(
            "SELECT name || '=' || setting AS name FROM pg_settings WHERE source IN ('session', 'client')
             UNION ALL SELECT 'statement ' || name FROM pg_prepared_statements
             UNION ALL SELECT 'lock ' || locktype FROM pg_locks WHERE locktype = 'advisory'
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
             UNION ALL SELECT 'table ' || relname FROM pg_class
                 WHERE relpersistence = 't'
             ORDER BY 1",
        )
        .load::<Setting>(conn)
        .unwrap()
        .into_iter()
        .map(|row| row.name)
        .collect()
    };
    let before = left_behind(&mut conn);
    let _ = doctor::postgres(&url).unwrap();
    assert_eq!(left_behind(&mut conn), before);
}

#[test]
fn migrations_and_seeds_go_through_a_transaction_pooler() {
    let db = TestDb::new();
    let pooler = PgBouncer::start("transaction", 2, "");
    let url = pooler.url(&db.url());
    let json = succeeds(&["doctor", "--json", "--database-url", &url]).json();
    assert_eq!(json["between"]["seen"], "transaction pooler");
    assert_eq!(json["pool"]["statement_cache"], false);
    let text = succeeds(&["doctor", "--database-url", &url]).out;
    assert!(text.contains("a transaction pooler: "), "{text}");

    succeeds(&["migrate", "--dry-run", "--database-url", &url]);
    let ran = succeeds(&["migrate", "--database-url", &url]);
    assert!(ran.out.contains("4 migrations run"), "{}", ran.out);
    assert!(auto_migrate(&mut db.connect()).unwrap().applied.is_empty());

    db.connect()
        .batch_execute("CREATE TABLE towns (id INT PRIMARY KEY, name TEXT NOT NULL)")
        .unwrap();
    let directory = support::temporary::tempdir().unwrap();
    let file = directory.path().join("towns.csv");
    let rows: String = (0..5_000).map(|id| format!("{id},Town {id}\n")).collect();
    std::fs::write(&file, format!("id,name\n{rows}")).unwrap();
    let file = file.display().to_string();
    for inserted in [5_000, 0] {
        let seed = [
            "seed",
            "--json",
            "--database-url",
            &url,
            "--table",
            "towns",
            &file,
        ];
        assert_eq!(succeeds(&seed).json()["inserted"], inserted);
    }

    let pool = pool::postgres(&url, PoolDriver::Hyperdrive).unwrap();
    let mut conn = pool.get().unwrap();
    conn.batch_execute(numbers::CREATE).unwrap();
    for inserted in [20_000, 0] {
        let summary = Seed::new()
            .rows(numbers::up_to(20_000))
            .run(&mut conn)
            .unwrap();
        assert_eq!(summary.inserted(), inserted);
    }
}

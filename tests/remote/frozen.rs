//! Servers that are stopped: whatever is asked of them ends in time, and works again afterwards.

use std::time::Duration;

use covara_diesel::auth::{NewSession, SessionStore};
use covara_diesel::pool::{PoolDriver, recommended_pool_config};
use covara_diesel::search::{Field, IndexDefinition, SearchAdapter, SearchQuery, SqliteFts};
use covara_diesel::{Seed, auto_migrate};
use diesel::connection::SimpleConnection;
use diesel::r2d2::R2D2Connection;
use support::bounded::within;
use support::{d1, numbers, sqld};

use super::{Remote, pool_of};

const LIMITS: &str = "connect_timeout=1&request_timeout=1&statement_timeout=2";
/// Several statements may be tried, each with a limit of its own.
const IN_TIME: Duration = Duration::from_secs(10);

fn everything_ends<R: Remote>(server: &R, freeze: impl Fn(&R), thaw: impl Fn(&R)) {
    let pool = pool_of::<R::Conn>(&server.url_at(&server.origin(), LIMITS), 2);
    let sessions = SessionStore::new();
    let definition = IndexDefinition::new().field("title", Field::text());
    {
        let mut conn = pool.get().unwrap();
        auto_migrate(&mut conn).unwrap();
        conn.batch_execute(numbers::CREATE).unwrap();
        SqliteFts
            .create_index(&mut conn, "docs", &definition)
            .unwrap();
    }
    freeze(server);
    type Job<C> =
        fn(&mut diesel::r2d2::PooledConnection<diesel::r2d2::ConnectionManager<C>>) -> bool;
    let jobs: [(&str, Job<R::Conn>); 4] = [
        ("a store", |conn| {
            SessionStore::new()
                .create(conn, NewSession::new("ada"))
                .is_err()
        }),
        ("a seed", |conn| {
            Seed::new().rows(numbers::up_to(10)).run(conn).is_err()
        }),
        ("a search", |conn| {
            SqliteFts
                .search(conn, "docs", &SearchQuery::new("x"))
                .is_err()
        }),
        ("a migration", |conn| auto_migrate(conn).is_err()),
    ];
    for (what, job) in jobs {
        let pool = pool.clone();
        let failed = within(IN_TIME, what, move || {
            let mut conn = pool.get().unwrap();
            conn.ping().unwrap();
            job(&mut conn)
        });
        assert!(failed, "{what}");
    }
    thaw(server);
    for _ in 0..2 {
        let mut conn = pool.get().unwrap();
        assert!(auto_migrate(&mut conn).unwrap().applied.is_empty());
        sessions.create(&mut conn, NewSession::new("ada")).unwrap();
        Seed::new().rows(numbers::up_to(10)).run(&mut conn).unwrap();
    }
}

#[test]
fn everything_on_a_stopped_sqld_ends_in_time() {
    let server = sqld::TestDb::new();
    everything_ends(&server, sqld::TestDb::freeze, sqld::TestDb::thaw);
}

#[test]
fn everything_on_a_stopped_workerd_ends_in_time() {
    let server = d1::TestDb::alone();
    everything_ends(&server, d1::TestDb::freeze, d1::TestDb::thaw);
}

#[test]
fn a_pool_over_http_takes_no_sql_for_sessions() {
    let mut config = recommended_pool_config(PoolDriver::D1);
    config.on_connect = Some("PRAGMA foreign_keys = OFF".to_owned());
    let error = covara_diesel::pool::d1_with("d1://account/database?token=x", &config).unwrap_err();
    assert!(error.to_string().contains("on_connect"), "{error}");
}

/// The recommended settings have no time-out; that of the pool is 30 s.
#[test]
fn without_a_time_out_a_connection_is_waited_for_30_seconds() {
    let pool = covara_diesel::pool::d1("d1://account/database?token=x").unwrap();
    assert_eq!(pool.connection_timeout(), Duration::from_secs(30));
    let mut config = recommended_pool_config(PoolDriver::Libsql);
    config.connection_timeout = Some(Duration::MAX);
    config.busy_timeout = Duration::MAX;
    let pool = covara_diesel::pool::libsql_with("libsql://app.example", &config).unwrap();
    assert!(pool.connection_timeout() > Duration::from_secs(1_000_000));
    let _ = pool.get().unwrap();
}

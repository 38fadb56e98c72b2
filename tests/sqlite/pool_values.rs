//! Pools of any settings: each is opened or refused, none panics, and one that is open works.

use std::time::Duration;

use covara_diesel::pool::{self, PoolConfig, PoolDriver, PoolError, recommended_pool_config};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use proptest::prelude::*;
use support::sqlite::TestDb;

use diesel::sql_types::BigInt;

fn time() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::from_nanos(1)),
        Just(Duration::from_millis(1)),
        (1_u64..3_600).prop_map(Duration::from_secs),
        any::<u64>().prop_map(Duration::from_secs),
        Just(Duration::MAX),
    ]
}

fn limit() -> impl Strategy<Value = Option<Duration>> {
    proptest::option::of(time())
}

/// Waiting for a connection that never comes is what short ones are about; not here.
fn patience() -> impl Strategy<Value = Option<Duration>> {
    limit().prop_map(|time| {
        time.map(|time| match time.is_zero() {
            true => time,
            false => time.max(Duration::from_secs(10)),
        })
    })
}

fn config() -> impl Strategy<Value = PoolConfig> {
    let sizes = (
        prop_oneof![0_u32..5, Just(65_535), Just(65_536), Just(u32::MAX)],
        prop_oneof![0_u32..3, Just(u32::MAX)],
    );
    let pool = (limit(), patience(), limit(), any::<bool>(), time());
    let server = (
        limit(),
        limit(),
        limit(),
        limit(),
        limit(),
        limit(),
        limit(),
    );
    (sizes, pool, server).prop_map(|((max_size, min_idle), pool, server)| {
        let mut config = recommended_pool_config(PoolDriver::Sqlite);
        (config.max_size, config.min_idle) = (max_size, min_idle);
        (
            config.idle_timeout,
            config.connection_timeout,
            config.max_lifetime,
            config.test_on_check_out,
            config.busy_timeout,
        ) = pool;
        (
            config.check_out_timeout,
            config.statement_timeout,
            config.lock_timeout,
            config.idle_in_transaction_timeout,
            config.silence_timeout,
            config.keepalive,
            config.tcp_user_timeout,
        ) = server;
        config
    })
}

fn has_zero(config: &PoolConfig) -> bool {
    [
        config.idle_timeout,
        config.connection_timeout,
        config.max_lifetime,
        config.check_out_timeout,
        config.statement_timeout,
        config.lock_timeout,
        config.idle_in_transaction_timeout,
        config.silence_timeout,
        config.keepalive,
        config.tcp_user_timeout,
    ]
    .contains(&Some(Duration::ZERO))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn any_settings_open_a_pool_or_are_an_error(config in config(), in_memory: bool) {
        let db = TestDb::new();
        let url = if in_memory { ":memory:".to_owned() } else { db.url() };
        let sized = (1..=65_535).contains(&config.max_size) && config.min_idle <= config.max_size;
        match pool::sqlite_with(&url, &config) {
            Ok(pool) => {
                prop_assert!(sized && !has_zero(&config));
                pool.get().unwrap().batch_execute("SELECT 1").unwrap();
            }
            Err(PoolError::InvalidConfig { .. }) => prop_assert!(!sized || has_zero(&config)),
            Err(other) => prop_assert!(false, "{other:?}"),
        }
    }
}

#[derive(QueryableByName)]
struct CacheSize {
    #[diesel(sql_type = BigInt)]
    cache_size: i64,
}

#[test]
fn each_new_connection_executes_what_the_settings_say() {
    let db = TestDb::new();
    let mut config = recommended_pool_config(PoolDriver::Sqlite);
    config.on_connect = Some("PRAGMA cache_size = -4321; PRAGMA secure_delete = ON".to_owned());
    for url in [db.url(), ":memory:".to_owned()] {
        let pool = pool::sqlite_with(&url, &config).unwrap();
        let mut held: Vec<_> = (0..pool.max_size()).map(|_| pool.get().unwrap()).collect();
        for conn in &mut held {
            let found = diesel::sql_query("PRAGMA cache_size").get_result::<CacheSize>(conn);
            assert_eq!(found.unwrap().cache_size, -4321);
        }
        assert!(!format!("{pool:?}").contains("4321"), "{pool:?}");
    }
    for refused in ["NONSENSE", "BEGIN"] {
        config.on_connect = Some(refused.to_owned());
        for url in [db.url(), ":memory:".to_owned()] {
            let error = pool::sqlite_with(&url, &config).unwrap_err();
            assert!(matches!(error, PoolError::Setup { .. }), "{error:?}");
        }
    }
}

//! Recommended settings and opening.

use std::time::Duration;

use covara_diesel::pool::{PoolDriver, PoolError, recommended_pool_config};

#[test]
fn the_recommended_settings_are_covaras() {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let table = [
        (PoolDriver::Postgres, 10, seconds(20), seconds(10)),
        (PoolDriver::Neon, 1, None, seconds(10)),
        (PoolDriver::Pglite, 1, None, None),
        (PoolDriver::Libsql, 1, None, seconds(10)),
        (PoolDriver::D1, 1, None, None),
        (PoolDriver::Hyperdrive, 5, seconds(10), seconds(10)),
    ];
    for (driver, max_size, idle, connect) in table {
        let config = recommended_pool_config(driver);
        assert_eq!(config.max_size, max_size, "{driver}");
        assert_eq!(config.idle_timeout, idle, "{driver}");
        assert_eq!(config.connection_timeout, connect, "{driver}");
        assert!(!config.notes.is_empty(), "{driver}");
    }
    let sqlite = recommended_pool_config(PoolDriver::Sqlite);
    assert!(sqlite.max_size >= 1 && !sqlite.notes.is_empty());
}

#[test]
fn drivers_parse_by_their_own_and_by_covaras_names() {
    let names = [
        ("sqlite", PoolDriver::Sqlite),
        ("better-sqlite3", PoolDriver::Sqlite),
        ("libsql", PoolDriver::Libsql),
        ("d1", PoolDriver::D1),
        ("postgres", PoolDriver::Postgres),
        ("postgres-js", PoolDriver::Postgres),
        ("neon", PoolDriver::Neon),
        ("hyperdrive", PoolDriver::Hyperdrive),
        ("pglite", PoolDriver::Pglite),
    ];
    for (name, driver) in names {
        assert_eq!(name.parse(), Ok(driver));
        assert_eq!(driver.to_string().parse(), Ok(driver));
    }
    let error = "oracle".parse::<PoolDriver>().unwrap_err().to_string();
    assert!(error.contains("oracle"), "{error}");
    for (name, _) in names {
        assert!(error.contains(name), "{error} should list {name}");
    }
}

#[test]
fn settings_no_pool_can_have_are_errors() {
    let recommended = recommended_pool_config(PoolDriver::Sqlite);
    let mut cases = vec![recommended.clone(); 5];
    cases[0].max_size = 0;
    cases[1].min_idle = cases[1].max_size + 1;
    cases[2].idle_timeout = Some(Duration::ZERO);
    cases[3].connection_timeout = Some(Duration::ZERO);
    cases[4].max_lifetime = Some(Duration::ZERO);
    for config in cases {
        let error = covara_diesel::pool::sqlite_with(":memory:", &config).unwrap_err();
        assert!(
            matches!(error, PoolError::InvalidConfig { .. }),
            "{error:?}"
        );
    }
}

use covara_diesel::pool::{self, PoolDriver, PoolError, recommended_pool_config};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use support::postgres::{TestDb, server_url};

use crate::suite::chain;

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[test]
fn the_statement_cache_is_off_where_sessions_are_shared() {
    let db = TestDb::new();
    for (driver, cached) in [
        (PoolDriver::Postgres, true),
        (PoolDriver::Neon, false),
        (PoolDriver::Hyperdrive, false),
        (PoolDriver::Pglite, false),
    ] {
        let pool = pool::postgres(db.url(), driver).unwrap();
        assert_eq!(pool.max_size(), recommended_pool_config(driver).max_size);
        let mut conn = pool.get().unwrap();
        for _ in 0..3 {
            diesel::select(1.into_sql::<diesel::sql_types::Integer>())
                .get_result::<i32>(&mut conn)
                .unwrap();
        }
        let prepared = diesel::sql_query("SELECT count(*) AS n FROM pg_prepared_statements")
            .get_result::<Count>(&mut conn)
            .unwrap()
            .n;
        assert_eq!(
            prepared > 0,
            cached,
            "{driver}: {prepared} prepared statements"
        );
    }
}

#[test]
fn connections_open_on_demand() {
    let db = TestDb::new();
    let pool = pool::postgres(db.url(), PoolDriver::Postgres).unwrap();
    let _held = (pool.get().unwrap(), pool.get().unwrap());
    let open = diesel::sql_query(
        "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database()",
    )
    .get_result::<Count>(&mut pool.get().unwrap())
    .unwrap()
    .n;
    assert!(
        (3..=4).contains(&open),
        "{open} connections for three users"
    );
}

/// The server's URL with another user information, host and database.
fn url(user: &str, host: Option<&str>, database: &str) -> String {
    let server = server_url();
    let (_, rest) = server.split_once('@').unwrap();
    let (address, _) = rest.rsplit_once('/').unwrap();
    format!("postgres://{user}@{}/{database}", host.unwrap_or(address))
}

#[test]
fn connection_failures_have_distinct_errors_that_show_no_password() {
    let secret = "hunter2-x";
    let user = format!("covara:{secret}");
    let server = server_url();
    let right = server
        .trim_start_matches("postgres://")
        .split_once('@')
        .unwrap()
        .0
        .to_owned();
    let password = right.split_once(':').unwrap().1;

    let wrong = pool::postgres(url(&user, None, "postgres"), PoolDriver::Postgres).unwrap_err();
    assert!(
        matches!(wrong, PoolError::Authentication { .. }),
        "{wrong:?}"
    );

    let unknown =
        pool::postgres(url(&right, None, "nothing_here"), PoolDriver::Postgres).unwrap_err();
    assert!(
        matches!(unknown, PoolError::UnknownDatabase { .. }),
        "{unknown:?}"
    );

    let refused =
        pool::postgres(url(&user, Some("127.0.0.1:1"), "app"), PoolDriver::Postgres).unwrap_err();
    assert!(
        matches!(refused, PoolError::Unreachable { .. }),
        "{refused:?}"
    );

    let socket = format!("host=/nowhere user=covara password='{secret}' dbname=app");
    let no_socket = pool::postgres(socket, PoolDriver::Postgres).unwrap_err();
    assert!(
        matches!(no_socket, PoolError::Unreachable { .. }),
        "{no_socket:?}"
    );

    let scheme =
        pool::postgres(format!("mysql://{user}@host/db"), PoolDriver::Postgres).unwrap_err();
    assert!(
        matches!(scheme, PoolError::UnsupportedScheme { .. }),
        "{scheme:?}"
    );
    assert!(scheme.to_string().contains("postgres://"), "{scheme}");

    let nonsense = pool::postgres(secret, PoolDriver::Postgres).unwrap_err();
    assert!(
        matches!(nonsense, PoolError::Connect { .. }),
        "{nonsense:?}"
    );

    for end in ["?", "?sslmode=prefer&", "?connect_timeout=3"] {
        pool::postgres(format!("{server}{end}"), PoolDriver::Postgres).unwrap();
    }
    let driver = pool::postgres(&server, PoolDriver::D1).unwrap_err();
    assert!(
        matches!(driver, PoolError::InvalidConfig { .. }),
        "{driver:?}"
    );

    // libpq quotes what it cannot parse.
    let mut malformed = Vec::new();
    for text in [
        format!("postgres://covara:{secret}%zz@127.0.0.1/app"),
        format!("postgres://covara:{secret} x@127.0.0.1/app"),
        format!("postgres://covara:a@{secret}@127.0.0.1/app"),
        format!("postgres://covara:a/{secret}@127.0.0.1/app"),
        format!("postgres://127.0.0.1/app?password={secret}%zz"),
        format!("postgres://localhost?password=pa@{secret}"),
        format!("covara:{secret}://x@localhost"),
        format!("postgres://127.0.0.1/app?unknown=1&password={secret}"),
        format!("host=127.0.0.1 password = '{secret}"),
        format!("host=127.0.0.1 password={secret}\\' x"),
    ] {
        malformed.push(pool::postgres(text, PoolDriver::Postgres).unwrap_err());
    }
    for error in [wrong, unknown, refused, no_socket, scheme, nonsense]
        .iter()
        .chain(&malformed)
    {
        let text = format!("{} {error:?}", chain(error));
        assert!(!text.contains(secret) && !text.contains(password), "{text}");
    }

    let pool = pool::postgres(&server, PoolDriver::Postgres).unwrap();
    assert!(!format!("{pool:?}").contains(password), "{pool:?}");
}

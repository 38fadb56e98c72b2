//! Servers that are stopped: whatever is asked of them ends in time, and works again afterwards.

use std::time::{Duration, Instant};

use covara_diesel::auth::{NewSession, SessionStore};
use covara_diesel::pool::{PoolDriver, recommended_pool_config};
use covara_diesel::remote::{D1Connection, LibsqlConnection};
use covara_diesel::search::{Field, IndexDefinition, SearchAdapter, SearchQuery, SqliteFts};
use covara_diesel::{DatabaseConnection, Seed, auto_migrate};
use diesel::r2d2::{ConnectionManager, PooledConnection, R2D2Connection};
use diesel::sqlite::Sqlite;
use support::bounded::within;
use support::https::Authority;
use support::{d1, numbers, sqld};

use super::{Remote, pool_of};

const LIMITS: &str = "connect_timeout=1&request_timeout=1&statement_timeout=2";
/// Several statements may be tried, each with a limit of its own.
const IN_TIME: Duration = Duration::from_secs(10);

/// `url` is that of the server with these options.
fn everything_ends<C>(url: impl Fn(&str) -> String, freeze: impl Fn(), thaw: impl Fn())
where
    C: DatabaseConnection<Backend = Sqlite> + R2D2Connection + Send + 'static,
{
    let pool = pool_of::<C>(&url(LIMITS), 2);
    let definition = IndexDefinition::new().field("title", Field::text());
    {
        // A busy machine may take longer for it than those limits.
        let mut conn = C::establish(&url("statement_timeout=60")).unwrap();
        auto_migrate(&mut conn).unwrap();
        conn.batch_execute(numbers::CREATE).unwrap();
        SqliteFts
            .create_index(&mut conn, "docs", &definition)
            .unwrap();
    }
    freeze();
    type Job<C> = fn(&mut PooledConnection<ConnectionManager<C>>) -> bool;
    let jobs: [(&str, Job<C>); 4] = [
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
    thaw();
    let end = Instant::now() + Duration::from_secs(60);
    let again = |what: &str, work: fn(&mut PooledConnection<ConnectionManager<C>>) -> bool| {
        while !work(&mut pool.get().unwrap()) {
            assert!(Instant::now() < end, "{what} does not work again");
        }
    };
    again("a migration", |conn| auto_migrate(conn).is_ok());
    again("a store", |conn| {
        let new = NewSession::new("ada");
        SessionStore::new().create(conn, new).is_ok()
    });
    again("a seed", |conn| {
        Seed::new().rows(numbers::up_to(10)).run(conn).is_ok()
    });
}

#[test]
fn everything_on_a_stopped_sqld_ends_in_time() {
    let server = sqld::TestDb::new();
    let url = |options: &str| server.url_at(&server.origin(), options);
    everything_ends::<LibsqlConnection>(url, || server.freeze(), || server.thaw());
}

#[test]
fn everything_on_a_stopped_workerd_ends_in_time() {
    let server = d1::TestDb::alone();
    let url = |options: &str| server.url_at(&server.origin(), options);
    everything_ends::<D1Connection>(url, || server.freeze(), || server.thaw());
}

/// The URL at an end of TLS, of a certificate that is trusted.
fn url_by<R: Remote>(server: &R, origin: &str, ours: &Authority) -> impl Fn(&str) -> String {
    let trusted = format!("sslrootcert={}", ours.certificate().display());
    move |options| server.url_at(origin, &format!("{options}&{trusted}"))
}

/// Connections are made and encrypted, and then nobody answers.
#[test]
fn everything_on_a_stopped_server_behind_tls_ends_in_time() {
    let ours = Authority::new();
    let server = sqld::TestDb::new();
    let tls = ours.serve(server.port(), "IP:127.0.0.1");
    let origin = format!("https://127.0.0.1:{}", tls.port);
    let url = url_by(&server, &origin, &ours);
    everything_ends::<LibsqlConnection>(url, || server.freeze(), || server.thaw());

    let server = d1::TestDb::alone();
    let port = server.base_url().rsplit(':').next().unwrap();
    let tls = ours.serve(port.parse().unwrap(), "DNS:localhost");
    let origin = format!("https://localhost:{}", tls.port);
    let url = url_by(&server, &origin, &ours);
    everything_ends::<D1Connection>(url, || server.freeze(), || server.thaw());
}

/// Connections are taken by the system, and never encrypted; those that are open fall silent.
#[test]
fn everything_on_a_stopped_end_of_tls_ends_in_time() {
    let ours = Authority::new();
    let server = sqld::TestDb::new();
    let tls = ours.serve(server.port(), "IP:127.0.0.1");
    let origin = format!("https://127.0.0.1:{}", tls.port);
    let url = url_by(&server, &origin, &ours);
    everything_ends::<LibsqlConnection>(url, || tls.freeze(), || tls.thaw());

    let server = d1::TestDb::alone();
    let port = server.base_url().rsplit(':').next().unwrap();
    let tls = ours.serve(port.parse().unwrap(), "DNS:localhost");
    let origin = format!("https://localhost:{}", tls.port);
    let url = url_by(&server, &origin, &ours);
    everything_ends::<D1Connection>(url, || tls.freeze(), || tls.thaw());
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

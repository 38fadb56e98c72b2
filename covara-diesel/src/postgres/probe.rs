//! The first connection of a pool: retries connecting, and examines the server.

use std::thread;
use std::time::{Duration, Instant};

use diesel::ConnectionError;
use diesel::connection::CacheSize;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::pool::{connection_string, explain};
use super::pooler;
use super::startup::Startup;
use super::watch;
use crate::drivers::Route;
use crate::pool::{
    PoolConfig, PoolDriver, PoolError, host_count, parameter_or_env, without_parameter,
};

const PAUSE: Duration = Duration::from_millis(100);
/// libpq's shortest time-out for connecting.
const SHORTEST: Duration = Duration::from_secs(2);
/// A new session reveals a pooler at once; see [`pooler`](super::pooler).
const ROUNDS: usize = 2;

/// Connects, and retries within `timeout` if that may help: PGlite closes a client that comes too
/// early, Neon's computes wake up, servers start.
pub(super) fn connect(
    given: &str,
    driver: PoolDriver,
    timeout: Duration,
    startup: &Startup,
) -> Result<PgConnection, PoolError> {
    let begun = Instant::now();
    loop {
        let left = timeout.saturating_sub(begun.elapsed());
        let url = startup.url(&connection_string(given, Some(left))?);
        let silence = silence_limit(given, left.max(timeout.min(SHORTEST)));
        match watch::establish(&url, silence, silence.map(|limit| longest(&url, limit))) {
            Err(error) if passes(&error, driver) && !left.is_zero() => {
                thread::sleep(PAUSE.min(left));
            }
            result => return result.map_err(|error| explain(error, &url)),
        }
    }
}

/// Returns how long a server may be silent after the log-in: as long as the log-in may take, which
/// the connection string or the environment may say; `None` for no limit.
pub(super) fn silence_limit(given: &str, timeout: Duration) -> Option<Duration> {
    let seconds = parameter_or_env(given, "connect_timeout", "PGCONNECT_TIMEOUT");
    match seconds.and_then(|seconds| seconds.trim().parse::<i64>().ok()) {
        None => Some(timeout),
        // libpq waits without limit, too.
        Some(seconds) if seconds <= 0 => None,
        Some(seconds) => u64::try_from(seconds).ok().map(Duration::from_secs),
    }
}

/// Returns after how long an attempt to connect is abandoned. libpq may use its time-out for each
/// host, and for several addresses of one.
fn longest(url: &str, limit: Duration) -> Duration {
    let hosts = u32::try_from(host_count(url)).unwrap_or(1);
    limit.max(SHORTEST).saturating_mul(hosts.saturating_add(1))
}

/// Returns whether a failure to connect may pass soon. A refused connection is expected only of
/// servers that sleep. Elsewhere it means a wrong host or port, which is reported at once.
fn passes(error: &ConnectionError, driver: PoolDriver) -> bool {
    let text = error.to_string();
    let has = |words: &str| text.contains(words);
    let busy = has("server closed the connection unexpectedly")
        || has("the database system is starting up")
        || has("the database system is shutting down")
        || has("the database system is not yet accepting connections")
        || has("the database system is in recovery mode");
    let asleep = has("Connection refused")
        || has("Connection reset")
        || has("timeout expired")
        || has("SSL SYSCALL error")
        || has("could not receive data from server");
    busy || asleep && driver != PoolDriver::Postgres
}

#[derive(QueryableByName)]
struct Server {
    #[diesel(sql_type = Text)]
    version: String,
    /// Names of time-outs that nobody has set, separated by commas.
    #[diesel(sql_type = Text)]
    unset: String,
}

const SERVER: &str = "
SELECT version() AS version, COALESCE((
    SELECT string_agg(name, ',') FROM pg_catalog.pg_settings
    WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout')
        AND source = 'default'
), '') AS unset";

/// Adapts the settings to the server where the driver does not determine them. PGlite is one
/// session, so it gets one connection. With PGlite or a transaction pooler, statements are not
/// prepared and time-outs are not sent.
pub(super) fn adapt(
    conn: &mut PgConnection,
    url: &str,
    driver: PoolDriver,
    config: &mut PoolConfig,
    startup: &mut Startup,
) -> Result<(), PoolError> {
    conn.set_prepared_statement_cache_size(CacheSize::Disabled);
    if driver != PoolDriver::Postgres {
        return Ok(());
    }
    let server = diesel::sql_query(SERVER)
        .get_result::<Server>(conn)
        .map_err(|source| PoolError::Setup { source })?;
    if server.version.contains("PGlite") {
        log::warn!(
            "PGlite answers: the pool has one connection and caches no prepared statements; \
             open it with PoolDriver::Pglite"
        );
        config.max_size = 1;
        config.min_idle = config.min_idle.min(1);
        config.statement_cache = false;
        return Ok(());
    }
    startup.tell(&server.unset, config);
    if !config.statement_cache && !startup.has_options() && config.on_connect.is_none() {
        return Ok(());
    }
    let Some(evidence) = pooler(conn, url, startup) else {
        return Ok(());
    };
    startup.tell_nothing();
    if config.on_connect.is_some() {
        return Err(PoolError::InvalidConfig {
            problem: "on_connect needs a session, and a transaction pooler that shares them is \
                      in between",
        });
    }
    if config.statement_cache {
        log::warn!(
            "a transaction pooler is in between ({evidence}): the pool caches no prepared \
             statements; open it with PoolDriver::Hyperdrive"
        );
        config.statement_cache = false;
    }
    Ok(())
}

/// Returns evidence of a transaction pooler, by its host name or its behaviour. No options are sent
/// when connecting if a connection with them could not be opened.
fn pooler(conn: &mut PgConnection, url: &str, startup: &mut Startup) -> Option<String> {
    match PoolDriver::from_url(url) {
        Ok(driver) if driver.row().route == Route::Pooler => {
            Some(format!("the URL is one of {driver}"))
        }
        _ => {
            let plain = without_parameter(url, "driver");
            let refused = match pooler::shared_session(conn, &startup.url(&plain), ROUNDS) {
                Ok(evidence) => return evidence,
                Err(reason) => pooler::refuses_options(&reason),
            };
            startup.tell_nothing();
            // A pooler that lends whole connections, and has none left, is not asked a second time.
            refused
                .then(|| pooler::shared_session(conn, &startup.url(&plain), ROUNDS))?
                .unwrap_or(None)
        }
    }
}

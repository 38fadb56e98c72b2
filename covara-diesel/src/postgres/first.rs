//! The first connection of a pool: patience, and a look at what answers.

use std::thread;
use std::time::{Duration, Instant};

use diesel::ConnectionError;
use diesel::connection::CacheSize;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::between;
use super::pool::{connection_string, explain};
use crate::pool::{PoolConfig, PoolDriver, PoolError};

/// How long the first connection of a pool without a time-out is tried for.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);
/// A new session shows a pooler at once; see `between`.
const ROUNDS: usize = 2;

/// Connects, again and again within `timeout` while that may help: PGlite closes a client
/// that comes too early, Neon's computes wake up, servers start.
pub(super) fn connect(
    given: &str,
    driver: PoolDriver,
    timeout: Option<Duration>,
) -> Result<PgConnection, PoolError> {
    let end = Instant::now() + timeout.unwrap_or(PATIENCE);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let url = connection_string(given, Some(left))?;
        match PgConnection::establish(&url) {
            Err(error) if passes(&error, driver) && !left.is_zero() => {
                thread::sleep(PAUSE.min(left));
            }
            result => return result.map_err(|error| explain(error, &url)),
        }
    }
}

/// Whether a failure to connect may pass soon. That nothing listens is expected of servers
/// that sleep only; elsewhere it tells of a wrong host or port, which is better told at once.
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
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

/// The settings that what answers needs, where the driver does not tell: PGlite is one
/// session, so it gets one connection; neither there nor behind a transaction pooler are
/// statements kept.
pub(super) fn adapt(
    conn: &mut PgConnection,
    url: &str,
    driver: PoolDriver,
    config: &mut PoolConfig,
) -> Result<(), PoolError> {
    conn.set_prepared_statement_cache_size(CacheSize::Disabled);
    if driver != PoolDriver::Postgres {
        return Ok(());
    }
    let version = diesel::sql_query("SELECT version() AS version")
        .get_result::<Version>(conn)
        .map_err(|source| PoolError::Setup { source })?
        .version;
    if version.contains("PGlite") {
        log::warn!(
            "PGlite answers: the pool has one connection and keeps no statements; open it with \
             PoolDriver::Pglite"
        );
        config.max_size = 1;
        config.min_idle = config.min_idle.min(1);
        config.statement_cache = false;
    } else if config.statement_cache
        && let Some(evidence) = pooler(conn, url)
    {
        log::warn!(
            "a transaction pooler is in between ({evidence}): the pool keeps no statements; \
             open it with PoolDriver::Hyperdrive"
        );
        config.statement_cache = false;
    }
    Ok(())
}

/// What shows a transaction pooler, by its name or by its doings.
fn pooler(conn: &mut PgConnection, url: &str) -> Option<String> {
    match PoolDriver::from_url(url) {
        Ok(driver @ (PoolDriver::Neon | PoolDriver::Hyperdrive)) => {
            Some(format!("the URL is one of {driver}"))
        }
        _ => between::shared_session(conn, url, ROUNDS).unwrap_or(None),
    }
}

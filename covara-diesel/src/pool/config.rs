//! Recommended pool settings per driver.

use std::error::Error as StdError;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use diesel::connection::Connection;
use diesel::r2d2::{ConnectionManager, R2D2Connection};
use r2d2::{CustomizeConnection, Pool};

use super::error::PoolError;

/// The drivers of Covara's database layer.
///
/// [`FromStr`] also takes Covara's own names: `"postgres-js"`, `"better-sqlite3"` and the
/// rest.
///
/// ```
/// use covara_diesel::pool::PoolDriver;
///
/// assert_eq!("postgres-js".parse(), Ok(PoolDriver::Postgres));
/// assert!("oracle".parse::<PoolDriver>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PoolDriver {
    /// SQLite in a local file or in memory.
    Sqlite,
    /// libSQL / Turso over HTTP.
    Libsql,
    /// Cloudflare D1 over HTTP.
    D1,
    /// PostgreSQL, connected to directly.
    Postgres,
    /// Neon, by its pooled endpoint or over HTTP.
    Neon,
    /// Cloudflare Hyperdrive, a transaction pooler.
    Hyperdrive,
    /// PGlite over its socket server.
    Pglite,
}

/// Each driver with the names that parse as it; the first is its own.
const NAMES: [(PoolDriver, &[&str]); 7] = [
    (PoolDriver::Sqlite, &["sqlite", "better-sqlite3"]),
    (PoolDriver::Libsql, &["libsql"]),
    (PoolDriver::D1, &["d1"]),
    (PoolDriver::Postgres, &["postgres", "postgres-js"]),
    (PoolDriver::Neon, &["neon"]),
    (PoolDriver::Hyperdrive, &["hyperdrive"]),
    (PoolDriver::Pglite, &["pglite"]),
];

impl fmt::Display for PoolDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = NAMES.iter().find(|(driver, _)| driver == self);
        f.write_str(names.map_or("", |(_, names)| names[0]))
    }
}

impl FromStr for PoolDriver {
    type Err = UnknownDriver;

    fn from_str(name: &str) -> Result<Self, UnknownDriver> {
        NAMES
            .iter()
            .find(|(_, names)| names.contains(&name))
            .map(|(driver, _)| *driver)
            .ok_or_else(|| UnknownDriver {
                name: name.to_owned(),
            })
    }
}

/// A driver name that is not known; its text lists those that are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownDriver {
    name: String,
}

impl fmt::Display for UnknownDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<_> = NAMES
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        write!(
            f,
            "unknown driver {:?}; known are {}",
            self.name,
            known.join(", ")
        )
    }
}

impl StdError for UnknownDriver {}

/// Settings of a connection pool. Every field can be changed before a pool is built.
///
/// ```
/// use covara_diesel::pool::{self, PoolDriver, recommended_pool_config};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut config = recommended_pool_config(PoolDriver::Sqlite);
/// config.max_size = 2;
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("app.db");
/// let pool = pool::sqlite_with(path, &config)?;
/// assert_eq!(pool.max_size(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolConfig {
    /// Most connections at once. At least 1.
    pub max_size: u32,
    /// Connections kept open while idle; the rest open on demand. At most `max_size`.
    pub min_idle: u32,
    /// How long a connection may stay idle before it is closed; `None`: for ever.
    pub idle_timeout: Option<Duration>,
    /// How long to wait for a connection, a new one to be established included; `None`: for
    /// ever.
    pub connection_timeout: Option<Duration>,
    /// How long a connection may live; `None`: for ever.
    pub max_lifetime: Option<Duration>,
    /// Whether a connection is asked `SELECT 1` before it is handed out: a round trip that
    /// spares the user one that the server has closed.
    pub test_on_check_out: bool,
    /// How long a statement waits for another writer before it fails, on SQLite.
    pub busy_timeout: Duration,
    /// Whether connections keep prepared statements. Off where a transaction pooler, or a
    /// server that shares one session, stands between.
    pub statement_cache: bool,
    /// Why these settings, in a sentence or two.
    pub notes: &'static str,
}

/// The settings Covara recommends for a driver.
///
/// | driver | max size | idle time-out | connection time-out |
/// |---|---|---|---|
/// | `Sqlite` | 4 | none | 30 s |
/// | `Libsql` | 1 | none | 10 s |
/// | `D1` | 1 | none | none |
/// | `Postgres` | 10 | 20 s | 10 s |
/// | `Neon` | 1 | none | 10 s |
/// | `Hyperdrive` | 5 | 10 s | 10 s |
/// | `Pglite` | 1 | none | none |
///
/// The source is Covara's own table of recommended sizes, but for `Sqlite`, which is
/// measured (`cargo bench --bench pool`).
#[must_use]
pub fn recommended_pool_config(driver: PoolDriver) -> PoolConfig {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let (max_size, idle_timeout, connection_timeout, notes) = match driver {
        PoolDriver::Sqlite => (
            4,
            None,
            seconds(30),
            "One writer at a time and readers beside it (WAL): more connections speed up \
             reading and make writers wait longer for each other. An in-memory database \
             gets exactly one connection.",
        ),
        PoolDriver::Libsql => (
            1,
            None,
            seconds(10),
            "Requests over HTTP are multiplexed by the server; one connection is one stream.",
        ),
        PoolDriver::D1 => (
            1,
            None,
            None,
            "Requests over HTTP without a session; the platform queues them.",
        ),
        PoolDriver::Postgres => (
            10,
            seconds(20),
            seconds(10),
            "A tenth of a default server's 100 connections, given back when idle.",
        ),
        PoolDriver::Neon => (
            1,
            None,
            seconds(10),
            "Neon pools on its side. Prepared statements are off, as its pooler hands each \
             transaction to another session.",
        ),
        PoolDriver::Hyperdrive => (
            5,
            seconds(10),
            seconds(10),
            "Hyperdrive pools by transaction, so prepared statements are off; a few \
             connections suffice and idle ones are given back soon.",
        ),
        PoolDriver::Pglite => (
            1,
            None,
            None,
            "PGlite is one session shared by all clients: one connection, prepared \
             statements off.",
        ),
    };
    PoolConfig {
        max_size,
        min_idle: 0,
        idle_timeout,
        connection_timeout,
        max_lifetime: match driver {
            // r2d2's own default; behind a load balancer old connections have to go.
            PoolDriver::Postgres | PoolDriver::Neon | PoolDriver::Hyperdrive => seconds(30 * 60),
            _ => None,
        },
        test_on_check_out: matches!(
            driver,
            PoolDriver::Postgres | PoolDriver::Neon | PoolDriver::Hyperdrive | PoolDriver::Pglite
        ),
        // The default of better-sqlite3, which Covara uses.
        busy_timeout: Duration::from_secs(5),
        statement_cache: !matches!(
            driver,
            PoolDriver::Neon | PoolDriver::Hyperdrive | PoolDriver::Pglite
        ),
        notes,
    }
}

/// What r2d2 is told for "no limit". It wants a time it can add to now.
const NO_LIMIT: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

impl PoolConfig {
    /// r2d2 panics on what it cannot use; here that is an error.
    pub(crate) fn check(&self) -> Result<(), PoolError> {
        let zero = |time: Option<Duration>| time.is_some_and(|time| time.is_zero());
        let problem = if self.max_size == 0 {
            "max_size must be at least 1"
        } else if self.min_idle > self.max_size {
            "min_idle must not be larger than max_size"
        } else if zero(self.idle_timeout) {
            "idle_timeout must not be zero; None means no limit"
        } else if zero(self.connection_timeout) {
            "connection_timeout must not be zero; None means no limit"
        } else if zero(self.max_lifetime) {
            "max_lifetime must not be zero; None means no limit"
        } else {
            return Ok(());
        };
        Err(PoolError::InvalidConfig { problem })
    }

    /// Builds the pool; the settings have been checked.
    pub(crate) fn build<C>(
        &self,
        url: &str,
        customizer: impl CustomizeConnection<C, diesel::r2d2::Error>,
    ) -> Result<Pool<ConnectionManager<C>>, r2d2::Error>
    where
        C: Connection + R2D2Connection + Send + 'static,
    {
        Pool::builder()
            .max_size(self.max_size)
            .min_idle(Some(self.min_idle))
            .idle_timeout(self.idle_timeout)
            .max_lifetime(self.max_lifetime)
            .test_on_check_out(self.test_on_check_out)
            .connection_timeout(self.connection_timeout.unwrap_or(NO_LIMIT).min(NO_LIMIT))
            .connection_customizer(Box::new(customizer))
            .build(ConnectionManager::new(url))
    }
}

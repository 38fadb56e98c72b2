//! Recommended pool settings per driver.

use std::error::Error as StdError;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use r2d2::{ManageConnection, Pool};

use super::error::PoolError;
use super::tokens::Tokens;
use crate::drivers::{Driver, PoolDriver, Route};

impl fmt::Display for PoolDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().names[0])
    }
}

impl FromStr for PoolDriver {
    type Err = UnknownDriverError;

    fn from_str(name: &str) -> Result<Self, UnknownDriverError> {
        let mut drivers = Self::ALL.iter().copied();
        drivers
            .find(|driver| driver.row().names.contains(&name))
            .ok_or_else(|| UnknownDriverError {
                name: name.to_owned(),
            })
    }
}

/// The error for an unknown driver name. Its text lists the known names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownDriverError {
    name: String,
}

impl fmt::Display for UnknownDriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let drivers = PoolDriver::ALL.iter();
        let known: Vec<_> = drivers
            .flat_map(|driver| driver.row().names)
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

impl StdError for UnknownDriverError {}

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
///
/// `Debug` shows everything except the SQL of [`on_connect`](Self::on_connect), which may contain
/// secrets.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolConfig {
    /// Maximum number of connections. From 1 to 65,535, the number of ports of one address.
    pub max_size: u32,
    /// Connections kept open while idle; the rest open on demand. At most `max_size`.
    pub min_idle: u32,
    /// The time that a connection may stay idle before it is closed; `None`: forever.
    pub idle_timeout: Option<Duration>,
    /// The wait for a connection, including the time to establish a new one; `None`: 30 s.
    /// To wait without limit, use [`Duration::MAX`].
    pub connection_timeout: Option<Duration>,
    /// The longest life of a connection; `None`: forever.
    pub max_lifetime: Option<Duration>,
    /// `true` if a connection runs `SELECT 1` before it is handed out. This costs a round trip, and
    /// keeps the user from getting a connection that the server has closed, or that the pool closed
    /// because it was returned inside a transaction.
    pub test_on_check_out: bool,
    /// The time that a statement waits for another writer before it fails, on SQLite.
    pub busy_timeout: Duration,
    /// `true` if connections keep prepared statements. Off behind a transaction pooler, or a server
    /// that shares one session among its clients.
    pub statement_cache: bool,
    /// The time a connection may take to answer the test at check-out before it is discarded and
    /// the next one is tried; at most half of the connection time-out, so that there is time to
    /// connect again. `None`: half of the connection time-out. PostgreSQL on Linux only. The
    /// recommended settings have 5 s, a hundred times a round trip around the world.
    pub check_out_timeout: Option<Duration>,
    /// The time that a statement may run on PostgreSQL; `None`: the server decides.
    ///
    /// With `Postgres` the pool sends it to the server as `statement_timeout` when connecting,
    /// unless the server's configuration, the database, the role, the URL's `options` or
    /// `PGOPTIONS` set another one; `SET LOCAL` changes it for a transaction. It is not sent to
    /// poolers and PGlite, which share sessions, nor if the URL or `PGSERVICE` names a service. In
    /// any case a connection whose statement takes 5 s longer is closed, on Linux.
    ///
    /// The recommended settings have an hour: longer than seeds and migrations spend on one
    /// statement, so that no index on a large table fails. For a web server, choose seconds.
    pub statement_timeout: Option<Duration>,
    /// The time a statement waits for a lock on PostgreSQL; `None`: the server decides. It is sent
    /// to the server like [`statement_timeout`](Self::statement_timeout), and has no effect if that
    /// is not sent.
    ///
    /// The recommended settings have 10 minutes, so that a seed or a migration waits for that of
    /// another process. For a web server, choose seconds. Migrations of this library wait as long
    /// as their own options say.
    pub lock_timeout: Option<Duration>,
    /// The time a transaction on PostgreSQL may be idle before the server closes its connection and
    /// so releases its locks; `None`: the server decides. It is sent to the server like
    /// [`statement_timeout`](Self::statement_timeout), and has no effect if that is not sent.
    ///
    /// The recommended settings have an hour, because a seed may have to wait for its rows.
    pub idle_in_transaction_timeout: Option<Duration>,
    /// The time a statement waits for an answer before the connection checks whether the server is
    /// still alive; `None`: it never checks.
    ///
    /// If the server is alive, the statement goes on waiting. If the server is stopped or hangs,
    /// and does not answer within the same time again (at least 1 s, at most 5 s), the connection
    /// is closed and the statement ends with an error. PostgreSQL on Linux only. The recommended
    /// settings have 30 s.
    pub silence_timeout: Option<Duration>,
    /// The time a TCP connection to PostgreSQL may be silent before the operating system probes
    /// whether the other end is there, up to three times, every 10 s. `None`: the system's own
    /// settings (Linux: 2 hours). At most 32,767 s. The URL's `keepalives…` parameters take
    /// precedence. The recommended settings have 30 s, less than the time after which routers and
    /// load balancers forget a connection.
    pub keepalive: Option<Duration>,
    /// The time that data sent to PostgreSQL over TCP may stay unacknowledged before the
    /// connection fails; `None`: the system's own setting (Linux: about 15 minutes). The URL's
    /// parameter `tcp_user_timeout` takes precedence. The recommended settings have 30 s.
    ///
    /// The pool adds up to a second, by which it tells its sockets from others. libpq supports this
    /// setting from version 12 on.
    pub tcp_user_timeout: Option<Duration>,
    /// SQL that each new connection executes before it is used, such as `SET search_path = app` or
    /// `PRAGMA cache_size = -65536`; `None`: none. If it fails or leaves a transaction open, the pool
    /// cannot be opened.
    ///
    /// Not allowed where a connection has no session of its own. With `Neon` and `Hyperdrive`,
    /// or behind another transaction pooler, its settings would reach the sessions of others;
    /// libSQL and D1 have no sessions.
    pub on_connect: Option<String>,
    /// The function that gives the token of each request to libSQL, D1 or Neon over HTTP, in the
    /// place of a token or password in the URL; `None`: none. Not allowed for other databases.
    pub tokens: Option<Tokens>,
    /// The reason for these settings, in a sentence or two.
    pub notes: &'static str,
}

impl fmt::Debug for PoolConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Destructured, so that a new field is not forgotten.
        let Self {
            max_size,
            min_idle,
            idle_timeout,
            connection_timeout,
            max_lifetime,
            test_on_check_out,
            busy_timeout,
            statement_cache,
            check_out_timeout,
            statement_timeout,
            lock_timeout,
            idle_in_transaction_timeout,
            silence_timeout,
            keepalive,
            tcp_user_timeout,
            on_connect,
            tokens,
            notes,
        } = self;
        f.debug_struct("PoolConfig")
            .field("max_size", max_size)
            .field("min_idle", min_idle)
            .field("idle_timeout", idle_timeout)
            .field("connection_timeout", connection_timeout)
            .field("max_lifetime", max_lifetime)
            .field("test_on_check_out", test_on_check_out)
            .field("busy_timeout", busy_timeout)
            .field("statement_cache", statement_cache)
            .field("check_out_timeout", check_out_timeout)
            .field("statement_timeout", statement_timeout)
            .field("lock_timeout", lock_timeout)
            .field("idle_in_transaction_timeout", idle_in_transaction_timeout)
            .field("silence_timeout", silence_timeout)
            .field("keepalive", keepalive)
            .field("tcp_user_timeout", tcp_user_timeout)
            .field(
                "on_connect",
                &on_connect.as_ref().map(|_| format_args!("…")),
            )
            .field("tokens", tokens)
            .field("notes", notes)
            .finish()
    }
}

/// Returns the settings that Covara recommends for a driver.
///
/// Without a connection time-out, a pool waits at most 30 s for a connection.
///
/// The sizes and time-outs of each are in the table at [`PoolDriver`].
///
/// The source is Covara's own table of recommended sizes, except for `Sqlite`, which was measured
/// (`cargo bench --bench pool`).
#[must_use]
pub fn recommended_pool_config(driver: PoolDriver) -> PoolConfig {
    let Driver {
        route,
        max_size,
        idle_timeout,
        connection_timeout,
        notes,
        ..
    } = driver.row();
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let is_socket = match route {
        Route::Session | Route::Pooler | Route::SharedSession => true,
        Route::Local | Route::Http => false,
    };
    let of_socket = |time| seconds(time).filter(|_| is_socket);
    let of_session = |time| seconds(time).filter(|_| route == Route::Session);
    PoolConfig {
        max_size,
        min_idle: 0,
        idle_timeout,
        connection_timeout,
        max_lifetime: match route {
            // r2d2's own default. Behind a load balancer, old connections must be closed.
            Route::Session | Route::Pooler => seconds(30 * 60),
            Route::Local | Route::Http | Route::SharedSession => None,
        },
        test_on_check_out: is_socket,
        // The default of better-sqlite3, which Covara uses.
        busy_timeout: Duration::from_secs(5),
        statement_cache: !matches!(route, Route::Pooler | Route::SharedSession),
        check_out_timeout: of_socket(5),
        statement_timeout: of_socket(60 * 60),
        lock_timeout: of_session(10 * 60),
        idle_in_transaction_timeout: of_session(60 * 60),
        silence_timeout: of_socket(30),
        keepalive: of_socket(30),
        tcp_user_timeout: of_socket(30),
        on_connect: None,
        tokens: None,
        notes,
    }
}

/// The wait for a connection if no time-out is set. In the recommended settings those are
/// D1 and PGlite, where requests queue, but no queue is worth an endless wait.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest wait. r2d2 adds it to `Instant::now()`, so it must not overflow.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
/// r2d2 reserves memory for all connections at once.
const MOST_CONNECTIONS: u32 = 65_535;

impl PoolConfig {
    /// Rejects settings on which r2d2 would panic.
    pub(crate) fn check(&self) -> Result<(), PoolError> {
        let times = [
            (
                self.idle_timeout,
                "idle_timeout must not be zero; None means no limit",
            ),
            (
                self.connection_timeout,
                "connection_timeout must not be zero; None means 30 s",
            ),
            (
                self.max_lifetime,
                "max_lifetime must not be zero; None means no limit",
            ),
            (self.check_out_timeout, "check_out_timeout must not be zero"),
            (
                self.statement_timeout,
                "statement_timeout must not be zero; None means no limit",
            ),
            (
                self.lock_timeout,
                "lock_timeout must not be zero; None means no limit",
            ),
            (
                self.idle_in_transaction_timeout,
                "idle_in_transaction_timeout must not be zero; None means no limit",
            ),
            (
                self.silence_timeout,
                "silence_timeout must not be zero; None means no limit",
            ),
            (
                self.keepalive,
                "keepalive must not be zero; None means the system's setting",
            ),
            (
                self.tcp_user_timeout,
                "tcp_user_timeout must not be zero; None means the system's setting",
            ),
        ];
        let zero = times
            .into_iter()
            .find(|(time, _)| time.is_some_and(|time| time.is_zero()));
        let problem = if self.max_size == 0 {
            "max_size must be at least 1"
        } else if self.max_size > MOST_CONNECTIONS {
            "max_size must be at most 65,535"
        } else if self.min_idle > self.max_size {
            "min_idle must not be larger than max_size"
        } else if let Some((_, problem)) = zero {
            problem
        } else {
            return Ok(());
        };
        Err(PoolError::InvalidConfig { problem })
    }

    /// Rejects settings that only databases over HTTP have.
    pub(crate) fn check_without_http(&self) -> Result<(), PoolError> {
        match self.tokens {
            None => self.check(),
            Some(_) => Err(PoolError::InvalidConfig {
                problem: "tokens are for libSQL, D1 and Neon over HTTP only",
            }),
        }
    }

    /// Returns how long the pool actually waits for a connection.
    pub(crate) fn connection_wait(&self) -> Duration {
        self.connection_timeout.unwrap_or(PATIENCE).min(LONGEST)
    }

    /// Returns a builder for a pool with these settings, which must have passed
    /// [`check`](Self::check).
    pub(crate) fn builder<M: ManageConnection>(&self) -> r2d2::Builder<M> {
        Pool::builder()
            .max_size(self.max_size)
            .min_idle(Some(self.min_idle))
            .idle_timeout(self.idle_timeout)
            .max_lifetime(self.max_lifetime)
            .test_on_check_out(self.test_on_check_out)
            .connection_timeout(self.connection_wait())
    }
}

//! Pools of PostgreSQL connections.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use diesel::ConnectionError;
use diesel::connection::CacheSize;
use diesel::prelude::*;
use diesel::r2d2::ConnectionManager;
use r2d2::{CustomizeConnection, Pool};

use super::probe;
use super::startup::Startup;
use super::watch::{self, Events, Limits, Phase, Workers};
use crate::backend::dialect::Dialect;
use crate::drivers::{ConnectionType, Driver, Route};
use crate::pool::connection_string::{Url, decoded, parameter};
use crate::pool::{
    PoolConfig, PoolDriver, PoolError, PreparePool, PreparedPool, host_count, on_connect,
    parameter_or_env, recommended_pool_config, without_parameter,
};

/// Connects to PostgreSQL with the settings recommended for `driver`.
///
/// `url` is a `postgres://` or `postgresql://` URL or libpq's `key=value` form. Unless it says
/// otherwise, connecting fails after the connection time-out. For `Neon`, `Hyperdrive` and `Pglite`
/// the statement cache is off, and a server that does not answer yet is tried again within the
/// connection time-out (`Pglite`: 30 s).
///
/// With `Postgres` the first connection tests the server. If it is PGlite, the pool gets one
/// connection and no statement cache. If a transaction pooler is detected, the pool gets no
/// statement cache; without a known host name, a pooler can only be detected when it is not busy.
/// Both are logged as a warning with the crate `log`. For a transaction pooler that tracks prepared
/// statements itself, use `Hyperdrive` and set [`PoolConfig::statement_cache`] to true.
///
/// Waiting for statements and check-outs is bounded, see the time-outs of [`PoolConfig`]: on Linux
/// a statement ends with an error if the server is stopped or hangs, and the pool discards
/// connections that do not answer. For that, the pool installs an instrumentation on each
/// connection, which forwards all events to Diesel's default instrumentation. A connection with
/// another instrumentation waits without a bound. So does reading the rows of `COPY … TO`, whose
/// end Diesel reports when it begins.
///
/// Diesel cannot end a `COPY … FROM STDIN` or `TO STDOUT` that was sent as a text: use
/// `diesel::copy_from` and `diesel::copy_to`. With `batch_execute`, such a text is an error that
/// closes the connection, with a warning of the crate `log`. Without the pool's own instrumentation,
/// and on systems other than Linux, the next use of the connection would never end, `Pool::get` as
/// well; only a pool of [`open`](crate::open) ends the `COPY` when the connection is next checked
/// out. With `sql_query`, Diesel itself never returns, on any connection.
///
/// Connecting is bounded as well: if the server is silent after the log-in for longer than the
/// connection time-out, or than the URL's `connect_timeout`, the connection is closed; once the pool
/// is open, after the longer of both. The first connection is opened by a thread of its own. On
/// systems other than Linux that thread is abandoned, at most eight at the same time in one process,
/// beyond which opening a pool fails; and the threads of the pool that connect later may wait
/// without a bound. Each step of opening has the whole time-out: connecting to each host, what is
/// sent after the log-in, and each look at the server. With `connect_timeout=0` opening a pool has
/// no limit.
///
/// The default instrumentation is created twice for each connection: one instance receives the
/// events of connecting, another one all other events.
///
/// On a connection with an instrumentation of its own, this library sends one more query when it
/// begins or commits a transaction or searches, because Diesel reveals only by a failed statement
/// whether a transaction was begun with SQL, or has failed. Inside a transaction begun with SQL
/// that query is an error in the server's log. Connections of a pool, and those without an
/// instrumentation, do not need it.
///
/// If a connection comes back with a transaction open that was begun with SQL, such as
/// `batch_execute("BEGIN")`, the connection is closed, with a warning of the crate `log`. With
/// [`PoolConfig::test_on_check_out`] off, the next user gets an error. This, too, requires Linux
/// and the pool's own instrumentation. The transaction is detected in the SQL, which is parsed as
/// with `standard_conforming_strings` on. The pool identifies connections by the object that it
/// handed out, so do not `std::mem::swap` two of them.
///
/// Of several hosts libpq takes the first that answers, even if it is a standby. A connection that
/// rejected a write as read-only is discarded when it comes back. `target_session_attrs=read-write`
/// in the URL avoids standbys altogether.
///
/// # Errors
///
/// An unknown scheme, a server that cannot be reached, a wrong password, an unknown database: each
/// has its own [`PoolError`]. No password appears in any of them.
///
/// # Example
///
/// ```no_run
/// use covara_diesel::pool::{self, PoolDriver};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = pool::postgres("postgres://app:secret@localhost/app", PoolDriver::Postgres)?;
/// let mut conn = pool.get()?;
/// # Ok(())
/// # }
/// ```
pub fn postgres(
    url: impl AsRef<str>,
    driver: PoolDriver,
) -> Result<Pool<ConnectionManager<PgConnection>>, PoolError> {
    postgres_with(url, driver, &recommended_pool_config(driver))
}

/// Connects as [`postgres`] does, with settings of your own.
///
/// # Errors
///
/// The errors of [`postgres`], and invalid settings.
pub fn postgres_with(
    url: impl AsRef<str>,
    driver: PoolDriver,
    config: &PoolConfig,
) -> Result<Pool<ConnectionManager<PgConnection>>, PoolError> {
    PgConnection::prepare(url.as_ref(), driver, config)?.typed()
}

impl PreparePool for PgConnection {
    fn prepare(
        url: &str,
        driver: PoolDriver,
        config: &PoolConfig,
    ) -> Result<PreparedPool<Self>, PoolError> {
        config.check_without_http()?;
        let Driver {
            connection, route, ..
        } = driver.row();
        if connection != ConnectionType::Postgres {
            return Err(PoolError::InvalidConfig {
                problem: "this driver does not connect to PostgreSQL",
            });
        }
        if route == Route::Pooler && config.on_connect.is_some() {
            return Err(PoolError::InvalidConfig {
                problem: "on_connect needs a session, which a transaction pooler shares",
            });
        }
        let mut config = config.clone();
        let mut startup = Startup::new(url, &config);
        // A pool hides why it cannot connect, and reports it only after its time-out, so connect
        // first.
        let mut first = probe::connect(url, driver, config.connection_wait(), &startup)?;
        let limits = Arc::new(limits(url, &config));
        // Without a watch the first connection works, too; the pool's own are opened after it.
        let _watch = watch::watch(
            &mut first,
            &limits,
            startup.tcp_user_timeout(),
            Phase::SettingUp,
        );
        probe::adapt(&mut first, url, driver, &mut config, &mut startup)?;
        on_connect(&mut first, &config).map_err(|source| PoolError::Setup { source })?;
        drop(first);
        let limit = probe::silence_limit(url, config.connection_wait());
        let limit = limit.unwrap_or_default().max(config.connection_wait());
        let (threads, workers) = Workers::start(limit, startup.tcp_user_timeout());
        let url = connection_string(url, Some(config.connection_wait()))?;
        let customizer = Customizer {
            config: config.clone(),
            limits,
            tcp_user_timeout: startup.tcp_user_timeout(),
        };
        Ok(PreparedPool {
            url: startup.url(&url),
            config,
            customizer: Box::new(customizer),
            events: Box::new(Events::new(workers)),
            threads: Some(threads),
            keep: None,
        })
    }
}

/// Returns whether the URL names several hosts, of which libpq takes the first that answers.
pub(crate) fn takes_any_host(url: &str) -> bool {
    host_count(url) > 1
        && parameter_or_env(url, "target_session_attrs", "PGTARGETSESSIONATTRS").is_none()
}

fn limits(url: &str, config: &PoolConfig) -> Limits {
    let half = config.connection_wait() / 2;
    Limits {
        set_up: Some(config.connection_wait()),
        check_out: Some(config.check_out_timeout.unwrap_or(half).min(half)),
        statement: config.statement_timeout,
        silence: config.silence_timeout,
        max_size: config.max_size,
        wants_writable: takes_any_host(url),
        ..Limits::default()
    }
}

/// Opens one connection without a statement cache, which works behind any pooler.
pub(crate) fn connect(url: &str) -> Result<PgConnection, PoolError> {
    let driver = PoolDriver::from_url(url).unwrap_or(PoolDriver::Postgres);
    let config = recommended_pool_config(PoolDriver::Postgres);
    let startup = Startup::new(url, &config);
    let mut conn = probe::connect(url, driver, config.connection_wait(), &startup)?;
    conn.set_prepared_statement_cache_size(CacheSize::Disabled);
    // Without a watch the connection works, too.
    let _watch = watch::watch(
        &mut conn,
        &Arc::new(limits(url, &config)),
        startup.tcp_user_timeout(),
        Phase::InUse,
    );
    Ok(conn)
}

/// Returns the string for libpq: the user's, with a connection time-out unless it has one.
pub(super) fn connection_string(
    given: &str,
    timeout: Option<Duration>,
) -> Result<String, PoolError> {
    let given = &*without_parameter(given, "driver");
    let invalid = |problem: &str| PoolError::Connect {
        source: ConnectionError::InvalidConnectionUrl(problem.to_owned()),
    };
    match Url::of_server(given) {
        Some(url) if Url::of_postgres(given).is_none() => {
            return Err(PoolError::UnsupportedScheme {
                scheme: url.scheme.to_owned(),
                dialect: Dialect::Postgres,
                expected: "postgres:// or postgresql://",
            });
        }
        Some(url) if misplaced_at(url) => {
            return Err(invalid(
                "`@`, `/` and `?` in a user name or password must be percent-encoded, as %40, %2F, %3F",
            ));
        }
        None if !given.contains('=') => {
            return Err(invalid("neither a postgres:// URL nor key=value pairs"));
        }
        _ => {}
    }
    let is_given = parameter_or_env(given, "connect_timeout", "PGCONNECT_TIMEOUT").is_some();
    let Some(timeout) = timeout.filter(|_| !is_given) else {
        return Ok(given.to_owned());
    };
    // libpq applies it to each host, in whole seconds; 0 means forever, and 1 is taken as 2.
    let hosts = u64::try_from(host_count(given)).unwrap_or(1);
    let seconds = (timeout.as_secs() / hosts).max(2);
    Ok(with_parameter(
        given,
        "connect_timeout",
        &seconds.to_string(),
    ))
}

/// Returns the connection string with a parameter in place of the one of that name; `value` is one
/// word. It stands in front, where it does not matter how the string ends.
pub(super) fn with_parameter(given: &str, name: &str, value: &str) -> String {
    let rest = without_parameter(given, name);
    match Url::of_postgres(&rest) {
        Some(url) => {
            let value = value.replace('=', "%3D").replace('@', "%40");
            let query = url.query.unwrap_or_default();
            format!("{}?{name}={value}&{query}", url.base)
        }
        None => format!("{name}={value} {rest}"),
    }
}

/// Returns whether libpq would take part of a password for host, port or database, and print it in
/// an error. To libpq, the user information ends at the first `@` that stands before any `/`.
fn misplaced_at(url: Url<'_>) -> bool {
    let (user, hosts) = url.user_and_hosts();
    hosts.contains('@') || url.path.contains('@') || user.is_some_and(|user| user.contains('?'))
}

/// Classifies a failure to connect by libpq's message, the only information available.
pub(super) fn explain(error: ConnectionError, url: &str) -> PoolError {
    let text = error.to_string();
    let has = |part| text.contains(part);
    let source = if quotes_secrets(&text, url) {
        ConnectionError::BadConnection(
            "libpq's own message is withheld, as it may quote the password".to_owned(),
        )
    } else {
        error
    };
    if has("authentication failed") || has("no password supplied") {
        PoolError::Authentication { source }
    } else if has("does not exist") && has("database \"") {
        PoolError::UnknownDatabase { source }
    } else if has("could not translate host name")
        || has("Connection refused")
        || has("timeout expired")
        || has("No such file or directory")
        || has("unreachable")
    {
        PoolError::Unreachable { source }
    } else {
        PoolError::Connect { source }
    }
}

/// Returns whether the message may quote a password. libpq quotes text that it cannot parse, and a
/// part of a password can look like a host.
fn quotes_secrets(text: &str, url: &str) -> bool {
    let unparsed = [
        "connection info string",
        "connection option",
        "percent-encoded",
        "URI",
        "conninfo",
    ];
    let is_quoted = |password: Cow<'_, str>| {
        // libpq decodes it before it prints it.
        text.contains(&*password) || text.contains(&*decoded(&password))
    };
    unparsed.iter().any(|words| text.contains(words)) || passwords(url).any(is_quoted)
}

/// The passwords in a connection string, as they stand there.
fn passwords(url: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let user = Url::of_postgres(url).and_then(|url| url.user_and_hosts().0);
    let of_user = user.and_then(|user| Some(user.split_once(':')?.1.into()));
    let as_parameters = ["password", "sslpassword"].map(|name| parameter(url, name));
    let passwords = std::iter::once(of_user).chain(as_parameters).flatten();
    passwords.filter(|password| !password.is_empty())
}

struct Customizer {
    config: PoolConfig,
    limits: Arc<Limits>,
    tcp_user_timeout: Option<u32>,
}

/// Shows no SQL, which may contain secrets.
impl fmt::Debug for Customizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Customizer")
            .field("statement_cache", &self.config.statement_cache)
            .finish_non_exhaustive()
    }
}

impl CustomizeConnection<PgConnection, diesel::r2d2::Error> for Customizer {
    fn on_acquire(&self, conn: &mut PgConnection) -> Result<(), diesel::r2d2::Error> {
        if !self.config.statement_cache {
            conn.set_prepared_statement_cache_size(CacheSize::Disabled);
        }
        let watch = watch::watch(conn, &self.limits, self.tcp_user_timeout, Phase::SettingUp)
            .map_err(|error| diesel::r2d2::Error::ConnectionError(error.into()))?;
        on_connect(conn, &self.config).map_err(diesel::r2d2::Error::QueryError)?;
        if let Some(watch) = &watch {
            watch.enter(Phase::Idle);
        }
        watch::hand_over(watch.as_ref());
        Ok(())
    }
}

#[cfg(test)]
mod tests;

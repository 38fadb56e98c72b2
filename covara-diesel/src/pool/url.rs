//! The choice of a driver from a database URL.

use std::borrow::Cow;

use super::config::PoolDriver;
use super::connection_string::{Url, parameter, without_sqlite};

/// Keywords before the first `=` by which libpq's `key=value` form is recognized: those of
/// <https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-PARAMKEYWORDS>, and our own.
const LIBPQ_KEYWORDS: [&str; 53] = [
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "dbname",
    "driver",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "max_protocol_version",
    "min_protocol_version",
    "oauth_client_id",
    "oauth_client_secret",
    "oauth_issuer",
    "oauth_scope",
    "options",
    "passfile",
    "password",
    "port",
    "replication",
    "require_auth",
    "requirepeer",
    "requiressl",
    "scram_client_key",
    "scram_server_key",
    "service",
    "servicefile",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslkeylogfile",
    "sslmode",
    "sslnegotiation",
    "sslpassword",
    "sslrootcert",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// The error for a text that names no database of this library. It shows no password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownUrlError {
    /// The text is empty.
    #[error(
        "the database URL is empty; give a path, :memory:, libsql://, d1://, sqlite:, file:, \
         postgres:// or postgresql://"
    )]
    Empty,

    /// The scheme belongs to no driver.
    #[error(
        "{scheme:?} is not a known scheme; give a path, :memory:, libsql://, d1://, sqlite:, file:, \
         postgres:// or postgresql:// (a file of that name is ./{scheme}:…)"
    )]
    Scheme {
        /// The text before the first colon.
        scheme: String,
    },

    /// The text is neither a URL with a scheme nor a plain path.
    #[error(
        "the database URL has no scheme but looks like one of a server: write postgres:// \
         before it, or ./ before a path"
    )]
    NoScheme,

    /// The parameter `driver` of a PostgreSQL URL names none of PostgreSQL's drivers.
    #[error(
        "the parameter driver of the database URL is none of postgres, neon, hyperdrive and \
         pglite, the drivers of a postgres:// URL"
    )]
    Driver,
}

impl PoolDriver {
    /// Returns the driver for a database URL, by its scheme, host and parameters.
    ///
    /// A path, `sqlite:` and `file:` are [`Sqlite`](Self::Sqlite), `libsql://` and
    /// `http://…?driver=libsql` are [`Libsql`](Self::Libsql), `d1://` is [`D1`](Self::D1).
    /// `postgres://`, `postgresql://` and libpq's `key=value` form are
    /// [`Postgres`](Self::Postgres), unless the host is one of [`Neon`](Self::Neon) (`…-pooler.…`,
    /// as Neon names its pooled endpoints) or [`Hyperdrive`](Self::Hyperdrive)
    /// (`….hyperdrive.local`). For servers that no host name reveals, such as PgBouncer or PGlite,
    /// use a parameter: `driver=hyperdrive` suits every transaction pooler.
    /// [`doctor::postgres`](crate::doctor) detects them by asking the server.
    ///
    /// # Errors
    ///
    /// An unknown scheme; the text lists the known ones.
    ///
    /// # Example
    ///
    /// ```
    /// use covara_diesel::pool::PoolDriver;
    ///
    /// let driver = PoolDriver::from_url("postgres://ada:secret@localhost/app");
    /// assert_eq!(driver, Ok(PoolDriver::Postgres));
    /// let driver = PoolDriver::from_url("postgres://ada:secret@localhost/app?driver=pglite");
    /// assert_eq!(driver, Ok(PoolDriver::Pglite));
    /// assert_eq!(PoolDriver::from_url("app.db"), Ok(PoolDriver::Sqlite));
    /// assert!(PoolDriver::from_url("mysql://localhost/app").is_err());
    /// ```
    pub fn from_url(url: &str) -> Result<Self, UnknownUrlError> {
        if url.is_empty() {
            return Err(UnknownUrlError::Empty);
        }
        let postgres = Url::of_postgres(url);
        if postgres.is_some() || is_pairs(url) {
            let hosts = || postgres.map(|url| url.hosts().into());
            return of_server(
                parameter(url, "host").or_else(hosts),
                parameter(url, "driver"),
            );
        }
        // One letter is a drive of Windows.
        let Some(parts) = Url::of(url).filter(|parts| parts.scheme.len() > 1) else {
            return path(url);
        };
        match parts.scheme {
            "sqlite" => path(without_sqlite(url)),
            "file" => Ok(Self::Sqlite),
            "libsql" => Ok(Self::Libsql),
            "d1" => Ok(Self::D1),
            "http" | "https" if parts.parameter("driver") == Some("libsql") => Ok(Self::Libsql),
            "postgres" | "postgresql" => Err(UnknownUrlError::NoScheme),
            scheme => Err(UnknownUrlError::Scheme {
                scheme: scheme.to_owned(),
            }),
        }
    }
}

/// Returns whether the text is in libpq's `key=value` form.
fn is_pairs(url: &str) -> bool {
    url.split_once('=')
        .is_some_and(|(keyword, _)| LIBPQ_KEYWORDS.contains(&keyword.trim()))
}

/// Accepts a path. Text such as `ada:secret@host/app` is not a path and may contain a password.
fn path(url: &str) -> Result<PoolDriver, UnknownUrlError> {
    let rooted = url.starts_with(['/', '.']) && !url.starts_with("//");
    if rooted || !(url.contains(':') && url.contains('@')) {
        Ok(PoolDriver::Sqlite)
    } else {
        Err(UnknownUrlError::NoScheme)
    }
}

fn of_server(
    hosts: Option<Cow<'_, str>>,
    driver: Option<Cow<'_, str>>,
) -> Result<PoolDriver, UnknownUrlError> {
    match driver.map(|name| name.parse()) {
        None => Ok(hosts.map_or(PoolDriver::Postgres, |hosts| of_hosts(&hosts))),
        Some(Ok(PoolDriver::Sqlite | PoolDriver::Libsql | PoolDriver::D1) | Err(_)) => {
            Err(UnknownUrlError::Driver)
        }
        Some(Ok(driver)) => Ok(driver),
    }
}

/// Returns the driver for the named hosts. One pooler among several hosts is enough.
fn of_hosts(hosts: &str) -> PoolDriver {
    for host in hosts.to_ascii_lowercase().split(',') {
        let name = host.split(':').next().unwrap_or(host);
        let first = name.split('.').next().unwrap_or(name);
        if first.len() < name.len() && first.ends_with("-pooler") {
            return PoolDriver::Neon;
        }
        if name.ends_with(".hyperdrive.local") {
            return PoolDriver::Hyperdrive;
        }
    }
    PoolDriver::Postgres
}

#[cfg(test)]
mod tests;

//! The choice of a driver from a database URL.

use std::borrow::Cow;

use super::connection_string::{Url, decoded, parameter, without_sqlite};
use crate::backend::dialect::Dialect;
use crate::drivers::{PoolDriver, Urls};

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
    /// The text is empty, or names no database, such as `sqlite:` and `file:`, for which SQLite would
    /// open a temporary one.
    #[error("the database URL is empty; give {}", known_urls())]
    Empty,

    /// The scheme belongs to no driver.
    #[error(
        "{scheme:?} is not a known scheme; give {} (a file of that name is ./{scheme}:…)",
        known_urls()
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
        "the parameter driver of the database URL is none of {}, the drivers of a postgres:// URL",
        drivers_of_servers()
    )]
    Driver,
}

impl PoolDriver {
    /// Returns the driver for a database URL, by its scheme, host and parameters.
    ///
    /// The table at [`PoolDriver`] lists them. For servers that no host name reveals, such as
    /// PgBouncer or PGlite, use the parameter `driver`: `driver=hyperdrive` suits every transaction
    /// pooler.
    /// [`doctor::postgres`](crate::doctor) detects them by asking the server.
    ///
    /// # Errors
    ///
    /// An unknown scheme; the text lists those of the databases whose features are on.
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
        if names_nothing(url) {
            return Err(UnknownUrlError::Empty);
        }
        let postgres = Url::of_postgres(url);
        if postgres.is_some() || is_pairs(url) {
            let hosts = || postgres.map(|url| url.user_and_hosts().1.into());
            let hosts = parameter(url, "host").or_else(hosts).map(|hosts| {
                let is_encoded = postgres.is_some();
                if is_encoded {
                    decoded(&hosts).into_owned()
                } else {
                    hosts.into_owned()
                }
            });
            return of_server(hosts, parameter(url, "driver"));
        }
        // One letter is a drive of Windows.
        let Some(parts) = Url::of(url).filter(|parts| parts.scheme.len() > 1) else {
            return path(url);
        };
        match parts.scheme {
            "sqlite" => path(without_sqlite(url)),
            "file" => Ok(Self::Sqlite),
            "postgres" | "postgresql" => Err(UnknownUrlError::NoScheme),
            scheme => of_scheme(parts).ok_or_else(|| UnknownUrlError::Scheme {
                scheme: scheme.to_owned(),
            }),
        }
    }
}

/// Returns whether nothing but blanks is left of a path or URL without its scheme.
fn names_nothing(url: &str) -> bool {
    let path = without_sqlite(url);
    let path = path
        .strip_prefix("file:")
        .map_or(path, |path| path.strip_prefix("//").unwrap_or(path));
    path.trim().is_empty()
}

/// Returns the driver of a URL's scheme.
fn of_scheme(url: Url<'_>) -> Option<PoolDriver> {
    let is_http = matches!(url.scheme, "http" | "https");
    let mut drivers = PoolDriver::ALL.iter().copied();
    drivers.find(|driver| match driver.row().urls {
        Urls::Schemes(schemes) => schemes.contains(&url.scheme),
        Urls::SchemeOrHttp(scheme) => {
            let named = || url.parameter("driver") == Some(driver.row().names[0]);
            url.scheme == scheme || is_http && named()
        }
        Urls::Path | Urls::Host(_) | Urls::Parameter => false,
    })
}

/// Returns whether the text is in libpq's `key=value` form. A keyword in upper case is left to libpq,
/// which refuses it.
fn is_pairs(url: &str) -> bool {
    let is_known = |keyword: &str| {
        let keyword = keyword.trim();
        let mut known = LIBPQ_KEYWORDS.iter();
        known.any(|known| known.eq_ignore_ascii_case(keyword))
    };
    url.split_once('=')
        .is_some_and(|(keyword, _)| is_known(keyword))
}

/// Accepts a path. Text such as `ada:secret@host/app` or `hots=a password=secret` is not a path and
/// may contain a password, which would become the name of a file.
fn path(url: &str) -> Result<PoolDriver, UnknownUrlError> {
    let rooted = url.starts_with(['/', '.']) && !url.starts_with("//");
    let is_secret = url.contains(':') && url.contains('@')
        || url.contains('=') && url.to_ascii_lowercase().contains("password");
    if rooted || !is_secret {
        Ok(PoolDriver::Sqlite)
    } else {
        Err(UnknownUrlError::NoScheme)
    }
}

fn of_server(
    hosts: Option<String>,
    driver: Option<Cow<'_, str>>,
) -> Result<PoolDriver, UnknownUrlError> {
    let Some(name) = driver else {
        return Ok(hosts.map_or(PoolDriver::Postgres, |hosts| of_hosts(&hosts)));
    };
    let named = name.parse::<PoolDriver>().ok();
    named
        .filter(|driver| is_of_server(*driver))
        .ok_or(UnknownUrlError::Driver)
}

/// Returns whether the parameter `driver` of a PostgreSQL URL may name the driver.
fn is_of_server(driver: PoolDriver) -> bool {
    driver.row().connection.dialect() == Dialect::Postgres
}

/// Returns the driver for the named hosts. One pooler among several hosts is enough.
fn of_hosts(hosts: &str) -> PoolDriver {
    let hosts = hosts.to_ascii_lowercase();
    let mut names = hosts
        .split(',')
        .map(|host| host.split(':').next().unwrap_or(host));
    let of_host = |name: &str| {
        let mut drivers = PoolDriver::ALL.iter().copied();
        drivers.find(|driver| matches!(driver.row().urls, Urls::Host(is_its) if is_its(name)))
    };
    names.find_map(of_host).unwrap_or(PoolDriver::Postgres)
}

/// Lists the forms of URLs of the databases whose features are on.
pub(crate) fn known_urls() -> String {
    let drivers = PoolDriver::ALL.iter().map(|driver| driver.row());
    let schemes = drivers
        .filter(|driver| driver.connection.is_enabled())
        .flat_map(|driver| match driver.urls {
            Urls::Path => ["a path", ":memory:", "sqlite:", "file:"]
                .map(str::to_owned)
                .to_vec(),
            Urls::Schemes(schemes) => schemes.iter().map(|name| format!("{name}://")).collect(),
            Urls::SchemeOrHttp(scheme) => vec![format!("{scheme}://")],
            Urls::Host(_) | Urls::Parameter => Vec::new(),
        });
    list(schemes.collect(), "or")
}

/// Lists the drivers that the parameter `driver` of a PostgreSQL URL may name.
fn drivers_of_servers() -> String {
    let drivers = PoolDriver::ALL.iter().copied();
    let names = drivers.filter(|driver| is_of_server(*driver));
    list(names.map(|driver| driver.to_string()).collect(), "and")
}

/// Joins words by commas, and the last two by a conjunction.
fn list(mut words: Vec<String>, conjunction: &str) -> String {
    let last = words.pop().unwrap_or_default();
    format!("{} {conjunction} {last}", words.join(", "))
}

#[cfg(test)]
mod tests;

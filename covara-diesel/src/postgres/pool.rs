//! Pools of PostgreSQL connections.

use std::time::Duration;

use diesel::ConnectionError;
use diesel::connection::CacheSize;
use diesel::prelude::*;
use diesel::r2d2::ConnectionManager;
use r2d2::{CustomizeConnection, Pool};

use crate::dialect::Dialect;
use crate::pool::{PoolConfig, PoolDriver, PoolError, recommended_pool_config};

/// Connects to PostgreSQL with the settings recommended for `driver`.
///
/// `url` is a `postgres://` or `postgresql://` URL or libpq's `key=value` form. Unless it
/// says otherwise, connecting is given up after the connection time-out. For `Neon`,
/// `Hyperdrive` and `Pglite` the statement cache is off.
///
/// # Errors
///
/// Another scheme, a server that cannot be reached, a wrong password, an unknown database:
/// each is its own [`PoolError`]. No password appears in any of them.
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

/// [`postgres`] with settings of your own.
///
/// # Errors
///
/// Those of [`postgres`], and settings no pool can have.
pub fn postgres_with(
    url: impl AsRef<str>,
    driver: PoolDriver,
    config: &PoolConfig,
) -> Result<Pool<ConnectionManager<PgConnection>>, PoolError> {
    config.check()?;
    let url = connection_string(url.as_ref(), config.connection_timeout)?;
    // A pool hides why it cannot connect, and only after its time-out: so ask first. PGlite
    // takes one client at a time and closes one that comes right after another.
    if driver != PoolDriver::Pglite {
        PgConnection::establish(&url).map_err(|error| explain(error, &url))?;
    }
    let customizer = Customizer {
        statement_cache: config.statement_cache,
    };
    config
        .build(&url, customizer)
        .map_err(|source| PoolError::Pool { source })
}

/// What libpq gets: the user's string, with a time-out for connecting unless it has one.
fn connection_string(given: &str, timeout: Option<Duration>) -> Result<String, PoolError> {
    let uri = match given.split_once("://") {
        Some(("postgres" | "postgresql", _)) => true,
        // A value of the key=value form may hold anything.
        Some((scheme, _)) if !scheme.contains('=') => {
            return Err(PoolError::UnsupportedScheme {
                scheme: scheme.to_owned(),
                dialect: Dialect::Postgres,
                expected: "postgres:// or postgresql://",
            });
        }
        _ => false,
    };
    if !uri && !given.contains('=') {
        return Err(PoolError::Connect {
            source: ConnectionError::InvalidConnectionUrl(
                "neither a postgres:// URL nor key=value pairs".to_owned(),
            ),
        });
    }
    let Some(timeout) = timeout.filter(|_| !given.contains("connect_timeout")) else {
        return Ok(given.to_owned());
    };
    let separator = match (uri, given.contains('?')) {
        (true, true) => '&',
        (true, false) => '?',
        (false, _) => ' ',
    };
    // libpq counts whole seconds, and takes 0 for ever and 1 for 2.
    let seconds = timeout.as_secs().max(2);
    Ok(format!("{given}{separator}connect_timeout={seconds}"))
}

/// The failure's kind, read from libpq's text: it has nothing else to offer here.
fn explain(error: ConnectionError, url: &str) -> PoolError {
    let source = without_secrets(error, url);
    let text = source.to_string();
    let has = |part| text.contains(part);
    if has("authentication failed") || has("no password supplied") {
        PoolError::Authentication { source }
    } else if has("does not exist") && has("database") {
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

/// libpq quotes parts of a connection string that it cannot parse, passwords included.
fn without_secrets(error: ConnectionError, url: &str) -> ConnectionError {
    let ConnectionError::BadConnection(text) = error else {
        return error;
    };
    let mut text = text.replace(url, "(the URL)");
    for secret in secrets(url) {
        text = text.replace(secret, "***");
    }
    ConnectionError::BadConnection(text)
}

/// Every part of a connection string that may be a password, as it stands there.
fn secrets(url: &str) -> Vec<&str> {
    let mut found = Vec::new();
    if let Some((_, rest)) = url.split_once("://") {
        // Of an unescaped `@` in a password, libpq takes the first as its end.
        for end in rest.match_indices('@').map(|(at, _)| at) {
            if let Some((_, password)) = rest[..end].split_once(':') {
                found.push(password);
            }
        }
    }
    for (start, key) in url.match_indices("password") {
        let value = url[start + key.len()..].trim_start().strip_prefix('=');
        if let Some(value) = value.map(str::trim_start) {
            let end = match value.strip_prefix('\'') {
                Some(quoted) => quoted.find('\'').map(|end| end + 2),
                None => value.find(['&', ' ']),
            };
            found.push(value[..end.unwrap_or(value.len())].trim_matches('\''));
        }
    }
    // The longest first, or the rest of one would remain beside a shorter one.
    found.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    found.retain(|secret| !secret.is_empty());
    found
}

#[derive(Debug)]
struct Customizer {
    statement_cache: bool,
}

impl CustomizeConnection<PgConnection, diesel::r2d2::Error> for Customizer {
    fn on_acquire(&self, conn: &mut PgConnection) -> Result<(), diesel::r2d2::Error> {
        if !self.statement_cache {
            conn.set_prepared_statement_cache_size(CacheSize::Disabled);
        }
        Ok(())
    }
}

use diesel::r2d2::ConnectionManager;
use r2d2::Pool;

use super::LibsqlConnection;
use crate::pool::{PoolConfig, PoolDriver, PoolError, PreparePool, recommended_pool_config};

/// Opens a pool of connections to a libSQL server with the recommended settings.
///
/// `url` is one that [`LibsqlConnection`] accepts. Nothing is sent before the first statement, and
/// checking a connection out costs no round trip.
///
/// # Errors
///
/// A URL that cannot be used.
///
/// # Example
///
/// ```
/// use covara_diesel::pool;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = pool::libsql("libsql://app-me.turso.io?authToken=TOKEN")?;
/// assert_eq!(pool.max_size(), 1);
/// # Ok(())
/// # }
/// ```
pub fn libsql(
    url: impl AsRef<str>,
) -> Result<Pool<ConnectionManager<LibsqlConnection>>, PoolError> {
    libsql_with(url, &recommended_pool_config(PoolDriver::Libsql))
}

/// Opens a pool as [`libsql`] does, with settings of your own.
///
/// # Errors
///
/// The errors of [`libsql`], and invalid settings.
pub fn libsql_with(
    url: impl AsRef<str>,
    config: &PoolConfig,
) -> Result<Pool<ConnectionManager<LibsqlConnection>>, PoolError> {
    LibsqlConnection::prepare(url.as_ref(), PoolDriver::Libsql, config)?.typed()
}

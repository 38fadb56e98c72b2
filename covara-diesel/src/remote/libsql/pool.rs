use diesel::r2d2::ConnectionManager;
use r2d2::Pool;

use super::LibsqlConnection;
use crate::pool::{PoolConfig, PoolDriver, PoolError, recommended_pool_config};
use crate::remote::pool::prepare;

/// Opens a pool of connections to a libSQL server with the recommended settings.
///
/// `url` is what [`LibsqlConnection`] takes. Nothing is sent before the first statement, and
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

/// [`libsql`] with settings of your own.
///
/// # Errors
///
/// Those of [`libsql`], and settings no pool can have.
pub fn libsql_with(
    url: impl AsRef<str>,
    config: &PoolConfig,
) -> Result<Pool<ConnectionManager<LibsqlConnection>>, PoolError> {
    prepare(url.as_ref(), config)?.typed()
}

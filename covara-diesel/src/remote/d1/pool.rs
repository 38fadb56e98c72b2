use diesel::r2d2::ConnectionManager;
use r2d2::Pool;

use super::D1Connection;
use crate::pool::{PoolConfig, PoolDriver, PoolError, PreparePool, recommended_pool_config};

/// Opens a pool of connections to a Cloudflare D1 database with the recommended settings.
///
/// `url` is one that [`D1Connection`] accepts. Nothing is sent before the first statement, and
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
/// let pool = pool::d1("d1://ACCOUNT/DATABASE?token=TOKEN")?;
/// assert_eq!(pool.max_size(), 1);
/// # Ok(())
/// # }
/// ```
pub fn d1(url: impl AsRef<str>) -> Result<Pool<ConnectionManager<D1Connection>>, PoolError> {
    d1_with(url, &recommended_pool_config(PoolDriver::D1))
}

/// Opens a pool as [`d1`] does, with settings of your own.
///
/// # Errors
///
/// The errors of [`d1`], and invalid settings.
pub fn d1_with(
    url: impl AsRef<str>,
    config: &PoolConfig,
) -> Result<Pool<ConnectionManager<D1Connection>>, PoolError> {
    D1Connection::prepare(url.as_ref(), PoolDriver::D1, config)?.typed()
}

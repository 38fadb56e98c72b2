use diesel::r2d2::ConnectionManager;
use r2d2::{CustomizeConnection, NopEventHandler, Pool};

use super::NeonHttpConnection;
use super::link::Link;
use crate::pool::{
    Customizer, PoolConfig, PoolDriver, PoolError, PreparePool, PreparedPool,
    recommended_pool_config,
};

/// Opens a pool of connections to a Neon database over HTTP with the recommended settings.
///
/// `url` is one that [`NeonHttpConnection`] accepts. Nothing is sent before the first statement, and
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
/// let pool = pool::neon_http("postgres://ada:PASSWORD@ep-x-1.eu-central-1.aws.neon.tech/app")?;
/// assert_eq!(pool.max_size(), 1);
/// # Ok(())
/// # }
/// ```
pub fn neon_http(
    url: impl AsRef<str>,
) -> Result<Pool<ConnectionManager<NeonHttpConnection>>, PoolError> {
    neon_http_with(url, &recommended_pool_config(PoolDriver::NeonHttp))
}

/// Opens a pool as [`neon_http`] does, with settings of your own.
///
/// # Errors
///
/// The errors of [`neon_http`], and invalid settings.
pub fn neon_http_with(
    url: impl AsRef<str>,
    config: &PoolConfig,
) -> Result<Pool<ConnectionManager<NeonHttpConnection>>, PoolError> {
    NeonHttpConnection::prepare(url.as_ref(), PoolDriver::NeonHttp, config)?.typed()
}

/// Prepares a pool whose connections send nothing before the first statement.
impl PreparePool for NeonHttpConnection {
    fn prepare(
        url: &str,
        _: PoolDriver,
        config: &PoolConfig,
    ) -> Result<PreparedPool<Self>, PoolError> {
        config.check()?;
        if config.on_connect.is_some() {
            return Err(PoolError::InvalidConfig {
                problem: "on_connect needs a session, which connections over HTTP do not have",
            });
        }
        // Opened once here, so that an error is reported at once rather than by r2d2 after a
        // time-out.
        Link::open(url, None).map_err(|source| PoolError::Connect { source })?;
        let customizer: Customizer<Self> = Box::new(Unchanged);
        Ok(PreparedPool {
            url: url.to_owned(),
            config: config.clone(),
            customizer,
            events: Box::new(NopEventHandler),
            threads: None,
            keep: None,
        })
    }
}

/// Leaves connections as they are.
#[derive(Debug)]
struct Unchanged;

impl CustomizeConnection<NeonHttpConnection, diesel::r2d2::Error> for Unchanged {}

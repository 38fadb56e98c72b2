use std::time::Duration;

use r2d2::{Pool, State};

use super::openers::opener;
use super::{AnyManager, AnyPooledConnection};
use crate::backend::dialect::Dialect;
use crate::pool::{PoolConfig, PoolDriver, PoolError, recommended_pool_config};

/// Opens the database that a URL names, with the pool recommended for its driver.
///
/// See [`PoolDriver`] for the URLs it accepts.
///
/// # Errors
///
/// An unknown scheme, with a text that lists the known ones; a driver whose feature is off, with a
/// text that names the feature; and the errors of the driver's own function, such as
/// [`pool::sqlite`](crate::pool). No password appears in any of them.
///
/// # Example
///
/// ```
/// use covara_diesel::{auto_migrate, open};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = open("sqlite::memory:")?;
/// auto_migrate(&mut pool.get()?)?;
///
/// let error = open("mysql://localhost/app").unwrap_err();
/// assert!(error.to_string().contains("postgres://"));
/// # Ok(())
/// # }
/// ```
pub fn open(url: impl AsRef<str>) -> Result<AnyPool, PoolError> {
    open_with(url, |_| ())
}

/// Opens a database as [`open`] does, after `change` has modified the recommended settings.
///
/// # Errors
///
/// The errors of [`open`], and invalid settings.
///
/// # Example
///
/// ```
/// use covara_diesel::{any::open_with, pool::PoolDriver};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("app.db");
/// # let url = path.to_str().ok_or("a path that is UTF-8")?;
/// let pool = open_with(url, |config| config.max_size = 2)?;
/// assert_eq!((pool.driver(), pool.max_size()), (PoolDriver::Sqlite, 2));
/// # Ok(())
/// # }
/// ```
pub fn open_with(
    url: impl AsRef<str>,
    change: impl FnOnce(&mut PoolConfig),
) -> Result<AnyPool, PoolError> {
    let url = url.as_ref();
    let driver = PoolDriver::from_url(url)?;
    let mut config = recommended_pool_config(driver);
    change(&mut config);
    let connection = driver.row().connection;
    let open = opener(connection).ok_or(PoolError::FeatureOff {
        database: connection.database(),
        feature: connection.feature(),
    })?;
    let pool = open(url, driver, &config)?;
    Ok(AnyPool {
        pool,
        driver,
        config,
    })
}

/// A pool of connections to the database that a URL names. Clones share it.
#[derive(Debug, Clone)]
pub struct AnyPool {
    pool: Pool<AnyManager>,
    driver: PoolDriver,
    config: PoolConfig,
}

impl AnyPool {
    /// Returns a connection, after waiting for a free one for at most the connection time-out.
    ///
    /// # Errors
    ///
    /// [`PoolError::Exhausted`] when all connections are in use, [`PoolError::NoConnection`] when
    /// none can be opened.
    pub fn get(&self) -> Result<AnyPooledConnection, PoolError> {
        let got = self.pool.get();
        got.map_err(|source| self.error(source, self.config.connection_wait()))
    }

    /// Returns a connection, after waiting for no longer than `most`.
    #[cfg(feature = "changes")]
    pub(super) fn get_within(&self, most: Duration) -> Result<AnyPooledConnection, PoolError> {
        let most = most.min(self.pool.connection_timeout());
        let got = self.pool.get_timeout(most);
        got.map_err(|source| self.error(source, most))
    }

    fn error(&self, source: r2d2::Error, waited: Duration) -> PoolError {
        // A connection may have been returned since.
        let State { connections, .. } = self.state();
        if connections == self.max_size() {
            PoolError::Exhausted {
                max_size: connections,
                waited,
                source,
            }
        } else {
            PoolError::NoConnection { source }
        }
    }

    /// Returns the driver that the URL named.
    #[must_use]
    pub fn driver(&self) -> PoolDriver {
        self.driver
    }

    /// Returns the dialect of the pool's connections.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.driver.row().connection.dialect()
    }

    /// Returns the maximum number of connections.
    #[must_use]
    pub fn max_size(&self) -> u32 {
        self.pool.max_size()
    }

    /// Returns the number of open connections and the number of idle ones among them.
    #[must_use]
    pub fn state(&self) -> State {
        self.pool.state()
    }
}

use diesel::PgConnection;
use diesel::r2d2::{ConnectionManager, Pool};

use super::pool::postgres_with;
use crate::any::slot::Opened;
use crate::pool::{PoolConfig, PoolDriver, PoolError};

impl Opened for PgConnection {
    fn open(
        url: &str,
        driver: PoolDriver,
        config: &PoolConfig,
    ) -> Result<Pool<ConnectionManager<Self>>, PoolError> {
        postgres_with(url, driver, config)
    }
}

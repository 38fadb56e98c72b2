use diesel::SqliteConnection;
use diesel::r2d2::{ConnectionManager, Pool};

use super::pool::sqlite_with;
use crate::any::slot::Opened;
use crate::pool::{PoolConfig, PoolDriver, PoolError};

impl Opened for SqliteConnection {
    fn open(
        url: &str,
        _: PoolDriver,
        config: &PoolConfig,
    ) -> Result<Pool<ConnectionManager<Self>>, PoolError> {
        sqlite_with(url, config)
    }
}

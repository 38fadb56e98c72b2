use diesel::r2d2::{ConnectionManager, Pool};

use super::LibsqlConnection;
use super::pool::libsql_with;
use crate::any::slot::Opened;
use crate::pool::{PoolConfig, PoolDriver, PoolError};

impl Opened for LibsqlConnection {
    fn open(
        url: &str,
        _: PoolDriver,
        config: &PoolConfig,
    ) -> Result<Pool<ConnectionManager<Self>>, PoolError> {
        libsql_with(url, config)
    }
}

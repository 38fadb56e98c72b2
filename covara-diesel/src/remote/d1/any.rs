use diesel::r2d2::{ConnectionManager, Pool};

use super::D1Connection;
use super::pool::d1_with;
use crate::any::slot::Opened;
use crate::pool::{PoolConfig, PoolDriver, PoolError};

impl Opened for D1Connection {
    fn open(
        url: &str,
        _: PoolDriver,
        config: &PoolConfig,
    ) -> Result<Pool<ConnectionManager<Self>>, PoolError> {
        d1_with(url, config)
    }
}

//! Pools of remote connections.

use r2d2::{CustomizeConnection, NopEventHandler};

use super::bridge::{Driver, RemoteConnection};
use crate::pool::{PoolConfig, PoolDriver, PoolError, PreparePool, PreparedPool};

/// Prepares a pool whose connections send nothing before the first statement.
impl<D: Driver> PreparePool for RemoteConnection<D> {
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
        D::open(url).map_err(|source| PoolError::Connect { source })?;
        let customizer = Customizer {
            busy_timeout: config.busy_timeout,
        };
        Ok(PreparedPool {
            url: url.to_owned(),
            config: config.clone(),
            customizer: Box::new(customizer),
            events: Box::new(NopEventHandler),
            threads: None,
            keep: None,
        })
    }
}

#[derive(Debug)]
struct Customizer {
    busy_timeout: std::time::Duration,
}

impl<D: Driver> CustomizeConnection<RemoteConnection<D>, diesel::r2d2::Error> for Customizer {
    fn on_acquire(&self, conn: &mut RemoteConnection<D>) -> Result<(), diesel::r2d2::Error> {
        conn.wait_for_locks(self.busy_timeout);
        Ok(())
    }
}

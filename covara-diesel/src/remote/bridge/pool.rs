//! Pools of remote connections.

use std::time::Duration;

use r2d2::CustomizeConnection;

use super::{Driver, RemoteConnection};
use crate::pool::{PoolConfig, PoolDriver, PoolError, PreparePool, PreparedPool, Tokens};
use crate::remote::pool::prepared;

impl<D: Driver> PreparePool for RemoteConnection<D> {
    fn prepare(
        url: &str,
        _: PoolDriver,
        config: &PoolConfig,
    ) -> Result<PreparedPool<Self>, PoolError> {
        let customizer = Customizer {
            busy_timeout: config.busy_timeout,
            tokens: config.tokens.clone(),
        };
        prepared(url, config, D::open, Box::new(customizer))
    }
}

#[derive(Debug)]
struct Customizer {
    busy_timeout: Duration,
    tokens: Option<Tokens>,
}

impl<D: Driver> CustomizeConnection<RemoteConnection<D>, diesel::r2d2::Error> for Customizer {
    fn on_acquire(&self, conn: &mut RemoteConnection<D>) -> Result<(), diesel::r2d2::Error> {
        conn.wait_for_locks(self.busy_timeout);
        if let Some(tokens) = &self.tokens {
            conn.driver.ask_for_tokens(tokens.source());
        }
        Ok(())
    }
}

//! Pools of connections over HTTP.

use diesel::result::ConnectionResult;
use r2d2::NopEventHandler;

use crate::pool::{Customizer, PoolConfig, PoolError, PreparedPool};

/// Prepares a pool whose connections send nothing before the first statement. `open` opens one.
pub(super) fn prepared<C, T>(
    url: &str,
    config: &PoolConfig,
    open: impl FnOnce(&str) -> ConnectionResult<T>,
    customizer: Customizer<C>,
) -> Result<PreparedPool<C>, PoolError> {
    config.check()?;
    if config.on_connect.is_some() {
        return Err(PoolError::InvalidConfig {
            problem: "on_connect needs a session, which connections over HTTP do not have",
        });
    }
    // Opened once here, so that an error is reported at once rather than by r2d2 after a time-out.
    open(url).map_err(|source| PoolError::Connect { source })?;
    Ok(PreparedPool {
        url: url.to_owned(),
        config: config.clone(),
        customizer,
        events: Box::new(NopEventHandler),
        threads: None,
        keep: None,
    })
}

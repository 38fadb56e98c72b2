use std::fmt;
use std::sync::Arc;

use diesel::connection::Connection;
use diesel::r2d2::{ConnectionManager, Error, R2D2Connection};
use r2d2::{CustomizeConnection, HandleEvent, ManageConnection, Pool};
use scheduled_thread_pool::ScheduledThreadPool;

use super::wrapping::WrappingManager;
use super::{PoolConfig, PoolDriver, PoolError};

/// A pool's setting up of connections.
pub(crate) type Customizer<C> = Box<dyn CustomizeConnection<C, Error>>;

/// A type of connections that a pool can have.
pub(crate) trait PreparePool: Sized {
    /// Checks URL and settings, and prepares a pool of such connections.
    fn prepare(
        url: &str,
        driver: PoolDriver,
        config: &PoolConfig,
    ) -> Result<PreparedPool<Self>, PoolError>;
}

/// The parts of a pool, once its URL and settings have been checked.
pub(crate) struct PreparedPool<C> {
    pub(crate) url: String,
    pub(crate) config: PoolConfig,
    pub(crate) customizer: Customizer<C>,
    pub(crate) events: Box<dyn HandleEvent>,
    /// The threads that connect; `None` for r2d2's own.
    pub(crate) threads: Option<Arc<ScheduledThreadPool>>,
    /// Makes a customizer of a pool give a connection back that the pool discards, if the database
    /// ends with its connection.
    pub(crate) keep: Option<fn(Customizer<C>) -> Customizer<C>>,
}

/// Shows neither the URL nor the settings, which may contain secrets.
impl<C> fmt::Debug for PreparedPool<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedPool").finish_non_exhaustive()
    }
}

impl<C: Connection + R2D2Connection + Send + 'static> PreparedPool<C> {
    /// Builds the pool.
    pub(crate) fn typed(self) -> Result<Pool<ConnectionManager<C>>, PoolError> {
        let customizer = match self.keep {
            Some(keep) => keep(self.customizer),
            None => self.customizer,
        };
        builder(&self.config, self.threads)
            .connection_customizer(customizer)
            .event_handler(self.events)
            .build(ConnectionManager::new(self.url))
            .map_err(|source| PoolError::Pool { source })
    }

    /// Builds a pool of the same connections, wrapped in another type.
    pub(crate) fn wrapped<W: R2D2Connection + Send + 'static>(
        self,
        wrap: fn(C) -> W,
    ) -> Result<Pool<WrappingManager<W>>, PoolError> {
        builder(&self.config, self.threads)
            .event_handler(self.events)
            .build(WrappingManager::new(
                self.url,
                self.customizer,
                wrap,
                self.keep.is_some(),
            ))
            .map_err(|source| PoolError::Pool { source })
    }
}

fn builder<M: ManageConnection>(
    config: &PoolConfig,
    threads: Option<Arc<ScheduledThreadPool>>,
) -> r2d2::Builder<M> {
    let builder = config.builder();
    match threads {
        Some(threads) => builder.thread_pool(threads),
        None => builder,
    }
}

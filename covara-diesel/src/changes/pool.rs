use std::time::Duration;

use r2d2::{ManageConnection, Pool, PooledConnection};

use super::engine::ChangeDatabase;
use super::error::ChangeError;

/// A pool of connections that [`Feed::wait`](super::Feed::wait) takes: r2d2's, of any connection of
/// this library.
pub trait ChangePool {
    /// A connection of the pool.
    #[doc(hidden)]
    type Connection: ChangeDatabase;

    #[doc(hidden)]
    fn connection(&self, most: Duration) -> Result<Self::Connection, ChangeError>;
}

impl<M> ChangePool for Pool<M>
where
    M: ManageConnection,
    PooledConnection<M>: ChangeDatabase,
{
    type Connection = PooledConnection<M>;

    fn connection(&self, most: Duration) -> Result<Self::Connection, ChangeError> {
        self.get_timeout(most.min(self.connection_timeout()))
            .map_err(|error| ChangeError::Pool(error.into()))
    }
}

//! The functions that open pools, by enabled feature.

use r2d2::Pool;

use super::{AnyConnection, AnyManager};
use crate::drivers::{ConnectionType, connections};
use crate::pool::{PoolConfig, PoolDriver, PoolError, PreparedPool};

/// A function that opens a pool of one type of connections.
type OpenPool = fn(&str, PoolDriver, &PoolConfig) -> Result<Pool<AnyManager>, PoolError>;

/// A function that checks the URL and the settings of a pool.
type Prepare<C> = fn(&str, PoolDriver, &PoolConfig) -> Result<PreparedPool<C>, PoolError>;

macro_rules! declare_opener {
    ($($dialect:ident, $backend:ident { $(
        $(#[$doc:meta])*
        $variant:ident {
            feature: $feature:literal,
            database: $database:literal,
            connection: $connection:ty,
            prepare: $prepare:expr,
        }
    )* })*) => {
        /// Returns the function that opens a pool of such connections, or `None` if their feature
        /// is off.
        pub(super) fn opener(connection: ConnectionType) -> Option<OpenPool> {
            match connection {
                $($(
                    #[cfg(feature = $feature)]
                    ConnectionType::$variant => Some(|url, driver, config| {
                        let prepare: Prepare<$connection> = $prepare;
                        prepare(url, driver, config)?.wrapped(AnyConnection::$variant)
                    }),
                    #[cfg(not(feature = $feature))]
                    ConnectionType::$variant => None,
                )*)*
            }
        }
    };
}
connections!(declare_opener);

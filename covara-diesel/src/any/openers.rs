//! The functions that open pools, by enabled feature.

use r2d2::Pool;

use super::{AnyConnection, AnyManager};
use crate::drivers::{ConnectionType, connections};
use crate::pool::{PoolConfig, PoolDriver, PoolError, PreparePool};

/// A function that opens a pool of one type of connections.
type OpenPool = fn(&str, PoolDriver, &PoolConfig) -> Result<Pool<AnyManager>, PoolError>;

macro_rules! declare_opener {
    ($($dialect:ident, $backend:ident { $(
        $(#[$doc:meta])*
        $variant:ident { feature: $feature:literal, $($_rest:tt)* }
    )* })*) => {
        /// Returns the function that opens a pool of such connections, or `None` if their feature
        /// is off.
        pub(super) fn opener(connection: ConnectionType) -> Option<OpenPool> {
            match connection {
                $($(
                    #[cfg(feature = $feature)]
                    ConnectionType::$variant => Some(|url, driver, config| {
                        PreparePool::prepare(url, driver, config)?.wrapped(AnyConnection::$variant)
                    }),
                    #[cfg(not(feature = $feature))]
                    ConnectionType::$variant => None,
                )*)*
            }
        }
    };
}
connections!(declare_opener);

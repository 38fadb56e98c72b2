//! The backends whose features are enabled.

#[cfg(not(feature = "sqlite"))]
mod no_sqlite;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "_remote-http")]
mod remote;
#[cfg(feature = "sqlite")]
mod sqlite;

use diesel::prelude::*;

use super::database::BackendFunctions;
use crate::drivers::{ConnectionType, connections};
#[cfg(feature = "_remote-http")]
use crate::remote::*;
#[cfg(not(feature = "sqlite"))]
pub(crate) use no_sqlite::FILES;
#[cfg(feature = "sqlite")]
pub(crate) use sqlite::FILES;

/// A type of connection that the command works on.
trait CommandConnection {
    const FUNCTIONS: BackendFunctions;
}

macro_rules! declare_backend {
    ($($dialect:ident, $backend:ident { $(
        $(#[$doc:meta])*
        $variant:ident {
            feature: $feature:literal,
            database: $_database:literal,
            connection: $connection:ty,
        }
    )* })*) => {
        /// Returns the functions of a type of connection, or `None` if its feature is off.
        pub(crate) fn backend(connection: ConnectionType) -> Option<BackendFunctions> {
            match connection {
                $($(
                    #[cfg(feature = $feature)]
                    ConnectionType::$variant => {
                        Some(<$connection as CommandConnection>::FUNCTIONS)
                    }
                    #[cfg(not(feature = $feature))]
                    ConnectionType::$variant => None,
                )*)*
            }
        }
    };
}
connections!(declare_backend);

use r2d2::PooledConnection;

use super::AnyConnection;
use crate::backend::typed::{AsTyped, Typed};
use crate::drivers::connections;
use crate::pool::WrappingManager;

/// A manager that opens and checks the connections of an [`AnyPool`](super::AnyPool).
pub type AnyManager = WrappingManager<AnyConnection>;

/// A connection of an [`AnyPool`](super::AnyPool).
///
/// A Diesel connection that derefs to [`AnyConnection`].
pub type AnyPooledConnection = PooledConnection<AnyManager>;

macro_rules! type_pooled_connection {
    ($($dialect:ident, $backend:ident { $(
        $(#[$doc:meta])* $variant:ident { $($_rest:tt)* }
    )* })*) => {
        impl AsTyped for AnyPooledConnection {
            type SqliteBackend = <AnyConnection as AsTyped>::SqliteBackend;
            type PostgresBackend = <AnyConnection as AsTyped>::PostgresBackend;
            $($(type $variant = <AnyConnection as AsTyped>::$variant;)*)*

            fn typed(&mut self) -> Typed<'_, Self> {
                match (**self).typed() {
                    $($(Typed::$variant(conn) => Typed::$variant(conn),)*)*
                }
            }
        }
    };
}
connections!(type_pooled_connection);

use r2d2::PooledConnection;

use super::AnyConnection;
use crate::backend::typed::{AsTyped, Typed};
use crate::pool::WrappingManager;

/// A manager that opens and checks the connections of an [`AnyPool`](super::AnyPool).
pub type AnyManager = WrappingManager<AnyConnection>;

/// A connection of an [`AnyPool`](super::AnyPool).
///
/// A Diesel connection that derefs to [`AnyConnection`].
pub type AnyPooledConnection = PooledConnection<AnyManager>;

impl AsTyped for AnyPooledConnection {
    type Sqlite = <AnyConnection as AsTyped>::Sqlite;
    type Libsql = <AnyConnection as AsTyped>::Libsql;
    type D1 = <AnyConnection as AsTyped>::D1;
    type Postgres = <AnyConnection as AsTyped>::Postgres;

    fn typed(&mut self) -> Typed<'_, Self> {
        match (**self).typed() {
            Typed::Sqlite(conn) => Typed::Sqlite(conn),
            Typed::Libsql(conn) => Typed::Libsql(conn),
            Typed::D1(conn) => Typed::D1(conn),
            Typed::Postgres(conn) => Typed::Postgres(conn),
        }
    }
}

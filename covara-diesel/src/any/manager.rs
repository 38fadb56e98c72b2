use r2d2::PooledConnection;

use super::AnyConnection;
use crate::backend::typed::{AnyDatabase, Typed};
use crate::pool::WrappingManager;

/// A manager that opens and checks the connections of an [`AnyPool`](super::AnyPool).
pub type AnyManager = WrappingManager<AnyConnection>;

/// A connection of an [`AnyPool`](super::AnyPool).
///
/// It is a Diesel connection, and derefs to [`AnyConnection`].
pub type AnyPooledConnection = PooledConnection<AnyManager>;

impl AnyDatabase for AnyPooledConnection {
    type Sqlite = <AnyConnection as AnyDatabase>::Sqlite;
    type Libsql = <AnyConnection as AnyDatabase>::Libsql;
    type D1 = <AnyConnection as AnyDatabase>::D1;
    type Postgres = <AnyConnection as AnyDatabase>::Postgres;

    fn typed(&mut self) -> Typed<'_, Self> {
        match (**self).typed() {
            Typed::Sqlite(conn) => Typed::Sqlite(conn),
            Typed::Libsql(conn) => Typed::Libsql(conn),
            Typed::D1(conn) => Typed::D1(conn),
            Typed::Postgres(conn) => Typed::Postgres(conn),
        }
    }
}

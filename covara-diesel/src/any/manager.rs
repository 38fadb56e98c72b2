use std::fmt;

use diesel::Connection;
use diesel::r2d2::{Error, R2D2Connection};
use r2d2::{CustomizeConnection, ManageConnection, PooledConnection};

use super::AnyConnection;
use crate::typed::{AnyDatabase, Typed};

/// A connection of an [`AnyPool`](super::AnyPool).
///
/// It is a Diesel connection, and derefs to [`AnyConnection`].
pub type AnyPooledConnection = PooledConnection<AnyManager>;

/// Makes and examines the connections of an [`AnyPool`](super::AnyPool).
pub struct AnyManager {
    connect: Box<dyn Fn() -> Result<AnyConnection, Error> + Send + Sync>,
}

impl AnyManager {
    /// One whose connections are those of a typed pool.
    pub(crate) fn new<C: Connection + 'static>(
        url: String,
        customizer: Box<dyn CustomizeConnection<C, Error>>,
        wrap: fn(C) -> AnyConnection,
    ) -> Self {
        let connect = move || {
            let mut conn = C::establish(&url).map_err(Error::ConnectionError)?;
            customizer.on_acquire(&mut conn)?;
            Ok(wrap(conn))
        };
        Self {
            connect: Box::new(connect),
        }
    }
}

impl fmt::Debug for AnyManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyManager").finish_non_exhaustive()
    }
}

impl ManageConnection for AnyManager {
    type Connection = AnyConnection;
    type Error = Error;

    fn connect(&self) -> Result<AnyConnection, Error> {
        (self.connect)()
    }

    fn is_valid(&self, conn: &mut AnyConnection) -> Result<(), Error> {
        conn.ping().map_err(Error::QueryError)
    }

    fn has_broken(&self, conn: &mut AnyConnection) -> bool {
        std::thread::panicking() || conn.is_broken()
    }
}

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

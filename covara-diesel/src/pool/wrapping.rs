use std::fmt;

use diesel::Connection;
use diesel::r2d2::{Error, R2D2Connection};
use r2d2::ManageConnection;

use super::Customizer;
use crate::backend::transaction::end_all;

type Connect<W> = Box<dyn Fn() -> Result<W, Error> + Send + Sync>;

/// A manager for the connections of a typed pool, each wrapped in another type.
pub struct WrappingManager<W> {
    connect: Connect<W>,
    /// `true` if the database ends with its connection.
    is_in_connection: bool,
}

impl<W> WrappingManager<W> {
    pub(super) fn new<C: Connection + 'static>(
        url: String,
        customizer: Customizer<C>,
        wrap: fn(C) -> W,
        is_in_connection: bool,
    ) -> Self
    where
        W: 'static,
    {
        let connect = move || {
            let mut conn = C::establish(&url).map_err(Error::ConnectionError)?;
            customizer.on_acquire(&mut conn)?;
            Ok(wrap(conn))
        };
        Self {
            connect: Box::new(connect),
            is_in_connection,
        }
    }
}

impl<W> fmt::Debug for WrappingManager<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrappingManager").finish_non_exhaustive()
    }
}

impl<W: R2D2Connection + Send + 'static> ManageConnection for WrappingManager<W> {
    type Connection = W;
    type Error = Error;

    fn connect(&self) -> Result<W, Error> {
        (self.connect)()
    }

    /// Not by Diesel's own test, which never ends on a PostgreSQL connection with a COPY open. This
    /// ends the COPY.
    fn is_valid(&self, conn: &mut W) -> Result<(), Error> {
        conn.batch_execute("SELECT 1").map_err(Error::QueryError)
    }

    fn has_broken(&self, conn: &mut W) -> bool {
        if self.is_in_connection {
            // Closing it would lose the database.
            end_all(conn);
            return conn.is_broken();
        }
        std::thread::panicking() || conn.is_broken()
    }
}

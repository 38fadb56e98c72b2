//! What the command does with a database, whichever it is.

use std::path::PathBuf;

use crate::DatabaseConnection;
use crate::doctor::Report;
use crate::migrate::{self, MigrateError, MigrationStatus, MigrationSummary};
use crate::pool::PoolError;

/// A backend that is on.
pub(crate) struct Backend {
    /// Opens a database to work on, with the settings of the library's pools.
    pub(crate) open: fn(&str) -> Result<Box<dyn Database>, PoolError>,
    /// Opens a database to look at, and makes and changes nothing.
    pub(crate) open_to_read: fn(&str) -> Result<Opened, PoolError>,
    pub(crate) examine: fn(&str) -> Result<Report, PoolError>,
}

/// A database to look at.
pub(crate) struct Opened {
    pub(crate) conn: Box<dyn Database>,
    /// The file that would be made; the connection shows an empty database instead.
    pub(crate) missing_file: Option<PathBuf>,
}

pub(crate) trait Database {
    fn migrate(&mut self) -> Result<MigrationSummary, MigrateError>;
    fn status(&mut self) -> Result<MigrationStatus, MigrateError>;
}

impl<C: DatabaseConnection> Database for C {
    fn migrate(&mut self) -> Result<MigrationSummary, MigrateError> {
        migrate::auto_migrate(self)
    }

    fn status(&mut self) -> Result<MigrationStatus, MigrateError> {
        migrate::status(self)
    }
}

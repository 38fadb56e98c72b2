//! What the command does with a database, whichever it is.

use std::path::{Path, PathBuf};

use crate::backend::connection::DatabaseConnection;
use crate::doctor::Report;
use crate::migrate::{self, MigrateError, MigrationFile, MigrationStatus, MigrationSummary};
use crate::pool::PoolError;
use crate::progress_bar::progress_bar;
use crate::seed::{Seed, SeedError, SeedSummary};

/// A backend that is on.
pub(crate) struct BackendFunctions {
    /// Opens a database to work on, with the settings of the library's pools.
    pub(crate) open: fn(&str) -> Result<Box<dyn Database>, PoolError>,
    /// The same for one that is there already, and never makes one.
    pub(crate) open_existing: fn(&str) -> Result<Box<dyn Database>, PoolError>,
    /// Opens a database to look at, and makes and changes nothing.
    pub(crate) open_to_read: fn(&str) -> Result<Opened, PoolError>,
    pub(crate) examine: fn(&str) -> Result<Report, PoolError>,
}

/// The migrations as files.
pub(crate) type MigrationFiles = fn() -> Result<Vec<MigrationFile>, MigrateError>;

/// A database to look at.
pub(crate) struct Opened {
    pub(crate) conn: Box<dyn Database>,
    /// The file that would be made; the connection shows an empty database instead.
    pub(crate) missing_file: Option<PathBuf>,
}

pub(crate) trait Database {
    fn migrate(&mut self) -> Result<MigrationSummary, MigrateError>;
    fn status(&mut self) -> Result<MigrationStatus, MigrateError>;
    /// Seeds the tables named from the files beside them.
    fn seed(
        &mut self,
        tables: &[(&str, &Path)],
        show_progress: bool,
    ) -> Result<SeedSummary, SeedError>;
}

impl<C: DatabaseConnection> Database for C {
    fn migrate(&mut self) -> Result<MigrationSummary, MigrateError> {
        migrate::auto_migrate(self)
    }

    fn status(&mut self) -> Result<MigrationStatus, MigrateError> {
        migrate::status(self)
    }

    fn seed(
        &mut self,
        tables: &[(&str, &Path)],
        show_progress: bool,
    ) -> Result<SeedSummary, SeedError> {
        let add = |seed: Seed<'static, C>, (table, file): &(&str, &Path)| {
            seed.fixture(*table, file.to_owned())
        };
        let mut seed = tables.iter().fold(Seed::new(), add);
        if show_progress {
            seed = seed.progress(progress_bar());
        }
        seed.run(self)
    }
}

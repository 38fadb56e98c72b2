//! The operations of the command on a database of any backend.

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::interrupt;
use crate::any::AnyDatabase;
use crate::changes::{Change, ChangeDatabase, ChangeError, ChangeLog};
use crate::doctor::Report;
use crate::dump::{Dump, DumpError, DumpSummary};
use crate::fixture::FixtureSource;
use crate::migrate::{
    self, MigrateError, MigrateOptions, MigrationFile, MigrationStatus, MigrationSummary,
};
use crate::pool::PoolError;
use crate::progress_bar::progress_bar;
use crate::search::{Fts, SearchDatabase, SearchError, SearchQuery, SearchResult};
use crate::seed::{OnConflict, Seed, SeedError, SeedSummary};

/// A backend whose feature is enabled.
pub(crate) struct BackendFunctions {
    /// Opens a database for writing, with the settings of the library's pools.
    pub(crate) open: fn(&str) -> Result<Box<dyn Database>, PoolError>,
    /// Opens an existing database in the same way, and never creates one.
    pub(crate) open_existing: fn(&str) -> Result<Box<dyn Database>, PoolError>,
    /// Opens an existing database in the same way to write and roll back, and changes no setting of
    /// the database itself.
    pub(crate) open_to_try: fn(&str) -> Result<Box<dyn Database>, PoolError>,
    /// Opens a database for reading, and creates and changes nothing.
    pub(crate) open_to_read: fn(&str) -> Result<Opened, PoolError>,
    /// Runs the pending migrations, if there are any, as [`open`](Self::open) and
    /// [`Database::migrate`] would, and rolls back. Takes the connection that has read the status.
    pub(crate) rehearse: Rehearse,
    pub(crate) examine: fn(&str) -> Result<Report, PoolError>,
    /// `true` if a seed may be kept in part, as there are no transactions.
    pub(crate) keeps_parts: bool,
    /// Cancels the statement that a transaction of the server runs, by its name.
    pub(crate) cancel: Option<Cancel>,
}

/// A function that takes a database and the name of a transaction.
pub(crate) type Cancel = fn(&str, &str);

/// A function that runs the pending migrations, if there are any, and rolls back.
pub(crate) type Rehearse = fn(&str, Box<dyn Database>, bool) -> Result<(), Box<dyn Error>>;

/// A function that returns the migrations as files.
pub(crate) type MigrationFiles = fn() -> Result<Vec<MigrationFile>, MigrateError>;

/// A database opened for reading.
pub(crate) struct Opened {
    pub(crate) conn: Box<dyn Database>,
    /// The file that would be created. The connection shows an empty database instead.
    pub(crate) missing_file: Option<PathBuf>,
}

/// The user's options for a seed.
pub(crate) struct SeedChoices {
    pub(crate) on_conflict: OnConflict,
    pub(crate) replace: bool,
    pub(crate) dry_run: bool,
    pub(crate) show_progress: bool,
}

pub(crate) trait Database {
    fn migrate(&mut self) -> Result<MigrationSummary, MigrateError>;
    fn status(&mut self) -> Result<MigrationStatus, MigrateError>;
    /// Runs the pending migrations and rolls back.
    fn rehearse(&mut self) -> Result<(), MigrateError>;
    /// Seeds each table from the file beside its name.
    fn seed(
        &mut self,
        tables: Vec<(String, FixtureSource<'static>)>,
        choices: SeedChoices,
    ) -> Result<SeedSummary, SeedError>;
    fn dump(&mut self, dump: &Dump, directory: &Path) -> Result<DumpSummary, DumpError>;
    /// Writes one table to `out`.
    fn dump_table(
        &mut self,
        dump: &Dump,
        table: &str,
        out: &mut dyn Write,
    ) -> Result<(), DumpError>;
    /// Searches an index, or returns `None` if there is none of that name.
    fn search(
        &mut self,
        index: &str,
        query: &SearchQuery,
    ) -> Result<Option<SearchResult>, SearchError>;
    /// Returns changes after the one with a number.
    fn changes(&mut self, after: i64, limit: usize) -> Result<Vec<Change>, ChangeError>;
}

impl<C: AnyDatabase + SearchDatabase + ChangeDatabase + 'static> Database for C {
    fn migrate(&mut self) -> Result<MigrationSummary, MigrateError> {
        let options = MigrateOptions::new().keep_if(interrupt::may_keep, interrupt::named);
        migrate::migrate_internal(self, &options)
    }

    fn status(&mut self) -> Result<MigrationStatus, MigrateError> {
        migrate::status(self)
    }

    fn rehearse(&mut self) -> Result<(), MigrateError> {
        migrate::rehearse(self)
    }

    fn seed(
        &mut self,
        tables: Vec<(String, FixtureSource<'static>)>,
        choices: SeedChoices,
    ) -> Result<SeedSummary, SeedError> {
        let several = tables.len() > 1;
        let add = |seed: Seed<'static, C>, (table, file)| seed.fixture(table, file);
        let mut seed = tables.into_iter().fold(Seed::new(), add);
        seed = seed.on_conflict(choices.on_conflict);
        if several {
            seed = seed.by_foreign_keys();
        }
        if choices.replace {
            seed = seed.replace();
        }
        if choices.dry_run {
            seed = seed.dry_run();
        }
        if choices.show_progress {
            seed = seed.progress(progress_bar());
        }
        seed.stop_by(interrupt::SeedStop).run(self)
    }

    fn dump(&mut self, dump: &Dump, directory: &Path) -> Result<DumpSummary, DumpError> {
        dump.to_directory(self, directory)
    }

    fn dump_table(
        &mut self,
        dump: &Dump,
        table: &str,
        out: &mut dyn Write,
    ) -> Result<(), DumpError> {
        dump.table_to(self, table, out).map(drop)
    }

    fn search(
        &mut self,
        index: &str,
        query: &SearchQuery,
    ) -> Result<Option<SearchResult>, SearchError> {
        if !Fts.index_exists(self, index)? {
            return Ok(None);
        }
        Fts.search(self, index, query).map(Some)
    }

    fn changes(&mut self, after: i64, limit: usize) -> Result<Vec<Change>, ChangeError> {
        ChangeLog::new().after(self, after, limit)
    }
}

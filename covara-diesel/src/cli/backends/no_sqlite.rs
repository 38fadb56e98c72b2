//! A stand-in for SQLite's migrations when the feature `sqlite` is off.

use crate::cli::database::MigrationFiles;

pub(crate) const FILES: Option<MigrationFiles> = None;

//! A stand-in for SQLite when the feature `sqlite` is off.

use crate::cli::database::{BackendFunctions, MigrationFiles};

pub(crate) const BACKEND: Option<BackendFunctions> = None;

pub(crate) const FILES: Option<MigrationFiles> = None;

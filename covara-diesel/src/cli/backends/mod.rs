//! The backends whose features are enabled.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use crate::cli::database::{BackendFunctions, MigrationFiles};

#[cfg(feature = "postgres")]
pub(crate) const POSTGRES: Option<BackendFunctions> = Some(postgres::BACKEND);
#[cfg(not(feature = "postgres"))]
pub(crate) const POSTGRES: Option<BackendFunctions> = None;
#[cfg(feature = "sqlite")]
pub(crate) const FILES: Option<MigrationFiles> = Some(crate::migrate::sqlite_files);
#[cfg(not(feature = "sqlite"))]
pub(crate) const FILES: Option<MigrationFiles> = None;
#[cfg(feature = "sqlite")]
pub(crate) const SQLITE: Option<BackendFunctions> = Some(sqlite::BACKEND);
#[cfg(not(feature = "sqlite"))]
pub(crate) const SQLITE: Option<BackendFunctions> = None;

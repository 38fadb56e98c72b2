//! The backends whose features are enabled.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use crate::cli::database::{Backend, MigrationFiles};

#[cfg(feature = "postgres")]
pub(crate) const POSTGRES: Option<Backend> = Some(postgres::BACKEND);
#[cfg(not(feature = "postgres"))]
pub(crate) const POSTGRES: Option<Backend> = None;
#[cfg(feature = "sqlite")]
pub(crate) const FILES: Option<MigrationFiles> = Some(crate::migrate::sqlite_files);
#[cfg(not(feature = "sqlite"))]
pub(crate) const FILES: Option<MigrationFiles> = None;
#[cfg(feature = "sqlite")]
pub(crate) const SQLITE: Option<Backend> = Some(sqlite::BACKEND);
#[cfg(not(feature = "sqlite"))]
pub(crate) const SQLITE: Option<Backend> = None;

//! A stand-in for PostgreSQL when the feature `postgres` is off.

use crate::cli::database::BackendFunctions;

pub(crate) const BACKEND: Option<BackendFunctions> = None;

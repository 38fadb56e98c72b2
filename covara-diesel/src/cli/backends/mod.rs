//! The backends whose features are enabled.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(not(feature = "postgres"))]
#[path = "no_postgres.rs"]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(not(feature = "sqlite"))]
#[path = "no_sqlite.rs"]
mod sqlite;

pub(crate) use postgres::BACKEND as POSTGRES;
pub(crate) use sqlite::{BACKEND as SQLITE, FILES};

//! The backend for SQLite.

#[cfg(feature = "auth")]
mod auth;
#[cfg(feature = "changes")]
mod changes;
mod checkin;
mod connection;
#[cfg(feature = "cli")]
pub(crate) mod creatable;
mod declared;
mod deferral;
mod describe;
#[cfg(feature = "fixtures")]
mod dump;
mod engine;
mod foreign_keys_off;
#[cfg(feature = "_fuzz")]
pub(crate) mod fuzz;
mod handle;
mod kept;
mod keys;
mod look_up;
mod migrate;
mod name;
mod place;
pub(crate) mod pool;
pub(crate) mod private_file;
#[cfg(feature = "cli")]
pub(crate) mod rehearse;
mod replace;
pub mod schema;
#[cfg(feature = "search")]
pub(crate) mod search;
mod seed;
mod session_lock;
#[cfg(any(feature = "search", feature = "changes"))]
mod sql;
pub(crate) mod tokens;
mod unique_indexes;
mod url;

#[cfg(feature = "_remote-sqlite")]
pub(crate) use connection::BUSY_TIMEOUT;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

/// The migrations of the internal tables for SQLite.
///
/// [`auto_migrate`](crate::auto_migrate) runs them. They are also a
/// [`MigrationSource`](diesel::migration::MigrationSource), for an application that runs migrations
/// itself.
pub const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

//! The parts specific to PostgreSQL.

#[cfg(feature = "auth")]
mod auth;
mod binary;
#[cfg(feature = "changes")]
mod changes;
pub(crate) mod connection;
mod copy;
mod copy_target;
mod deferred;
mod describe;
#[cfg(feature = "fixtures")]
mod dump;
mod engine;
#[cfg(feature = "_fuzz")]
pub(crate) mod fuzz;
mod history;
mod keys;
mod look_up;
mod migrate;
#[cfg(any(feature = "search", feature = "changes"))]
mod names;
mod objects;
pub(crate) mod owners;
pub(crate) mod pool;
pub(crate) mod pooler;
mod probe;
mod replace;
pub mod schema;
#[cfg(feature = "search")]
pub(crate) mod search;
mod seed;
mod sequences;
#[cfg(any(feature = "search", feature = "changes"))]
mod sql;
mod stage;
mod startup;
mod turns;
mod types;
mod unknown;
mod update;
mod values;
mod watch;

use diesel_migrations::{EmbeddedMigrations, embed_migrations};

/// The migrations of the internal tables for PostgreSQL.
///
/// [`auto_migrate`](crate::auto_migrate) runs them. They are also a
/// [`MigrationSource`](diesel::migration::MigrationSource), for an application that drives
/// migrations itself.
pub const POSTGRES_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

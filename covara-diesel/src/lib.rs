#![cfg_attr(
    all(
        feature = "sqlite",
        feature = "postgres",
        feature = "fixtures",
        feature = "auth",
        feature = "search"
    ),
    doc = include_str!("../README.md")
)]
#![cfg_attr(
    not(all(
        feature = "sqlite",
        feature = "postgres",
        feature = "fixtures",
        feature = "auth",
        feature = "search"
    )),
    doc = "Database layer for blocking Rust servers and batch jobs, on Diesel."
)]
pub mod any;
#[cfg(feature = "auth")]
pub mod auth;
#[cfg(not(feature = "auth"))]
#[path = "no_auth.rs"]
mod auth;
mod backend;
#[cfg(feature = "changes")]
pub mod changes;
// The program `covara` is a crate of its own, which sees public items only.
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
pub mod doctor;
mod drivers;
#[cfg(feature = "fixtures")]
pub mod dump;
#[cfg(not(feature = "fixtures"))]
#[path = "no_dump.rs"]
mod dump;
#[cfg(feature = "fixtures")]
pub mod fixture;
#[cfg(not(feature = "fixtures"))]
#[path = "no_fixture.rs"]
mod fixture;
pub mod guide;
mod internal_tables;
pub mod migrate;
pub mod pool;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "progress")]
mod progress_bar;
#[cfg(feature = "_remote-http")]
pub mod remote;
pub mod schema;
#[cfg(feature = "search")]
pub mod search;
#[cfg(not(feature = "search"))]
#[path = "no_search.rs"]
mod search;
pub mod seed;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(any(feature = "auth", feature = "search"))]
mod surrogates;

#[cfg(feature = "_fuzz")]
#[doc(hidden)]
#[path = "fuzz.rs"]
pub mod __fuzz;
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use any::{AnyConnection, AnyDatabase, AnyPool, DatabaseConnection, open};
#[doc(hidden)]
pub use backend::batch::{Batch, BatchError, NoBatch, PooledBatch};
#[doc(hidden)]
pub use backend::connection::{BackendConnection, Begun, SessionLock};
pub use backend::dialect::Dialect;
#[doc(hidden)]
pub use backend::engine::Engine;
pub use backend::error::{DatabaseError, ErrorKind};
pub use backend::transaction::write_transaction;
pub use backend::typed::{AsTyped, Typed};
pub use covara_derive::Seedable;
pub use internal_tables::INTERNAL_TABLE_NAMES;
pub use migrate::{
    Boot, BootSummary, MigrateError, MigrateOptions, MigrationSummary, auto_migrate,
    migrate_internal,
};
#[cfg(feature = "postgres")]
pub use postgres::POSTGRES_MIGRATIONS;
#[cfg(feature = "progress")]
pub use progress_bar::progress_bar;
pub use seed::{
    FixtureError, KeyProblem, OnConflict, Seed, SeedError, SeedProgress, SeedSummary, Seedable,
    TableSummary,
};
#[cfg(feature = "sqlite")]
pub use sqlite::SQLITE_MIGRATIONS;

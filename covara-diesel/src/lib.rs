#![cfg_attr(
    all(feature = "sqlite", feature = "postgres", feature = "fixtures"),
    doc = include_str!("../README.md")
)]
#![cfg_attr(
    not(all(feature = "sqlite", feature = "postgres", feature = "fixtures")),
    doc = "Database layer for blocking Rust servers and batch jobs, on Diesel."
)]
#![cfg_attr(
    not(any(feature = "sqlite", feature = "postgres")),
    allow(
        dead_code,
        unreachable_pub,
        unused_imports,
        unused_macros,
        reason = "without a backend nothing asks for them"
    )
)]
#![cfg_attr(
    not(feature = "fixtures"),
    allow(dead_code, reason = "some of the seed is there for fixtures alone")
)]

pub mod auth;
#[cfg(feature = "cli")]
pub mod cli;
mod connection;
mod dialect;
pub mod doctor;
mod engine;
pub mod migrate;
pub mod pool;
#[cfg(feature = "progress")]
mod progress_bar;
mod schema_macro;
pub mod search;
pub mod seed;
mod values;

#[cfg(feature = "fixtures")]
pub mod fixture;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use connection::{DatabaseConnection, LockWait};
pub use covara_derive::Seedable;
pub use dialect::{Dialect, INTERNAL_TABLE_NAMES};
pub use engine::Engine;
pub use migrate::{MigrateError, MigrateOptions, MigrationSummary, auto_migrate, migrate_internal};
#[cfg(feature = "postgres")]
pub use postgres::POSTGRES_MIGRATIONS;
#[cfg(feature = "progress")]
pub use progress_bar::progress_bar;
pub use seed::{FixtureError, Seed, SeedError, SeedProgress, SeedSummary, Seedable, TableSummary};
#[cfg(feature = "sqlite")]
pub use sqlite::SQLITE_MIGRATIONS;

/// The `table!` modules of the internal tables, per backend.
///
/// To join them with tables of your own, see [`internal_schema!`].
pub mod schema {
    #[cfg(feature = "postgres")]
    pub use crate::postgres::schema as postgres;
    #[cfg(feature = "sqlite")]
    pub use crate::sqlite::schema as sqlite;
}

/// What [`pool`] offers of each backend that is on.
mod pool_constructors {
    #[cfg(feature = "postgres")]
    pub use crate::postgres::pool::{postgres, postgres_with};
    #[cfg(feature = "sqlite")]
    pub use crate::sqlite::pool::{sqlite, sqlite_with};
}

/// What [`search`] offers of each backend that is on.
mod search_adapters {
    #[cfg(feature = "postgres")]
    pub use crate::postgres::search::PostgresFts;
    #[cfg(feature = "sqlite")]
    pub use crate::sqlite::search::SqliteFts;
}

/// What of a derive's output is for files.
#[cfg(feature = "fixtures")]
#[doc(hidden)]
#[macro_export]
macro_rules! __fixture_row {
    ($($tokens:tt)*) => { $($tokens)* };
}

/// What of a derive's output is for files.
#[cfg(not(feature = "fixtures"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __fixture_row {
    ($($tokens:tt)*) => {};
}

/// What [`doctor`] offers of each backend that is on.
mod doctor_constructors {
    #[cfg(feature = "postgres")]
    pub use crate::postgres::doctor::postgres;
    #[cfg(feature = "sqlite")]
    pub use crate::sqlite::doctor::sqlite;
}

/// The backends that are on, for the command.
#[cfg(feature = "cli")]
mod cli_backends {
    #[cfg(feature = "postgres")]
    mod postgres;
    #[cfg(feature = "sqlite")]
    mod sqlite;

    use crate::cli::database::Backend;

    #[cfg(feature = "postgres")]
    pub(crate) const POSTGRES: Option<Backend> = Some(postgres::BACKEND);
    #[cfg(not(feature = "postgres"))]
    pub(crate) const POSTGRES: Option<Backend> = None;
    #[cfg(feature = "sqlite")]
    pub(crate) const SQLITE: Option<Backend> = Some(sqlite::BACKEND);
    #[cfg(not(feature = "sqlite"))]
    pub(crate) const SQLITE: Option<Backend> = None;
}

/// What the derive's output uses. Not for anybody else.
#[doc(hidden)]
pub mod __private {
    pub use {diesel, serde_json};

    pub use crate::__fixture_row as fixture_row;

    #[cfg(feature = "fixtures")]
    pub use crate::fixture::{BadCell, Cells, FixtureRow, ReadCell, ReadFromStr, SkippedField};
    pub use crate::seed::{ColumnVisitor, FitsColumn, SameTable, SeedRow};
}

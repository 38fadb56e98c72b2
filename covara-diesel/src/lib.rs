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
    not(feature = "sqlite"),
    allow(
        unreachable_pub,
        unused_imports,
        reason = "only SQLite's migrations are handed out as files"
    )
)]
#![cfg_attr(
    not(all(feature = "fixtures", feature = "postgres")),
    allow(
        dead_code,
        unused_imports,
        reason = "some of the seed is there for fixtures alone, some of the URLs' for PostgreSQL"
    )
)]

#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub mod any;
#[cfg(feature = "auth")]
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
#[cfg(feature = "search")]
pub mod search;
#[cfg(not(feature = "search"))]
#[path = "no_search.rs"]
mod search;
pub mod seed;
#[cfg(any(feature = "auth", feature = "search"))]
mod surrogates;
mod transaction;
mod typed;
mod values;

#[cfg(feature = "fixtures")]
pub mod fixture;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use any::{AnyConnection, AnyPool, open};
#[doc(hidden)]
pub use connection::SessionLock;
pub use connection::{BatchError, Begun, DatabaseConnection};
pub use covara_derive::Seedable;
pub use dialect::{Dialect, INTERNAL_TABLE_NAMES};
pub use engine::Engine;
pub use migrate::{
    Boot, BootSummary, MigrateError, MigrateOptions, MigrationSummary, auto_migrate,
    migrate_internal,
};
#[cfg(feature = "postgres")]
pub use postgres::POSTGRES_MIGRATIONS;
#[cfg(feature = "progress")]
pub use progress_bar::progress_bar;
pub use seed::{FixtureError, Seed, SeedError, SeedProgress, SeedSummary, Seedable, TableSummary};
#[cfg(feature = "sqlite")]
pub use sqlite::SQLITE_MIGRATIONS;
pub use transaction::write_transaction;
pub use typed::{AnyDatabase, Typed};

/// Connections to remote servers over HTTP, on Diesel's own `Sqlite` backend.
///
/// Your `table!` schemas and derives and this library's migrations, seeds, stores, search and pools
/// are the same as on a [`SqliteConnection`](diesel::SqliteConnection), and so are most of Diesel's
/// queries. Some do not compile and some are errors: each connection lists them, with what to
/// write instead. They may be variants of an enum that derives
/// [`MultiConnection`](diesel::MultiConnection).
///
/// Diesel's own `MigrationHarness` runs each migration in a transaction, so it works on libSQL
/// and not on D1, where it makes its own table and then fails. [`Boot`] and [`auto_migrate`]
/// work on both.
///
/// | feature | connection | server |
/// |---|---|---|
/// | `libsql` | `LibsqlConnection` | libSQL, Turso |
/// | `d1` | `D1Connection` | Cloudflare D1 |
#[cfg(any(feature = "libsql", feature = "d1"))]
pub mod remote {
    mod bridge;
    mod connector;
    #[cfg(feature = "d1")]
    mod d1;
    mod error;
    #[cfg(feature = "_fuzz")]
    pub(crate) mod fuzz;
    mod grid;
    mod http;
    #[cfg(feature = "libsql")]
    mod libsql;
    #[cfg(all(doctest, feature = "libsql"))]
    mod not_compiling;
    pub(crate) mod pool;
    mod resolver;
    mod sql;
    mod url;
    mod value;

    #[doc(hidden)]
    pub use bridge::Driver;
    pub use bridge::{RemoteConnection, RemoteCursor, RemoteTransactions};
    #[cfg(feature = "d1")]
    pub(crate) use d1::pool as d1_pool;
    #[cfg(feature = "d1")]
    pub use d1::{D1, D1Connection};
    #[cfg(feature = "libsql")]
    pub(crate) use libsql::pool as libsql_pool;
    #[cfg(feature = "libsql")]
    pub use libsql::{Libsql, LibsqlConnection};
    #[doc(hidden)]
    pub use value::{Rows, Statement, Value};
}

/// The `table!` modules of the internal tables, per backend.
///
/// To join them with tables of your own, see [`internal_schema!`].
pub mod schema {
    #[cfg(feature = "postgres")]
    pub use crate::postgres::schema as postgres;
    #[cfg(feature = "sqlite")]
    pub use crate::sqlite::schema as sqlite;
}

/// What [`migrate`] offers of each backend that is on.
mod migration_files {
    #[cfg(feature = "sqlite")]
    pub use crate::sqlite::export::sqlite_files;
}

/// What [`pool`] offers of each backend that is on.
mod pool_constructors {
    #[cfg(feature = "postgres")]
    pub use crate::postgres::pool::{postgres, postgres_with};
    #[cfg(feature = "d1")]
    pub use crate::remote::d1_pool::{d1, d1_with};
    #[cfg(feature = "libsql")]
    pub use crate::remote::libsql_pool::{libsql, libsql_with};
    #[cfg(feature = "sqlite")]
    pub use crate::sqlite::pool::{sqlite, sqlite_with};
}

/// What [`search`] offers of each backend that is on.
#[cfg(feature = "search")]
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

/// Parsers that no public function reaches by themselves, for the fuzz targets. Not for anybody
/// else.
#[cfg(feature = "_fuzz")]
#[doc(hidden)]
pub mod __fuzz {
    pub use crate::fixture::fuzz::array_literal;
    pub use crate::pool::fuzz::{host_count, parameter, without_driver};
    pub use crate::remote::fuzz::{rewrite_placeholders, statements};
    pub use crate::sqlite::fuzz::{database_url, file_path, parts, quoted, without_creating};
}

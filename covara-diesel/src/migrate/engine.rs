//! The questions that the migrator asks of a backend.

use diesel::QueryResult;
use diesel::migration::Migration;
use diesel_migrations::EmbeddedMigrations;

use super::layout::{ColumnMismatch, TableLayout};
use super::obstacle::{InTheWay, Obstacle};
use crate::backend::connection::BackendConnection;
use crate::backend::engine::Engine;
use crate::backend::stranger::Stranger;
use crate::backend::typed::area_database;

/// The state of a database as the migrator sees it.
#[derive(Debug, Default)]
pub struct Inspection {
    /// Versions in the history table; `None` when there is no such table.
    pub history: Option<Vec<String>>,
    /// The internal tables that exist.
    pub tables: Vec<TableLayout>,
    /// Names of search index triggers and functions that an earlier version created.
    pub outdated: Vec<String>,
    /// Internal tables and functions whose owner is not trusted.
    pub strangers: Vec<Stranger>,
    /// Objects that have an internal name and are not what it is meant for.
    pub obstacles: Vec<Obstacle>,
    /// The columns because of which the history table cannot be used.
    pub history_mismatches: Vec<ColumnMismatch>,
}

/// A backend whose databases this library migrates: `Sqlite` and `Pg`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not known to be a backend that is migrated",
    note = "in a generic function, bound the connection by `covara_diesel::DatabaseConnection` or \
            `covara_diesel::AnyDatabase`"
)]
pub trait MigrateEngine: Engine {
    #[doc(hidden)]
    fn migrations() -> &'static EmbeddedMigrations;

    /// Returns the internal tables as the code expects them.
    #[doc(hidden)]
    fn expected_tables() -> Vec<TableLayout>;

    /// Reads history and tables: one query on PostgreSQL, two in-process ones on SQLite. Tables
    /// owned by `trusted` roles are not reported as strangers.
    #[doc(hidden)]
    fn inspect<C>(conn: &mut C, trusted: &[String]) -> QueryResult<Inspection>
    where
        C: BackendConnection<Backend = Self>;

    /// Reads the versions in Diesel's own history table, or none if there is no such table.
    #[doc(hidden)]
    fn application_history<C>(
        conn: &mut C,
        trusted: &[String],
    ) -> QueryResult<Result<Vec<String>, InTheWay>>
    where
        C: BackendConnection<Backend = Self>;

    /// Returns whether a migration turns foreign keys off in a way that does nothing inside a
    /// transaction, although they are on. Default: no.
    #[doc(hidden)]
    fn loses_rows<C>(_conn: &mut C, _migration: &dyn Migration<Self>) -> QueryResult<bool>
    where
        C: BackendConnection<Backend = Self>,
    {
        Ok(false)
    }

    /// Returns the names of the indexes that the migrations create and that are missing although
    /// another index begins with the same column and serves as well.
    #[doc(hidden)]
    fn covered_indexes<C>(conn: &mut C) -> QueryResult<Vec<String>>
    where
        C: BackendConnection<Backend = Self>;

    /// Replaces outdated parts of search indexes, as far as the connection's rights allow.
    #[doc(hidden)]
    fn mend_outdated<C>(conn: &mut C, outdated: &[String])
    where
        C: BackendConnection<Backend = Self>;
}

area_database! {
    /// A connection that is migrated: every one of this library.
    MigrateDatabase: MigrateEngine
}

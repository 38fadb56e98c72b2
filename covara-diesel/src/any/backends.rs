//! A type of connection for each backend, in place of those whose feature is off. Without the
//! feature of a backend it is the other one's, and is never constructed.

#[cfg(not(feature = "sqlite"))]
pub(super) use diesel::PgConnection as Sqlite;
#[cfg(feature = "postgres")]
pub(super) use diesel::PgConnection as Postgres;
#[cfg(not(feature = "postgres"))]
pub(super) use diesel::SqliteConnection as Postgres;
#[cfg(feature = "sqlite")]
pub(super) use diesel::SqliteConnection as Sqlite;

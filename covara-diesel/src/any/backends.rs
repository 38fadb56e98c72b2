//! The connection type and pool opener of each database, by enabled feature.

use super::AnyManager;
use crate::pool::{PoolConfig, PoolDriver, PoolError};

/// A function that opens a pool of one kind of database.
pub(super) type OpenPool =
    fn(&str, PoolDriver, &PoolConfig) -> Result<r2d2::Pool<AnyManager>, PoolError>;

/// The connection to D1. Without the feature `d1` it is a placeholder that is never constructed.
#[cfg(not(feature = "d1"))]
pub(crate) type D1 = Sqlite;
#[cfg(feature = "d1")]
pub(crate) type D1 = crate::remote::D1Connection;
#[cfg(not(feature = "libsql"))]
pub(crate) type Libsql = Sqlite;
#[cfg(feature = "libsql")]
pub(crate) type Libsql = crate::remote::LibsqlConnection;
#[cfg(not(feature = "postgres"))]
pub(crate) type Postgres = Sqlite;
#[cfg(feature = "postgres")]
pub(crate) type Postgres = diesel::PgConnection;
#[cfg(not(feature = "sqlite"))]
pub(crate) type Sqlite = Postgres;
#[cfg(feature = "sqlite")]
pub(crate) type Sqlite = diesel::SqliteConnection;

#[cfg(not(feature = "d1"))]
pub(super) const D1: Option<OpenPool> = None;
#[cfg(feature = "d1")]
pub(super) const D1: Option<OpenPool> = Some(|url, _, config| {
    crate::remote::pool::prepare(url, config)?.wrapped(super::AnyConnection::D1)
});
#[cfg(not(feature = "libsql"))]
pub(super) const LIBSQL: Option<OpenPool> = None;
#[cfg(feature = "libsql")]
pub(super) const LIBSQL: Option<OpenPool> = Some(|url, _, config| {
    crate::remote::pool::prepare(url, config)?.wrapped(super::AnyConnection::Libsql)
});
#[cfg(not(feature = "postgres"))]
pub(super) const POSTGRES: Option<OpenPool> = None;
#[cfg(feature = "postgres")]
pub(super) const POSTGRES: Option<OpenPool> = Some(|url, driver, config| {
    crate::postgres::pool::prepare(url, driver, config)?.wrapped(super::AnyConnection::Postgres)
});
#[cfg(not(feature = "sqlite"))]
pub(super) const SQLITE: Option<OpenPool> = None;
#[cfg(feature = "sqlite")]
pub(super) const SQLITE: Option<OpenPool> = Some(|url, _, config| {
    crate::sqlite::pool::prepare(url.as_ref(), config)?.wrapped(super::AnyConnection::Sqlite)
});

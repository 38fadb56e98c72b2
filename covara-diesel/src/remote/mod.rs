//! Connections to remote servers over HTTP, on Diesel's own `Sqlite` backend.
//!
//! Your `table!` schemas and derives and this library's migrations, seeds, stores, search and pools
//! are the same as on a [`SqliteConnection`](diesel::SqliteConnection), and so are most of Diesel's
//! queries. Some do not compile and some are errors: each connection lists them, with what to write
//! instead. The connections may be variants of an enum that derives
//! [`MultiConnection`](diesel::MultiConnection).
//!
//! Diesel's own `MigrationHarness` runs each migration in a transaction, so it works on libSQL but
//! not on D1, where it creates its own table and then fails. [`Boot`](crate::Boot) and
//! [`auto_migrate`](crate::auto_migrate) work on both.
//!
//! | feature | connection | server |
//! |---|---|---|
//! | `libsql` | `LibsqlConnection` | libSQL, Turso |
//! | `d1` | `D1Connection` | Cloudflare D1 |

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
mod pool;
mod resolver;
mod sql;
mod url;
mod value;

#[doc(hidden)]
pub use bridge::Driver;
pub use bridge::{RemoteConnection, RemoteCursor, RemoteTransactions};
#[cfg(feature = "d1")]
pub use d1::{D1, D1Connection};
#[cfg(feature = "libsql")]
pub use libsql::{Libsql, LibsqlConnection};
#[doc(hidden)]
pub use value::{BoundValue, ResultRows, Statement};

/// The functions that open pools, for [`pool`](crate::pool).
pub(crate) mod pools {
    #[cfg(feature = "d1")]
    pub use super::d1::pool::{d1, d1_with};
    #[cfg(feature = "libsql")]
    pub use super::libsql::pool::{libsql, libsql_with};
}

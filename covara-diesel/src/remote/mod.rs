//! Connections to remote servers over HTTP, on Diesel's own backends.
//!
//! Your `table!` schemas and derives and this library's migrations, seeds, stores, search and pools
//! are the same as on a `SqliteConnection` or `PgConnection`, and so are most of Diesel's queries. Some do not compile and some are errors: each connection lists them, with what to write
//! instead. The connections may be variants of an enum that derives
//! [`MultiConnection`](diesel::MultiConnection).
//!
//! Diesel's own `MigrationHarness` runs each migration in a transaction, so it works on libSQL but
//! not on D1, where it creates its own table and then fails, and not on Neon. [`Boot`](crate::Boot) and
//! [`auto_migrate`](crate::auto_migrate) work on all of them.
//!
//! | feature | connection | backend | server |
//! |---|---|---|---|
//! | `libsql` | `LibsqlConnection` | `Sqlite` | libSQL, Turso |
//! | `d1` | `D1Connection` | `Sqlite` | Cloudflare D1 |
//! | `neon` | `NeonHttpConnection` | `Pg` | Neon |

mod batch;
#[cfg(feature = "_remote-sqlite")]
mod bridge;
mod connector;
#[cfg(feature = "d1")]
mod d1;
#[cfg(feature = "_remote-sqlite")]
mod environment;
mod error;
#[cfg(feature = "_fuzz")]
pub(crate) mod fuzz;
#[cfg(feature = "_remote-sqlite")]
mod grid;
mod http;
#[cfg(feature = "libsql")]
mod libsql;
mod limited;
#[cfg(feature = "neon")]
mod neon;
#[cfg(all(doctest, feature = "libsql"))]
mod not_compiling;
mod observed;
mod pool;
mod range;
mod resolver;
#[cfg(feature = "_remote-sqlite")]
mod sql;
mod url;
#[cfg(feature = "_remote-sqlite")]
mod value;

#[cfg(feature = "_remote-sqlite")]
#[doc(hidden)]
pub use bridge::Driver;
#[cfg(feature = "_remote-sqlite")]
pub use bridge::{RemoteConnection, RemoteCursor, RemoteTransactions};
#[cfg(feature = "d1")]
pub use d1::{D1, D1Connection};
#[cfg(feature = "libsql")]
pub use libsql::{Libsql, LibsqlConnection};
#[cfg(feature = "neon")]
pub use neon::{
    NeonBatchError, NeonBatchOptions, NeonHttpConnection, NeonIsolation, NeonTransactions,
};
#[cfg(feature = "_remote-sqlite")]
#[doc(hidden)]
pub use value::{BoundValue, ResultRows, Statement};

/// The functions that open pools, for [`pool`](crate::pool).
pub(crate) mod pools {
    #[cfg(feature = "d1")]
    pub use super::d1::pool::{d1, d1_with};
    #[cfg(feature = "libsql")]
    pub use super::libsql::pool::{libsql, libsql_with};
    #[cfg(feature = "neon")]
    pub use super::neon::pool::{neon_http, neon_http_with};
}

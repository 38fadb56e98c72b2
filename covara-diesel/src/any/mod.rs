//! Opens any database: the driver is picked from the URL when the program runs.
//!
//! ```
//! use covara_diesel::auth::{NewSession, SessionStore};
//! use covara_diesel::{auto_migrate, open};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let url = std::env::var("APP_DATABASE_URL").unwrap_or(":memory:".to_owned());
//! let pool = open(url)?; // the pool recommended for its driver
//! let mut conn = pool.get()?;
//! auto_migrate(&mut conn)?;
//!
//! let sessions = SessionStore::new();
//! let session = sessions.create(&mut conn, NewSession::new("ada"))?;
//! assert!(sessions.find(&mut conn, &session.id)?.is_some());
//! # Ok(())
//! # }
//! ```
//!
//! | URL | driver |
//! |---|---|
//! | a path, `:memory:`, `sqlite:`, `file:` | `Sqlite` |
//! | `libsql://`, `http://…?driver=libsql` | `Libsql` |
//! | `d1://` | `D1` |
//! | `postgres://`, `postgresql://`, libpq's `key=value` form | `Postgres` |
//! | the same with a host such as `ep-x-pooler.….neon.tech` | `Neon` |
//! | the same with a host `….hyperdrive.local` | `Hyperdrive` |
//! | the same with the parameter `driver=hyperdrive` (`neon`, `pglite`, `postgres`) | that one |
//!
//! The parameter `driver` is removed before libpq sees the URL. Use it for a transaction pooler or
//! PGlite, which no host name reveals. Opening the pool tests for both, but the test may miss a
//! busy pooler.
//!
//! An [`AnyConnection`] is a Diesel connection: it runs your own queries and transactions.

mod backends;
mod connection;
mod database;
mod manager;
mod pool;

pub use connection::{AnyConnection, MultiBackend as AnyBackend};
pub use database::{AnyDatabase, DatabaseConnection};
pub use manager::{AnyManager, AnyPooledConnection};
pub use pool::{AnyPool, open, open_with};

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
//! [`PoolDriver`](crate::pool::PoolDriver) lists the URLs of each driver.
//!
//! An [`AnyConnection`] is a Diesel connection: it runs your own queries and transactions.

mod backends;
#[cfg(feature = "changes")]
mod changes;
mod connection;
mod database;
mod manager;
mod openers;
mod pool;

pub use connection::{AnyConnection, MultiBackend as AnyBackend};
pub use database::{AnyDatabase, DatabaseConnection};
pub use manager::{AnyManager, AnyPooledConnection};
pub use pool::{AnyPool, open, open_with};

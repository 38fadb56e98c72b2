//! Connection pools with recommended settings, on r2d2.
//!
//! The [guide](crate::guide) shows how to use a pool in [async
//! code](crate::guide#spawn_blocking-in-axum-and-actix) and how to log [slow
//! queries](crate::guide#slow-query-logs).

mod config;
pub(crate) mod connection_string;
mod error;
#[cfg(feature = "_fuzz")]
pub(crate) mod fuzz;
#[cfg(feature = "postgres")]
mod libpq;
mod on_connect;
mod prepared;
mod tokens;
mod url;
mod wrapping;

pub use config::{PoolConfig, UnknownDriverError, recommended_pool_config};
pub use error::PoolError;
#[cfg(feature = "postgres")]
pub(crate) use libpq::{host_count, parameter_or_env, without_parameter};
pub(crate) use on_connect::on_connect;
pub(crate) use prepared::{Customizer, PreparePool, PreparedPool};
pub use tokens::Tokens;
pub use url::UnknownUrlError;
#[doc(hidden)]
pub use wrapping::WrappingManager;

pub use crate::drivers::PoolDriver;
#[cfg(feature = "postgres")]
pub use crate::postgres::pool::{postgres, postgres_with};
#[cfg(feature = "_remote-http")]
pub use crate::remote::pools::*;
#[cfg(feature = "sqlite")]
pub use crate::sqlite::pool::{sqlite, sqlite_with};

//! Connection pools with recommended settings, on r2d2.

mod config;
mod error;
#[cfg(feature = "_fuzz")]
pub(crate) mod fuzz;
mod parameters;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod prepared;
mod url;

pub use config::{PoolConfig, PoolDriver, UnknownDriver, recommended_pool_config};
pub use error::PoolError;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use prepared::Prepared;
pub use url::UnknownUrl;
pub(crate) use url::{host_count, parameter, parameter_or_env, without_driver};

pub use crate::pool_constructors::*;

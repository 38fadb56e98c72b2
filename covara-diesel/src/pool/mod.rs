//! Connection pools with recommended settings, on r2d2.

mod config;
mod error;
#[cfg(feature = "_fuzz")]
pub(crate) mod fuzz;
mod parameters;
mod url;

pub use config::{PoolConfig, PoolDriver, UnknownDriver, recommended_pool_config};
pub use error::PoolError;
pub use url::UnknownUrl;
pub(crate) use url::{host_count, parameter, parameter_or_env, without_driver};

pub use crate::pool_constructors::*;

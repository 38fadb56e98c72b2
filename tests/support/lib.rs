//! What the tests and benches of all backends share.

pub mod auth;
pub mod cities;
pub mod memory;
pub mod numbers;
#[cfg(feature = "postgres")]
pub mod pgbouncer;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod search;
pub mod sqlite;
pub mod workers;

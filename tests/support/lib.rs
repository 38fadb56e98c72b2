//! What the tests and benches of all backends share.

pub mod auth;
pub mod boot;
pub mod cities;
pub mod d1;
pub mod fault_proxy;
pub mod http;
pub mod https;
pub mod memory;
pub mod numbers;
#[cfg(feature = "postgres")]
pub mod own_postgres;
#[cfg(feature = "postgres")]
pub mod pgbouncer;
pub mod pglite;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod search;
pub mod server;
pub mod small_disk;
pub mod sqld;
pub mod sqlite;
pub mod workers;

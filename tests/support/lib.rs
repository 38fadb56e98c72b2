//! What the tests and benches of all backends share.

pub mod cities;
pub mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod sqlite;

//! The `table!` modules of the internal tables, per backend.
//!
//! To join them with tables of your own, see [`internal_schema!`](crate::internal_schema); to keep
//! them out of `schema.rs`, see the [guide](crate::guide#diesel-print-schema).

#[cfg(feature = "postgres")]
pub use crate::postgres::schema as postgres;
#[cfg(feature = "sqlite")]
pub use crate::sqlite::schema as sqlite;

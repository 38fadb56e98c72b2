//! The interface between the areas and a database, whichever it is.

pub(crate) mod answer;
pub(crate) mod batch;
pub(crate) mod column;
pub(crate) mod connection;
pub(crate) mod dialect;
pub(crate) mod engine;
pub(crate) mod error;
#[cfg(any(feature = "sqlite", feature = "changes"))]
pub(crate) mod name;
pub(crate) mod row;
pub(crate) mod sealed;
#[cfg(any(feature = "search", feature = "changes"))]
pub(crate) mod sql;
pub(crate) mod stranger;
pub(crate) mod table;
pub(crate) mod transaction;
pub(crate) mod typed;

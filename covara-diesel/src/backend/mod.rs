//! What the areas ask of a database, whichever it is.

pub(crate) mod column;
pub(crate) mod connection;
pub(crate) mod dialect;
pub(crate) mod engine;
pub(crate) mod row;
pub(crate) mod sealed;
pub(crate) mod table;
pub(crate) mod transaction;
pub(crate) mod typed;
pub(crate) mod values;

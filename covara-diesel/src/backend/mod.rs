//! The interface between the areas and a database, whichever it is.

pub(crate) mod answer;
pub(crate) mod batch;
pub(crate) mod column;
pub(crate) mod connection;
pub(crate) mod dialect;
pub(crate) mod engine;
pub(crate) mod error;
pub(crate) mod row;
pub(crate) mod sealed;
pub(crate) mod table;
pub(crate) mod transaction;
pub(crate) mod typed;
pub(crate) mod values;

//! The functions of this module that the fuzz targets call.

use super::follow;
use super::lookup::{element, read};
use super::names::FUNCTION_TITLE;
use crate::postgres::migrate::FUNCTION_VERSION;
use crate::search::Cause;

/// The first lines of a trigger function.
pub const FUNCTION_HEAD: [&str; 2] = [FUNCTION_TITLE, FUNCTION_VERSION];

/// Reads an index's number, name and definition from the XML of its row.
pub fn index_entry(xml: &str) -> Option<(i64, String, String)> {
    let (name, row) = read(&element(xml, "e")?)?;
    Some((row.number, name, row.definition))
}

/// Compares the body of a trigger function with the wanted one.
pub fn follow_cause(body: &str, wanted: &str) -> Cause {
    follow::cause(body, wanted)
}

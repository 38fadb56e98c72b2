//! The functions of this module that the fuzz targets call.

use super::definition::IndexDefinition;
use crate::Dialect;

/// Reads a definition as the catalogue of a database has it. Returns it, its form in the catalogue,
/// and the SQL name of the table that the index follows.
pub fn stored_definition(
    json: &str,
    dialect: Dialect,
) -> Option<(IndexDefinition, String, Option<String>)> {
    let definition = IndexDefinition::from_json(json, dialect)?;
    let table = definition.table.as_ref();
    let table = table.map(|followed| followed.table.clone());
    // The numbers that are made of stored ones.
    let _ = (definition.row_version(), definition.is_outdated());
    let json = definition.to_json();
    Some((definition, json, table))
}

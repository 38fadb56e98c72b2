//! Names of tables, as Diesel quotes them for SQLite: `` `schema`.`table` ``.

use crate::backend::name;

pub(super) fn quoted(schema: Option<&str>, table: &str) -> String {
    let quote = |part: &str| format!("`{}`", part.replace('`', "``"));
    match schema {
        Some(schema) => format!("{}.{}", quote(schema), quote(table)),
        None => quote(table),
    }
}

/// Splits a quoted name into schema and table, without quotes.
pub(super) fn parts(quoted: &str) -> (Option<String>, String) {
    name::parts(quoted, '`')
}

#[cfg(test)]
mod tests;

//! Names of tables as Diesel quotes them for SQLite: `` `schema`.`table` ``.

pub(super) fn quoted(schema: Option<&str>, table: &str) -> String {
    let quote = |part: &str| format!("`{}`", part.replace('`', "``"));
    match schema {
        Some(schema) => format!("{}.{}", quote(schema), quote(table)),
        None => quote(table),
    }
}

/// Schema and table of a quoted name, without quotes.
pub(super) fn parts(quoted: &str) -> (Option<String>, String) {
    let inner = quoted.strip_prefix('`').unwrap_or(quoted);
    let inner = inner.strip_suffix('`').unwrap_or(inner);
    let plain = |part: &str| part.replace("``", "`");
    match inner.split_once("`.`") {
        Some((schema, table)) => (Some(plain(schema)), plain(table)),
        None => (None, plain(inner)),
    }
}

#[cfg(test)]
mod tests;

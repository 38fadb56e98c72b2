//! Names of tables, as Diesel quotes them for SQLite: `` `schema`.`table` ``.

pub(super) fn quoted(schema: Option<&str>, table: &str) -> String {
    let quote = |part: &str| format!("`{}`", part.replace('`', "``"));
    match schema {
        Some(schema) => format!("{}.{}", quote(schema), quote(table)),
        None => quote(table),
    }
}

/// Splits a quoted name into schema and table, without quotes.
pub(super) fn parts(quoted: &str) -> (Option<String>, String) {
    let plain = |part: &str| {
        let part = part.strip_prefix('`').unwrap_or(part);
        part.strip_suffix('`').unwrap_or(part).replace("``", "`")
    };
    // A backtick inside a name is doubled, so the number of backticks before a dot between two
    // names is even.
    let mut inside = false;
    let dot = quoted.find(|c| {
        inside ^= c == '`';
        c == '.' && !inside
    });
    match dot.map(|dot| quoted.split_at(dot)) {
        Some((schema, table)) => (
            Some(plain(schema)),
            plain(table.get(1..).unwrap_or_default()),
        ),
        None => (None, plain(quoted)),
    }
}

#[cfg(test)]
mod tests;

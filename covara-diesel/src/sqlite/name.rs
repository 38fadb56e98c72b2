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
    let plain = |part: &str| {
        let part = part.strip_prefix('`').unwrap_or(part);
        part.strip_suffix('`').unwrap_or(part).replace("``", "`")
    };
    // A backtick of the name itself is doubled, so a dot between two names has an even number of
    // them before it.
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

//! Names of tables, as Diesel quotes them.

/// Splits a name into schema and table, without their quotes, which are `quote`.
pub(crate) fn parts(quoted: &str, quote: char) -> (Option<String>, String) {
    let doubled = format!("{quote}{quote}");
    let plain = |part: &str| {
        let part = part.strip_prefix(quote).unwrap_or(part);
        let part = part.strip_suffix(quote).unwrap_or(part);
        part.replace(&doubled, &quote.to_string())
    };
    // A quote inside a name is doubled, so the number of quotes before a dot between two names is
    // even.
    let mut inside = false;
    let dot = quoted.find(|c| {
        inside ^= c == quote;
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

//! Names and texts as SQL.

/// Quotes a text as a literal, valid for any `standard_conforming_strings`.
pub(super) fn literal(text: &str) -> String {
    let escaped = text.replace('\'', "''").replace('\\', "\\\\");
    if text.contains('\\') {
        format!(" E'{escaped}'")
    } else {
        format!("'{escaped}'")
    }
}

/// Returns the condition that a trigger function `f`, which writes texts that another session reads,
/// has exactly these settings: the `search_path`, `extra_float_digits`, and `others`. The server
/// keeps the names in the path with quotes if `quote_all_identifiers` was on.
pub(super) fn is_configured(others: &[&str]) -> String {
    let is_set = |setting: &str| format!("'{setting}' = ANY (f.proconfig)");
    let mut conditions = vec![
        format!(
            "({} OR {})",
            is_set("search_path=pg_catalog, pg_temp"),
            is_set(r#"search_path="pg_catalog", "pg_temp""#)
        ),
        is_set("extra_float_digits=1"),
    ];
    conditions.extend(others.iter().map(|setting| is_set(setting)));
    let count = conditions.len();
    conditions.push(format!("pg_catalog.cardinality(f.proconfig) = {count}"));
    conditions.join(" AND ")
}

/// Returns an expression for a name in quotes. `quote_ident` and `%I` leave them out unless the
/// setting `quote_all_identifiers` is on, so their texts cannot be compared with stored ones.
pub(super) fn quoted_name(name: &str) -> String {
    format!(
        "pg_catalog.concat('\"', \
             pg_catalog.replace(CAST({name} AS text), '\"', '\"\"'), '\"')"
    )
}

pub(super) fn relation(sql: &str) -> String {
    format!("CAST(pg_catalog.to_regclass({}) AS oid)", literal(sql))
}

/// Returns a query for the oid of a table given as SQL. Without a schema it is the first one in the
/// schemas of the `search_path`, except for temporary tables, which only one session has.
pub(super) fn table_oid(table: &str) -> String {
    let mut is_quoted = false;
    let has_schema = table.chars().any(|c| {
        is_quoted ^= c == '"';
        c == '.' && !is_quoted
    });
    if has_schema {
        return relation(table);
    }
    format!(
        "(SELECT c.oid FROM pg_catalog.unnest(pg_catalog.current_schemas(false))
              WITH ORDINALITY AS s (name, place)
          JOIN pg_catalog.pg_class AS c ON c.oid = CAST(pg_catalog.to_regclass(
              pg_catalog.format('%I.%s', s.name, {})) AS oid)
          WHERE c.relpersistence <> 't' ORDER BY s.place LIMIT 1)",
        literal(table)
    )
}

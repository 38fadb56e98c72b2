//! Names of types.

/// Returns an expression for the name of a type by its oid, with a type modifier or NULL. The
/// server's own types are written without quotes whatever `quote_all_identifiers` is, except for
/// `"char"` (18, and 1002 for its arrays), which is another type than `char`, and `"bit"` (1560 and
/// 1561), which has no length, as `bit` has.
pub(super) fn type_name(oid: &str, modifier: &str) -> String {
    format!(
        "CASE WHEN {oid} < '16384' AND {oid} NOT IN ('18', '1002', '1560', '1561')
             THEN pg_catalog.replace(pg_catalog.format_type({oid}, {modifier}), '\"', '')
             ELSE pg_catalog.format_type({oid}, {modifier}) END"
    )
}

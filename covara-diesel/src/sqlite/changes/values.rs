//! Values of a row as JSON, in the text of a trigger.

use crate::sqlite::name;

/// A column of a logged table.
#[derive(Debug, Clone)]
pub(super) struct LoggedColumn {
    pub(super) name: String,
    /// The declared type in capitals.
    pub(super) declared: String,
}

impl LoggedColumn {
    /// Whether values may be long texts or blobs, by the declared type. A program that keeps those in
    /// a column of numbers or times is not known.
    fn may_be_long(&self) -> bool {
        let short = [
            "INT", "REAL", "FLOA", "DOUB", "NUM", "DEC", "BOOL", "DATE", "TIME",
        ];
        !short.iter().any(|name| self.declared.contains(name))
    }
}

/// Returns an expression for a JSON object of columns of the row `NEW` or `OLD`.
///
/// It is put together from texts. SQLite's functions that make objects take a limited number of
/// arguments, round floating-point numbers, and fail at blobs, which would fail the write.
pub(super) fn object<'c>(row: &str, columns: impl Iterator<Item = &'c LoggedColumn>) -> String {
    let mut parts = Vec::new();
    for column in columns {
        let before = if parts.is_empty() { "{" } else { "," };
        let name = serde_json::Value::from(&*column.name);
        parts.push(literal(&format!("{before}{name}:")));
        parts.push(value(row, column));
    }
    parts.push(literal(if parts.is_empty() { "{}" } else { "}" }));
    concatenation(parts)
}

/// Returns an expression for the sum of the lengths of the values of a row that may be long.
pub(super) fn size<'c>(
    row: &str,
    columns: impl Iterator<Item = &'c LoggedColumn>,
) -> Option<String> {
    let lengths = columns.filter(|column| column.may_be_long()).map(|column| {
        let x = format!("{row}.{}", name::quoted(None, &column.name));
        format!("ifnull(length({x}), 0)")
    });
    let lengths: Vec<String> = lengths.collect();
    (!lengths.is_empty()).then(|| sum(lengths))
}

/// Concatenates texts. D1 limits how deeply expressions are nested, to a hundred levels.
fn concatenation(parts: Vec<String>) -> String {
    joined(parts, "||")
}

fn sum(parts: Vec<String>) -> String {
    joined(parts, "+")
}

fn joined(mut parts: Vec<String>, operator: &str) -> String {
    while parts.len() > 1 {
        let pairs = parts.chunks(2).map(|pair| match pair {
            [one, other] => format!("({one} {operator} {other})"),
            rest => rest.concat(),
        });
        parts = pairs.collect();
    }
    parts.concat()
}

pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Returns an expression for the JSON text of a value, which depends on the value's own type. The
/// declared type tells booleans, times and JSON from numbers and other texts, as it does for
/// Diesel.
fn value(row: &str, column: &LoggedColumn) -> String {
    let x = format!("{row}.{}", name::quoted(None, &column.name));
    let declared = &*column.declared;
    let mut cases = String::new();
    if declared.contains("BOOL") {
        cases += &format!(
            " WHEN typeof({x}) = 'integer' AND {x} IN (0, 1) \
             THEN CASE {x} WHEN 0 THEN 'false' ELSE 'true' END"
        );
    }
    if declared.contains("DATETIME") || declared.contains("TIMESTAMP") {
        cases += &format!(
            " WHEN typeof({x}) = 'text' AND substr({x}, 11, 1) = ' ' \
             THEN json_quote(substr({x}, 1, 10) || 'T' || substr({x}, 12))"
        );
    }
    if declared == "JSON" {
        cases += &format!(" WHEN typeof({x}) = 'text' AND json_valid({x}) THEN {x}");
    }
    format!(
        "CASE{cases} \
         WHEN typeof({x}) = 'integer' THEN {x} \
         WHEN typeof({x}) = 'text' THEN json_quote({x}) \
         WHEN typeof({x}) = 'real' THEN CASE \
             WHEN {x} > 1.7976931348623157e308 THEN '\"Infinity\"' \
             WHEN {x} < -1.7976931348623157e308 THEN '\"-Infinity\"' \
             ELSE quote({x}) END \
         WHEN typeof({x}) = 'blob' THEN '\"\\\\x' || lower(hex({x})) || '\"' \
         ELSE 'null' END"
    )
}

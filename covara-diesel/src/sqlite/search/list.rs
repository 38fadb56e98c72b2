//! Lists of values as one bind: SQLite has no arrays, but reads JSON.

use serde_json::Value;

use crate::backend::sql::Bind;

/// The SQL before and after the bind.
pub(super) const ONE_OF: (&str, &str) = (" IN (SELECT value FROM json_each(", "))");

/// Returns the values as a JSON array.
pub(super) fn json(values: &[Bind<'_>]) -> String {
    let mut text = String::from("[");
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        match value {
            Bind::Text(value) => text.push_str(&Value::from(value.as_deref()).to_string()),
            Bind::Integer(value) => text.push_str(&Value::from(*value).to_string()),
            Bind::Double(value) => text.push_str(&double(*value)),
            Bind::Texts(_) | Bind::Integers(_) | Bind::Doubles(_) => text.push_str("null"),
        }
    }
    text.push(']');
    text
}

/// Formats a number so that SQLite reads exactly this number. SQLite parses about 19 digits
/// exactly, but not always the last bit. The text therefore has 18 digits, which are much closer to
/// this number than to its neighbours, instead of the shortest distinguishable form.
fn double(value: Option<f64>) -> String {
    match value {
        None => "null".to_owned(),
        Some(number) if number.is_infinite() && number > 0.0 => "9e999".to_owned(),
        Some(number) if number.is_infinite() => "-9e999".to_owned(),
        Some(number) => format!("{number:.17e}"),
    }
}

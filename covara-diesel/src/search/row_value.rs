//! The values of rows in the form that a row has as a struct.

use chrono::{DateTime, NaiveDateTime, SecondsFormat};
use serde_json::Value;

use super::definition::{FieldKind, IndexDefinition};
use super::document::DATE_TIMES;

/// Writes a row that the database made JSON of as serde writes a struct of the same values: the
/// databases write some values in ways of their own, SQLite `true` as 1, PostgreSQL 1.0 as 1.
pub(super) fn as_serialized(definition: &IndexDefinition, row: &mut Value) {
    for (name, field) in definition.fields() {
        if let Some(value) = row.get_mut(name) {
            value_as_serialized(field.kind(), value);
        }
    }
}

fn value_as_serialized(kind: FieldKind, value: &mut Value) {
    let written = match (kind, &*value) {
        (FieldKind::Boolean, Value::Number(number)) => match number.as_i64() {
            Some(0) => Some(false.into()),
            Some(1) => Some(true.into()),
            _ => None,
        },
        (FieldKind::Float, Value::Number(number)) => number.as_f64().map(Value::from),
        // JSON has no such numbers, and PostgreSQL writes them as texts.
        (FieldKind::Float, Value::String(text)) => {
            let number = text.parse::<f64>();
            let none = number.is_ok_and(|number| !number.is_finite());
            none.then_some(Value::Null)
        }
        (FieldKind::Date, Value::String(text)) => time(text).map(Value::from),
        // SQLite has no arrays.
        (FieldKind::Keywords, Value::String(text)) => list(text),
        _ => None,
    };
    if let Some(written) = written {
        *value = written;
    }
}

/// Returns the list that a text is as JSON, if it is one.
fn list(text: &str) -> Option<Value> {
    let value = serde_json::from_str::<Value>(text).ok();
    value.filter(Value::is_array)
}

/// Returns a date and time as chrono serializes it. A date alone is written the same everywhere.
fn time(text: &str) -> Option<String> {
    let with_zone = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z"));
    if let Ok(time) = with_zone {
        let time = time.to_utc();
        return Some(time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    }
    let mut formats = DATE_TIMES.iter();
    let time = formats.find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())?;
    Some(format!("{time:?}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_have_the_form_of_a_struct() {
        let written = |kind, value: Value| {
            let mut value = value;
            value_as_serialized(kind, &mut value);
            value
        };
        assert_eq!(written(FieldKind::Boolean, json!(1)), json!(true));
        assert_eq!(written(FieldKind::Boolean, json!(2)), json!(2));
        assert_eq!(written(FieldKind::Float, json!(3)), json!(3.0));
        assert_eq!(written(FieldKind::Float, json!("NaN")), Value::Null);
        assert_eq!(written(FieldKind::Integer, json!(3)), json!(3));
        assert_eq!(written(FieldKind::Keyword, json!("1 2")), json!("1 2"));
        let list = r#"["a", "b"]"#;
        assert_eq!(written(FieldKind::Keywords, json!(list)), json!(["a", "b"]));
        assert_eq!(written(FieldKind::Keyword, json!(list)), json!(list));
        for text in ["a", "[a]", "{\"a\": 1}", "1"] {
            assert_eq!(written(FieldKind::Keywords, json!(text)), json!(text));
        }
        for (text, expected) in [
            ("2024-05-01", "2024-05-01"),
            ("2024-05-01 12:30:00", "2024-05-01T12:30:00"),
            ("2024-05-01T12:30:00.5", "2024-05-01T12:30:00.500"),
            ("2024-05-01 12:30:00.123456", "2024-05-01T12:30:00.123456"),
            ("2024-05-01 12:30:00.5+00:00", "2024-05-01T12:30:00.500Z"),
            ("2024-05-01T12:30:00+02:00", "2024-05-01T10:30:00Z"),
            ("infinity", "infinity"),
        ] {
            assert_eq!(written(FieldKind::Date, json!(text)), json!(expected));
        }
    }
}

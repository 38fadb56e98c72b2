//! Definitions of indexes, which others may have written, and documents of any JSON.

use covara_diesel::__fuzz as library;
use covara_diesel::Dialect;
use covara_diesel::search::{Filter, Language, SearchAdapter, SearchQuery, SqliteFts};
use serde_json::{Value, json};

use crate::choice;
use crate::search::{known, undone};

pub(crate) fn definitions(data: &[u8]) {
    let (way, data) = choice(data);
    let text = String::from_utf8_lossy(data);
    let (dialect, quote) = match way % 2 {
        0 => (Dialect::Sqlite, '`'),
        _ => (Dialect::Postgres, '"'),
    };
    row(&text, i64::from(way));
    let Some((definition, stored, table)) = library::stored_definition(&text, dialect) else {
        return;
    };
    for (name, _) in definition.fields() {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        assert!(!name.is_empty() && name.chars().all(plain), "{name:?}");
    }
    if let Some(table) = table {
        assert!(is_name(&table, quote), "{table}");
    }
    let again = library::stored_definition(&stored, dialect);
    let (again, restored, _) = again.expect("what was written");
    assert_eq!((&again, &restored), (&definition, &stored));
}

/// Returns whether SQL is the quoted name of a table, perhaps with a schema, and nothing else.
fn is_name(sql: &str, quote: char) -> bool {
    let mut inside = false;
    let outside: String = sql
        .chars()
        .filter(|c| {
            inside ^= *c == quote;
            !inside && *c != quote
        })
        .collect();
    let bare = sql.replace(&format!("{quote}{quote}"), "");
    !inside
        && (outside.is_empty() || outside == ".")
        && sql.starts_with(quote)
        && bare.matches(quote).count() == 2 * (outside.len() + 1)
}

/// A row of PostgreSQL's catalogue is read from XML as it was written.
fn row(text: &str, number: i64) {
    let _ = library::index_entry(text);
    let row = json!([number, text, text, 1, null]).to_string();
    let xml = row
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let xml = format!("<row>\n  <n>{number}</n>\n  <r>1</r>\n  <e>{xml}</e>\n</row>\n");
    let expected = (number, text.to_owned(), text.to_owned());
    assert_eq!(library::index_entry(&xml), Some(expected));
}

/// A document of any JSON is returned as it was, and found by its values.
pub(crate) fn documents(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    undone(|conn| {
        let index = Language::English.name();
        if let Err(error) = SqliteFts.index_json(conn, index, "1", &text) {
            return known(&error);
        }
        let stored = SqliteFts.find(conn, index, "1");
        let stored: Value = stored.expect("a search").expect("the document");
        if let Ok(document) = serde_json::from_str::<Value>(&text) {
            assert_eq!(stored, document);
        }
        let mut stored = stored;
        stored["exact"] = json!("fuzzed");
        let written = SqliteFts.index(conn, index, "1", &stored);
        written.expect("the same with another field");
        for field in ["tag", "number", "float", "day"] {
            let value = match stored.get(field) {
                Some(Value::String(text)) => Filter::is(field, text.as_str()),
                Some(Value::Number(number)) if field == "float" => {
                    Filter::is(field, number.as_f64().expect("it was taken"))
                }
                Some(Value::Number(number)) if field == "number" => {
                    Filter::is(field, number.as_i64().expect("it was taken"))
                }
                _ => continue,
            };
            let query = SearchQuery::new("fuzzed").filter(value).size(100);
            let found = SqliteFts.search(conn, index, &query).expect("a search");
            assert!(
                found.hits.iter().any(|hit| hit.id == "1"),
                "{field} of {stored}"
            );
        }
        let again = SqliteFts.find(conn, index, "1").expect("a search");
        assert_eq!(again, Some(stored));
    });
}

use serde_json::{Value, json};

use super::*;

fn with(name: &str, value: Value) -> String {
    let field = json!({
        "name": "a", "kind": "text", "language": "english",
        "accents": false, "weight": 1.5, "searched": true,
    });
    let mut stored = json!({
        "version": 2, "fields": [field],
        "table": {"table": "`s`.`a``b.c`", "key": "id", "columns": ["a"]}, "words": 2,
    });
    *stored.pointer_mut(name).unwrap() = value;
    stored.to_string()
}

#[test]
fn a_definition_is_read_as_it_was_written() {
    let text = with("/words", 2.into());
    let definition = IndexDefinition::from_json(&text, Dialect::Sqlite).unwrap();
    assert_eq!(definition.to_json(), text);
    let table = "\"a.\"\"b\"";
    let text = with("/table/table", table.into());
    let definition = IndexDefinition::from_json(&text, Dialect::Postgres).unwrap();
    assert_eq!(definition.to_json(), text);
}

#[test]
fn a_definition_that_was_not_written_by_this_library_is_refused() {
    let refuses = |name: &str, value: Value| {
        let text = with(name, value);
        IndexDefinition::from_json(&text, Dialect::Sqlite).is_none()
    };
    for version in [0, -1, i64::MAX] {
        assert!(refuses("/version", version.into()), "{version}");
    }
    for name in ["", "a'", "a', (SELECT b FROM c)) --", "ä", "a b"] {
        assert!(refuses("/fields/0/name", name.into()), "{name}");
    }
    assert!(refuses("/fields/0/weight", (-1).into()));
    for table in [
        "",
        "a",
        "`a",
        "`a`b",
        "`a`.",
        "`a`.b",
        "`a`.`b`.`c`",
        "`a` AS t WHERE 1 --",
        "\"a\"",
    ] {
        assert!(refuses("/table/table", table.into()), "{table}");
    }
}

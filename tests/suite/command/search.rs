//! `covara search`.

use covara_diesel::search::{Field, IndexDefinition, SearchAdapter};
use serde_json::json;

use super::{contains_all, covara, succeeds};
use crate::backend::{Fts, TestDb};

#[test]
fn an_index_is_searched_by_the_command() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let packages = IndexDefinition::new()
        .field("name", Field::keyword().weight(3.0))
        .field("about", Field::text());
    Fts.create_index(&mut conn, "packages", &packages).unwrap();
    let all = [
        ("1", json!({"name": "vim-doc", "about": "Manuals of vim"})),
        ("2", json!({"name": "vim", "about": "A text editor"})),
    ];
    Fts.index_many(&mut conn, "packages", all).unwrap();
    drop(conn);
    let url = db.url();
    let search = |more: &[&'static str]| [&["search", "--database-url", &url][..], more].concat();

    let found = succeeds(&search(&["packages", "Vim"])).out;
    let lines: Vec<&str> = found.lines().collect();
    assert_eq!(lines.len(), 3, "{found}");
    assert!(lines[0].starts_with("1. 2 (2000000."), "{found}");
    contains_all(lines[0], &["\"name\":\"vim\""]);
    assert!(lines[1].starts_with("2. 1 (1000000."), "{found}");
    contains_all(lines[2], &["2 found in ", " ms"]);

    let json = |more: &[&'static str]| succeeds(&search(&[more, &["--json"]].concat())).json();
    let found = json(&["packages", "vim", "--size", "1"]);
    assert_eq!(found["total"], 2);
    assert_eq!(found["hits"].as_array().unwrap().len(), 1);
    assert_eq!(found["hits"][0]["source"]["about"], "A text editor");
    assert_eq!(json(&["packages", "-manuals vi*", "--syntax"])["total"], 1);
    assert_eq!(json(&["packages", "editor", "--field", "name"])["total"], 0);

    for (arguments, sentence) in [
        (["none", "vim", "--size=1"], "no index"),
        (["packages", "vim", "--field=colour"], "colour"),
    ] {
        let ran = covara(&search(&arguments));
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", ran.all());
        contains_all(&ran.err, &[sentence]);
    }
}

//! Words that are joined or split.

use covara_diesel::search::{Field, IndexDefinition, Language, SearchAdapter, SearchQuery};
use serde_json::json;

use super::{found, found_by_syntax, ids, index_of};
use crate::backend::{Conn, Fts, TestDb};

fn notes(field: Field) -> (TestDb, Conn) {
    let (db, mut conn) = index_of(&IndexDefinition::new().field("text", field));
    let all = [
        ("a", "Wi-Fi for node.js"),
        ("b", "wifi for nodejs"),
        ("c", "wi fi node js"),
        ("d", "calls getUserName of HTTPServer"),
        ("e", "calls get_user_name of http_server"),
        ("f", "(030) 123-45 67"),
        ("g", "0301234567"),
    ];
    let documents = all.map(|(id, text)| (id, json!({ "text": text })));
    Fts.index_many(&mut conn, "docs", documents).unwrap();
    (db, conn)
}

#[test]
fn words_are_found_however_they_are_joined() {
    for field in [
        Field::text().joined(),
        Field::text().joined().language(Language::English),
        Field::keyword().joined().keep_accents(),
    ] {
        let (_db, mut conn) = notes(field);
        let conn = &mut conn;
        for (words, expected) in [
            ("wifi", vec!["a", "b"]),
            ("wi-fi", vec!["a", "b", "c"]),
            ("WI_FI", vec!["a", "b", "c"]),
            ("nodejs wifi", vec!["a", "b"]),
            ("node/js", vec!["a", "b", "c"]),
            ("getUserName", vec!["d", "e"]),
            ("get_user_name", vec!["d", "e"]),
            ("getusername", vec!["d", "e"]),
            ("get-user-name", vec!["d", "e"]),
            ("user name", vec!["d", "e"]),
            ("httpserver", vec!["d", "e"]),
            ("server", vec!["d", "e"]),
            ("0301234567", vec!["f", "g"]),
            ("030-1234567", vec!["f", "g"]),
            ("1234567", vec![]),
            ("fi-wi", vec![]),
        ] {
            assert_eq!(found(conn, words), expected, "{words}");
        }
        for (words, expected) in [
            ("wif*", vec!["a", "b"]),
            ("wi-f*", vec!["a", "b", "c"]),
            ("calls -getusername", vec![]),
            ("\"wi-fi\" -nodejs", vec!["c"]),
            ("\"user name\"", vec!["e"]),
        ] {
            assert_eq!(found_by_syntax(conn, words), expected, "{words}");
        }
        for typed in ["getus", "get_us", "nodej", "03012"] {
            let query = SearchQuery::new(typed).as_you_type();
            assert_eq!(ids(conn, &query).len(), 2, "{typed}");
        }
        let document = json!({"text": "sold"});
        Fts.index(conn, "docs", "a", &document).unwrap();
        assert_eq!(found(conn, "wifi"), ["b"]);
    }
}

/// PostgreSQL would look for all of the pieces at once, and run out of stack.
#[test]
fn a_word_of_more_pieces_than_names_have_is_not_split() {
    let (_db, mut conn) = notes(Field::text().joined());
    let conn = &mut conn;
    for times in [40, 30_000] {
        let word = "aB".repeat(times);
        assert_eq!(found(conn, &word), [""; 0]);
        Fts.index(conn, "docs", "h", &json!({ "text": word }))
            .unwrap();
        assert_eq!(found(conn, &word), ["h"]);
    }
}

#[test]
fn without_the_option_they_are_found_as_they_are_joined() {
    let (_db, mut conn) = notes(Field::text());
    let conn = &mut conn;
    assert_eq!(found(conn, "wifi"), ["b"]);
    assert_eq!(found(conn, "wi-fi"), ["a", "c"]);
    assert_eq!(found(conn, "user name"), ["e"]);
    assert_eq!(found(conn, "0301234567"), ["g"]);
}

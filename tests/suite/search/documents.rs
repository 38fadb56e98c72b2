//! Documents come, change and go.

use covara_diesel::search::{Field, IndexDefinition, SearchAdapter, SearchError, SearchQuery};
use serde::Serialize;
use serde_json::json;

use super::{articles, found, index_of, library, search};
use crate::backend::{Fts, TestDb};

#[test]
fn what_was_indexed_is_found_until_it_is_replaced_or_deleted() {
    let (_db, mut conn) = library();
    let conn = &mut conn;
    assert_eq!(found(conn, "mill"), ["2"]);
    Fts.index(conn, "docs", "2", &json!({"title": "The new bakery"}))
        .unwrap();
    assert_eq!(
        found(conn, "mill"),
        [""; 0],
        "nothing of the old one is left"
    );
    assert_eq!(found(conn, "bakery"), ["2"]);
    assert_eq!(found(conn, "database"), ["1"]);
    assert!(Fts.delete(conn, "docs", "2").unwrap());
    assert_eq!(found(conn, "bakery"), [""; 0]);
    assert!(
        !Fts.delete(conn, "docs", "2").unwrap(),
        "it is gone already"
    );
    assert_eq!(Fts.find(conn, "docs", "2").unwrap(), None);
    Fts.index(conn, "docs", "2", &json!({"title": "The mill again"}))
        .unwrap();
    assert_eq!(found(conn, "mill"), ["2"]);
}

#[test]
fn unknown_indexes_and_ids_are_empty_and_no_error() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    // Before there is any index, and after.
    for _ in 0..2 {
        for index in ["nothing", "Docs", "no index; --", "\0"] {
            let result = Fts.search(conn, index, &SearchQuery::new("york")).unwrap();
            assert_eq!((result.hits.len(), result.total), (0, 0));
            assert!(!Fts.index_exists(conn, index).unwrap());
            assert!(!Fts.delete(conn, index, "1").unwrap());
            assert!(!Fts.delete_index(conn, index).unwrap());
            assert_eq!(Fts.find(conn, index, "1").unwrap(), None);
            let error = Fts.index(conn, index, "1", &json!({})).unwrap_err();
            assert!(
                matches!(error, SearchError::UnknownIndex { .. }),
                "{error:?}"
            );
        }
        Fts.create_index(conn, "docs", &articles()).unwrap();
        for id in ["", "1", "\0", &"x".repeat(5_000)] {
            assert!(!Fts.delete(conn, "docs", id).unwrap());
            assert_eq!(Fts.find(conn, "docs", id).unwrap(), None);
        }
    }
}

#[test]
fn another_connection_searches_at_once() {
    let (db, mut conn) = library();
    drop(conn);
    conn = db.connect();
    assert_eq!(found(&mut conn, "york"), ["3", "4"]);
}

#[test]
fn sources_come_back_as_they_were_given() {
    #[derive(Serialize)]
    struct Book<'a> {
        title: &'a str,
        more: (i64, f64, Option<bool>),
        zebra: u64,
        aardvark: &'a str,
    }
    let (_db, mut conn) = index_of(&articles());
    let book = Book {
        title: "Quotes \" and \\ and \u{1f355}",
        more: (-9_007_199_254_740_993, 0.1, None),
        zebra: u64::MAX,
        aardvark: "",
    };
    Fts.index(&mut conn, "docs", "b", &book).unwrap();
    let hit = search(&mut conn, &SearchQuery::new("quotes"))
        .hits
        .remove(0);
    assert_eq!(hit.source, serde_json::to_value(&book).unwrap());
    let keys: Vec<&String> = hit.source.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        ["title", "more", "zebra", "aardvark"],
        "also in their order"
    );
    assert_eq!(Fts.find(&mut conn, "docs", "b").unwrap(), Some(hit.source));
}

#[test]
fn the_last_of_several_documents_with_one_id_stays() {
    let (_db, mut conn) = index_of(&articles());
    let conn = &mut conn;
    // In one statement and in several.
    let documents = (0..3_000).map(|n| (format!("id{}", n % 7), json!({"body": format!("w{n}")})));
    assert_eq!(Fts.index_many(conn, "docs", documents).unwrap(), 3_000);
    assert_eq!(found(conn, "w2999"), ["id3"]);
    assert_eq!(found(conn, "w2992"), [""; 0]);
    assert_eq!(found(conn, "w2993"), ["id4"]);
    assert_eq!(crate::suite::count(conn, "__covara_search_1"), 7);
    let nothing: [(&str, ()); 0] = [];
    assert_eq!(Fts.index_many(conn, "docs", nothing).unwrap(), 0);
}

#[test]
fn documents_that_cannot_be_indexed_are_errors_with_the_reason() {
    let (_db, mut conn) = index_of(
        &articles()
            .field("when", Field::date())
            .field("price", Field::float())
            .field("open", Field::boolean()),
    );
    let conn = &mut conn;
    for (document, reason) in [
        (json!([]), "it is not a JSON object"),
        (json!("text"), "it is not a JSON object"),
        (json!({"title": {"en": "x"}}), "its title is no text"),
        (json!({"title": [["x"]]}), "its title is no text"),
        (json!({"author": ["a", "b"]}), "its author is no keyword"),
        (json!({"year": 1.5}), "its year is no integer"),
        (json!({"year": "1999"}), "its year is no integer"),
        (json!({"year": u64::MAX}), "its year is no integer"),
        (json!({"price": "1"}), "its price is no float"),
        (json!({"open": 2}), "its open is no boolean"),
        (json!({"when": "yesterday"}), "its when is no date"),
        (json!({"when": 5}), "its when is no date"),
    ] {
        let error = Fts.index(conn, "docs", "1", &document).unwrap_err();
        let expected = format!("the document \"1\" cannot be indexed: {reason}");
        assert_eq!(error.to_string(), expected);
    }
    let mut objects = json!({});
    let mut lists = json!([]);
    for _ in 0..200 {
        objects = json!({"a": objects});
        lists = json!([lists]);
    }
    for deep in [objects, json!({"a": lists})] {
        let error = Fts.index(conn, "docs", "1", &deep).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("it is nested more than 127 deep")
        );
    }
    let odd = std::collections::HashMap::from([((1, 2), 3)]);
    let error = Fts.index(conn, "docs", "1", &odd).unwrap_err();
    assert!(
        error.to_string().contains("it cannot be written as JSON"),
        "{error}"
    );
    for id in ["", "\0", "a\0b", &"x".repeat(1_001)] {
        let error = Fts.index(conn, "docs", id, &json!({})).unwrap_err();
        assert!(matches!(error, SearchError::Id { .. }), "{error:?}");
    }
    Fts.index(conn, "docs", &"é".repeat(500), &json!({}))
        .unwrap();
    assert_eq!(crate::suite::count(conn, "__covara_search_1"), 1);
}

#[test]
fn fields_that_are_missing_null_or_unknown_are_no_error() {
    let (_db, mut conn) = index_of(&IndexDefinition::new().field("a", Field::text()));
    let conn = &mut conn;
    Fts.index(conn, "docs", "1", &json!({})).unwrap();
    Fts.index(conn, "docs", "2", &json!({"a": null})).unwrap();
    Fts.index(conn, "docs", "3", &json!({"b": "text", "a": "word"}))
        .unwrap();
    Fts.index(conn, "docs", "4", &json!({"a": ""})).unwrap();
    assert_eq!(found(conn, "word"), ["3"]);
    assert_eq!(found(conn, "text"), [""; 0], "no field of the index");
    assert_eq!(Fts.find(conn, "docs", "1").unwrap(), Some(json!({})));
}

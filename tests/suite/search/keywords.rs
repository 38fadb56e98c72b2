//! Keywords of which a document has several.

use covara_diesel::search::{
    self, Facet, Field, Filter, FilterValue, IndexDefinition, SearchAdapter, SearchError,
    SearchQuery, Searchable, Sort,
};
use diesel::connection::SimpleConnection;
use serde::Serialize;
use serde_json::{Value, json};

use super::{found, ids, index_of, search};
use crate::backend::{Conn, Fts, TestDb};

const ODD: &str = "it's \"a\\\u{1f355}\0tag";

fn tagged() -> (TestDb, Conn) {
    let (db, mut conn) = index_of(
        &IndexDefinition::new()
            .field("text", Field::text())
            .field("tags", Field::keywords()),
    );
    let document = |tags: Value| json!({"text": "post", "tags": tags});
    let all = [
        ("a", document(json!(["red", "light blue", "red"]))),
        ("b", document(json!(["blue", "Red", 5, true, null]))),
        ("c", document(json!("red"))),
        ("d", document(json!([]))),
        ("e", document(Value::Null)),
        ("f", json!({"text": "post"})),
        ("g", document(json!([ODD, ""]))),
    ];
    Fts.index_many(&mut conn, "docs", all).unwrap();
    (db, conn)
}

fn by(filter: Filter) -> SearchQuery {
    SearchQuery::new("post").filter(filter)
}

/// The values of the keywords `tags` with their counts.
fn counted(conn: &mut Conn, query: SearchQuery) -> Vec<(String, usize)> {
    let query = query.facet(Facet::values("tags").most(100));
    let counts = search(conn, &query).facets.remove(0).into_iter();
    counts
        .map(|count| match count.value {
            Some(FilterValue::Text(text)) => (text, count.count),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn a_document_satisfies_a_filter_by_one_of_its_keywords() {
    let (_db, mut conn) = tagged();
    let conn = &mut conn;
    let cases: Vec<(Filter, &[&str])> = vec![
        (Filter::is("tags", "red"), &["a", "c"]),
        (Filter::is("tags", "Red"), &["b"]),
        (Filter::is("tags", "light"), &[]),
        (Filter::is("tags", "5"), &["b"]),
        (Filter::is("tags", "true"), &["b"]),
        (Filter::is("tags", ODD), &["g"]),
        (Filter::is("tags", ""), &["g"]),
        (Filter::is("tags", "null"), &[]),
        (Filter::one_of("tags", ["blue", "light blue"]), &["a", "b"]),
        (Filter::one_of("tags", [""; 0]), &[]),
        (Filter::range("tags", "c".."m"), &["a", "g"]),
        (Filter::range("tags", "red"..), &["a", "b", "c"]),
        (Filter::range("tags", ..""), &[]),
        (Filter::present("tags"), &["a", "b", "c", "g"]),
        (Filter::range::<&str>("tags", ..), &["a", "b", "c", "g"]),
        (
            Filter::all([Filter::is("tags", "blue"), Filter::is("tags", "Red")]),
            &["b"],
        ),
    ];
    let all = ["a", "b", "c", "d", "e", "f", "g"];
    for (filter, expected) in cases {
        assert_eq!(ids(conn, &by(filter.clone())), expected, "{filter:?}");
        let others: Vec<&str> = all
            .into_iter()
            .filter(|id| !expected.contains(id))
            .collect();
        let not = by(Filter::not(filter.clone()));
        assert_eq!(ids(conn, &not), others, "not {filter:?}");
    }
    let many = (0..40_000).map(|n| n.to_string());
    assert_eq!(ids(conn, &by(Filter::one_of("tags", many))), ["b"]);
}

#[test]
fn keywords_are_searched_and_counted() {
    let (_db, mut conn) = tagged();
    let conn = &mut conn;
    assert_eq!(found(conn, "red"), ["a", "b", "c"]);
    assert_eq!(found(conn, "light-blue"), ["a"]);
    // Words of two keywords are not adjacent.
    assert_eq!(found(conn, "blue-red"), [""; 0]);

    let stored = "it's \"a\\\u{1f355}\u{fffd}tag";
    let expected = [
        ("red", 2),
        ("", 1),
        ("5", 1),
        ("Red", 1),
        ("blue", 1),
        (stored, 1),
        ("light blue", 1),
        ("true", 1),
    ];
    let expected = expected.map(|(text, count)| (text.to_owned(), count));
    assert_eq!(counted(conn, SearchQuery::new("post")), expected);
    let filtered = by(Filter::is("tags", "blue"));
    let counts = counted(conn, filtered).into_iter();
    let names: Vec<String> = counts.map(|(text, _)| text).collect();
    assert_eq!(names, ["5", "Red", "blue", "true"]);
    let query = SearchQuery::new("post").facet(Facet::ranges("tags", ["a".."s", "x".."z"]));
    let counts: Vec<usize> = search(conn, &query).facets[0]
        .iter()
        .map(|count| count.count)
        .collect();
    assert_eq!(counts, [4, 0]);
    let source = &search(conn, &by(Filter::is("tags", "Red"))).hits[0].source;
    assert_eq!(source["tags"], json!(["blue", "Red", 5, true, null]));
}

#[test]
fn keywords_change_with_their_document() {
    let (_db, mut conn) = tagged();
    let conn = &mut conn;
    Fts.index(conn, "docs", "a", &json!({"text": "post", "tags": ["new"]}))
        .unwrap();
    Fts.delete(conn, "docs", "c").unwrap();
    assert_eq!(ids(conn, &by(Filter::is("tags", "red"))), [""; 0]);
    assert_eq!(ids(conn, &by(Filter::is("tags", "new"))), ["a"]);

    // A field that is added has what the documents had before.
    let authors = IndexDefinition::new().field("authors", Field::keywords().unsearched());
    let document = json!({"text": "post", "authors": ["ada", "grace"]});
    Fts.index(conn, "docs", "h", &document).unwrap();
    Fts.add_fields(conn, "docs", &authors).unwrap();
    assert_eq!(search::reindex(conn, "docs").unwrap().faulty, 0);
    assert_eq!(ids(conn, &by(Filter::is("authors", "grace"))), ["h"]);
    assert_eq!(ids(conn, &by(Filter::is("tags", "new"))), ["a"]);
    assert_eq!(found(conn, "ada"), [""; 0]);
}

#[test]
fn what_is_no_list_of_texts_is_refused_and_nothing_is_sorted_by_lists() {
    let (_db, mut conn) = tagged();
    let conn = &mut conn;
    for tags in [json!({"a": 1}), json!([["a"]]), json!(["a", {"b": 1}])] {
        let document = json!({"text": "post", "tags": tags});
        let error = Fts.index(conn, "docs", "x", &document).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the document \"x\" cannot be indexed: its tags is no keywords"
        );
    }
    for sort in [Sort::ascending("tags"), Sort::descending("tags")] {
        let query = SearchQuery::new("post").sort(sort);
        let error = Fts.search(conn, "docs", &query).unwrap_err();
        let is_told = matches!(
            error,
            SearchError::FieldUse {
                verb: "sorted by",
                ..
            }
        );
        assert!(is_told, "{error}");
    }
    let other = by(Filter::is("tags", 5));
    let error = Fts.search(conn, "docs", &other).unwrap_err();
    assert!(matches!(error, SearchError::FilterValue { .. }), "{error}");
}

diesel::table! {
    notes (id) {
        id -> BigInt,
        text -> Text,
        tags -> Nullable<Text>,
    }
}

#[derive(Serialize, Searchable)]
#[diesel(table_name = notes)]
struct Note {
    #[searchable(id)]
    id: i64,
    #[searchable(text)]
    text: String,
    #[searchable(keywords, unsearched)]
    tags: Option<Vec<String>>,
}

#[test]
fn a_followed_column_has_the_text_of_a_list() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    conn.batch_execute(
        "CREATE TABLE notes (id BIGINT PRIMARY KEY NOT NULL, text TEXT NOT NULL, tags TEXT)",
    )
    .unwrap();
    Fts.follow::<_, Note>(conn).unwrap();
    conn.batch_execute(
        "INSERT INTO notes VALUES (1, 'note', '[\"red\", \"blue\"]'), (2, 'note', 'red'),
             (3, 'note', NULL), (4, 'note', '[[1]]')",
    )
    .unwrap();
    let of = |conn: &mut Conn, tag: &str| {
        let query = SearchQuery::new("note").filter(Filter::is("tags", tag));
        let hits = Fts.search(conn, "notes", &query).unwrap().hits;
        hits.into_iter().map(|hit| hit.id).collect::<Vec<_>>()
    };
    assert_eq!(of(conn, "red"), ["1", "2"]);
    assert_eq!(of(conn, "blue"), ["1"]);
    let all = Fts
        .search(conn, "notes", &SearchQuery::new("note"))
        .unwrap();
    assert_eq!(all.total, 4, "a value that does not fit is left out");

    let note = Note {
        id: 1,
        text: "note".to_owned(),
        tags: Some(vec!["red".to_owned(), "blue".to_owned()]),
    };
    let followed = Fts.find(conn, "notes", "1").unwrap();
    assert_eq!(followed, Some(note.document().unwrap()));
    conn.batch_execute("UPDATE notes SET tags = '[\"green\"]' WHERE id = 1")
        .unwrap();
    assert_eq!(of(conn, "blue"), [""; 0]);
    assert_eq!(of(conn, "green"), ["1"]);
}

//! Restriction to fields, weights and filters.

use chrono::{TimeZone, Utc};
use covara_diesel::search::{
    Field, Filter, IndexDefinition, Language, SearchAdapter, SearchError, SearchQuery, Sort,
};
use serde_json::json;

use super::{ids, index_of, library, numbered, search};
use crate::backend::{Conn, Fts};

#[test]
fn a_query_looks_in_its_fields_only_also_with_several_words() {
    let (_db, mut conn) = library();
    let conn = &mut conn;
    let in_fields = |words: &str, fields: &[&str]| SearchQuery::new(words).fields(fields.to_vec());
    assert_eq!(ids(conn, &in_fields("database", &["title"])), ["1"]);
    assert_eq!(ids(conn, &in_fields("database", &["body"])), ["2"]);
    assert_eq!(
        ids(conn, &in_fields("database", &["title", "body"])),
        ["1", "2"]
    );
    assert_eq!(ids(conn, &in_fields("run database", &["title"])), ["1"]);
    assert_eq!(ids(conn, &in_fields("ada database", &["title"])), [""; 0]);
    assert_eq!(
        ids(conn, &in_fields("ada database", &["author", "title"])),
        ["1"]
    );
    assert_eq!(ids(conn, &in_fields("york cities", &["title"])), [""; 0]);
    assert_eq!(
        ids(conn, &in_fields("\"new york\"", &["title"]).syntax()),
        ["3"]
    );
    assert_eq!(
        ids(conn, &in_fields("york -england", &["title"]).syntax()),
        ["3", "4"],
        "not excluded where it is not looked"
    );
    assert_eq!(
        ids(conn, &in_fields("palmer", &["author", "author"])),
        ["3"]
    );
}

#[test]
fn fields_that_are_not_there_or_not_searched_are_errors() {
    let (_db, mut conn) = library();
    let conn = &mut conn;
    let mut error = |query: SearchQuery| Fts.search(conn, "docs", &query).unwrap_err().to_string();
    let words = || SearchQuery::new("york");
    assert_eq!(
        error(words().fields(["nothing"])),
        "the index docs has no field nothing"
    );
    assert_eq!(
        error(words().fields(["year"])),
        "the field year of docs is integer and cannot be searched"
    );
    assert_eq!(
        error(words().sort(Sort::ascending("title"))),
        "the field title of docs is text and cannot be sorted by"
    );
    assert_eq!(
        error(words().filter(Filter::present("body"))),
        "the field body of docs is text and cannot be filtered"
    );
    assert_eq!(
        error(words().filter(Filter::is("year", "1"))),
        "the field year is integer and cannot be compared with Text(\"1\")"
    );
    assert_eq!(
        error(words().field_weight("nothing", 1.0)),
        "the index docs has no field nothing"
    );
    assert_eq!(
        error(words().field_weight("title", -1.0)),
        "the weight of title must be a number of at least 0"
    );
    let error = Fts.search(conn, "docs", &words().cursor("x")).unwrap_err();
    assert!(matches!(error, SearchError::Cursor));
}

fn ranked(conn: &mut Conn, query: &SearchQuery) -> Vec<String> {
    let found = search(conn, query);
    assert!(
        found.hits.is_sorted_by(|a, b| a.score >= b.score),
        "{found:?}"
    );
    found.hits.into_iter().map(|hit| hit.id).collect()
}

#[test]
fn weights_of_the_index_and_of_the_query_decide_over_the_order() {
    let (_db, mut conn) = index_of(
        &IndexDefinition::new()
            .field("light", Field::text())
            .field("heavy", Field::text().weight(10.0)),
    );
    let conn = &mut conn;
    Fts.index(
        conn,
        "docs",
        "a",
        &json!({"light": "word word", "heavy": "other"}),
    )
    .unwrap();
    Fts.index(
        conn,
        "docs",
        "b",
        &json!({"light": "other", "heavy": "word word"}),
    )
    .unwrap();
    for n in 0..20 {
        Fts.index(
            conn,
            "docs",
            &format!("x{n}"),
            &json!({"light": "else", "heavy": "else"}),
        )
        .unwrap();
    }
    let word = || SearchQuery::new("word");
    assert_eq!(ranked(conn, &word()), ["b", "a"]);
    assert_eq!(
        ranked(conn, &word().field_weight("light", 100.0)),
        ["a", "b"]
    );
    assert_eq!(ranked(conn, &word().field_weight("heavy", 0.0)), ["a", "b"]);
    let scores: Vec<f64> = search(conn, &word())
        .hits
        .iter()
        .map(|hit| hit.score)
        .collect();
    assert!(scores[0] > scores[1] && scores[1] > 0.0, "{scores:?}");
}

/// A word is as rare as it is in all fields together: otherwise one that is rare in names would
/// count for more there than its weight says.
#[test]
fn a_word_has_one_frequency_in_all_fields_whatever_their_language() {
    let (_db, mut conn) = index_of(
        &IndexDefinition::new()
            .field("name", Field::keyword())
            .field(
                "about",
                Field::text().language(Language::English).weight(1.5),
            ),
    );
    let conn = &mut conn;
    let all = [
        ("a", json!({"name": "text apple", "about": "fruit juice"})),
        ("b", json!({"name": "pear apple", "about": "text juice"})),
    ];
    Fts.index_many(conn, "docs", all).unwrap();
    for n in 0..30 {
        let document = json!({"name": format!("pear n{n}"), "about": "text bread"});
        Fts.index(conn, "docs", &format!("x{n}"), &document)
            .unwrap();
    }
    let query = SearchQuery::new("text apple").exact_first(false);
    assert_eq!(ranked(conn, &query), ["b", "a"]);
}

/// PostgreSQL ranks in single precision.
#[test]
fn any_finite_weight_decides_the_order() {
    for (more, less) in [
        (1e300, 1.0),
        (1.0, 1e-46),
        (1e300, 1e-300),
        (f64::MAX, 5e-324),
    ] {
        let (_db, mut conn) = index_of(
            &IndexDefinition::new()
                .field("light", Field::text().weight(less))
                .field("heavy", Field::text().weight(more)),
        );
        let conn = &mut conn;
        for (key, light, heavy) in [("a", "word", "other"), ("b", "other", "word")] {
            let document = json!({"light": light, "heavy": heavy});
            Fts.index(conn, "docs", key, &document).unwrap();
        }
        for n in 0..20 {
            let document = json!({"light": "else", "heavy": "else"});
            Fts.index(conn, "docs", &format!("x{n}"), &document)
                .unwrap();
        }
        assert_eq!(ranked(conn, &SearchQuery::new("word")), ["b", "a"]);
        let other = SearchQuery::new("word").field_weight("light", f64::MAX);
        ranked(conn, &other.field_weight("heavy", 1e-300));
    }
}

#[test]
fn each_of_many_fields_has_its_own_weight() {
    let definition = numbered(0..9, &Field::text());
    let (_db, mut conn) = index_of(&definition);
    let conn = &mut conn;
    for n in 0..9 {
        Fts.index(
            conn,
            "docs",
            &n.to_string(),
            &json!({format!("f{n}"): "word"}),
        )
        .unwrap();
    }
    for n in 0..9 {
        let query = SearchQuery::new("word").field_weight(format!("f{n}"), 5.0);
        assert_eq!(ranked(conn, &query)[0], n.to_string());
    }
}

#[test]
fn more_and_denser_matches_score_higher() {
    let (_db, mut conn) = index_of(&IndexDefinition::new().field("body", Field::text()));
    let conn = &mut conn;
    Fts.index(
        conn,
        "docs",
        "once",
        &json!({"body": "rust and much else to read here today"}),
    )
    .unwrap();
    Fts.index(
        conn,
        "docs",
        "often",
        &json!({"body": "rust and rust else to rust here today"}),
    )
    .unwrap();
    Fts.index(conn, "docs", "short", &json!({"body": "rust"}))
        .unwrap();
    for n in 0..20 {
        Fts.index(
            conn,
            "docs",
            &format!("x{n}"),
            &json!({"body": "none of it"}),
        )
        .unwrap();
    }
    let order = ranked(conn, &SearchQuery::new("rust"));
    let place = |id: &str| order.iter().position(|found| found == id).unwrap();
    assert!(place("often") < place("once"), "{order:?}");
    assert!(place("short") < place("once"), "{order:?}");
}

#[test]
fn filters_by_every_kind_of_field() {
    let (_db, mut conn) = index_of(
        &IndexDefinition::new()
            .field("body", Field::text())
            .field("tag", Field::keyword())
            .field("code", Field::keyword().unsearched())
            .field("n", Field::integer())
            .field("x", Field::float())
            .field("open", Field::boolean())
            .field("when", Field::date()),
    );
    let conn = &mut conn;
    let all = [
        (
            "1",
            json!({"body": "word", "tag": "Red", "code": "k1", "n": 1, "x": 0.5, "open": true, "when": "2020-01-01"}),
        ),
        (
            "2",
            json!({"body": "word", "tag": "red", "code": "k2", "n": -5, "x": 2, "open": false, "when": "2020-01-01T12:00:00.5Z"}),
        ),
        (
            "3",
            json!({"body": "word", "tag": "blue", "n": i64::MAX, "x": -1e300, "open": 1, "when": "2020-01-01T23:00:00-02:00"}),
        ),
        ("4", json!({"body": "word"})),
        ("5", json!({"body": "other", "tag": "red", "n": 1})),
    ];
    Fts.index_many(conn, "docs", all).unwrap();
    let date = |h, m| Utc.with_ymd_and_hms(2020, 1, 1, h, m, 0).unwrap();
    let cases: Vec<(Filter, &[&str])> = vec![
        (Filter::is("tag", "red"), &["2"]),
        (Filter::one_of("tag", ["red", "blue", "none"]), &["2", "3"]),
        (Filter::one_of("tag", [""; 0]), &[]),
        (Filter::is("code", "k1"), &["1"]),
        (Filter::is("n", 1), &["1"]),
        (Filter::range("n", 0..), &["1", "3"]),
        (Filter::range("n", ..1), &["2"]),
        (Filter::range("n", -5..=1), &["1", "2"]),
        (Filter::range("n", i64::MAX..), &["3"]),
        (Filter::range::<i64>("n", ..), &["1", "2", "3"]),
        (Filter::is("x", 2), &["2"]),
        (Filter::range("x", 0.5..2.0), &["1"]),
        (Filter::range("x", ..0.0), &["3"]),
        (Filter::is("open", true), &["1", "3"]),
        (Filter::is("open", false), &["2"]),
        (Filter::is("when", "2020-01-01"), &["1"]),
        (Filter::is("when", date(0, 0)), &["1"]),
        (Filter::range("when", date(12, 0)..), &["2", "3"]),
        (Filter::range("when", "2020-01-02T01:00:00Z"..), &["3"]),
        (Filter::range("tag", "Red".."c"), &["1", "3"]),
        (Filter::present("tag"), &["1", "2", "3"]),
    ];
    for (filter, expected) in cases {
        let query = SearchQuery::new("word").filter(filter);
        assert_eq!(ids(conn, &query), expected, "{query:?}");
    }
    let both = SearchQuery::new("word")
        .filter(Filter::is("open", true))
        .filter(Filter::range("n", ..100));
    assert_eq!(ids(conn, &both), ["1"]);
    assert_eq!(
        ids(conn, &SearchQuery::new("k1")),
        [""; 0],
        "it is not searched"
    );
}

#[test]
fn many_documents_of_any_number_of_searched_fields_are_written() {
    // Beside these a document has an id only.
    for fields in [9, 32] {
        let names = (0..fields).map(|n| format!("t{n}"));
        let definition = names.fold(IndexDefinition::new(), |definition, name| {
            definition.field(name, Field::text())
        });
        let (_db, mut conn) = index_of(&definition);
        let documents = (0..150).map(|n| (n.to_string(), json!({"t0": format!("w{n}")})));
        assert_eq!(Fts.index_many(&mut conn, "docs", documents).unwrap(), 150);
        assert_eq!(ids(&mut conn, &SearchQuery::new("w149")), ["149"]);
    }
}

#[test]
fn many_documents_of_any_number_of_columns_are_written() {
    // So many that a statement with one value more per document would have too many.
    for columns in [29, 60] {
        let mut definition = IndexDefinition::new().field("body", Field::text());
        for n in 0..columns {
            definition = definition.field(format!("n{n}"), Field::integer());
        }
        let (_db, mut conn) = index_of(&definition);
        let documents = (0..1_100).map(|n| (n.to_string(), json!({"body": "word", "n0": n})));
        assert_eq!(Fts.index_many(&mut conn, "docs", documents).unwrap(), 1_100);
        let query = SearchQuery::new("word").filter(Filter::is("n0", 1_099));
        assert_eq!(ids(&mut conn, &query), ["1099"]);
    }
}

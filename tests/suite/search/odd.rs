//! Documents, fields and names that are odd.

use std::time::Instant;

use covara_diesel::search::{Field, Filter, IndexDefinition, SearchAdapter, SearchQuery, Sort};
use serde_json::{Map, Value, json};

use super::{articles, found, found_by_syntax, ids, index_of, search};
use crate::backend::{self, Fts};
use crate::suite::{chain, count};

#[test]
fn fields_may_have_the_names_of_the_engines_own_columns() {
    let names = [
        "rank", "rowid", "oid", "order", "doc_id", "select", "id", "key", "source", "version",
        "words", "t0", "c0", "s0", "score", "docs", "_", "0", "bm25", "d", "f", "m", "p", "v",
        "number", "name",
    ];
    let mut definition = IndexDefinition::new();
    for name in names {
        definition = definition.field(name, Field::keyword());
    }
    let (_db, mut conn) = index_of(&definition);
    let conn = &mut conn;
    for name in names {
        let document = Map::from_iter([(name.to_owned(), Value::from(format!("word {name}")))]);
        Fts.index(conn, "docs", name, &document).unwrap();
    }
    for name in names {
        let query = SearchQuery::new("word").fields([name]);
        assert_eq!(ids(conn, &query), [name]);
        let query = SearchQuery::new("word")
            .filter(Filter::is(name, format!("word {name}")))
            .sort(Sort::ascending(name));
        assert_eq!(ids(conn, &query), [name]);
    }
    assert_eq!(search(conn, &SearchQuery::new("word")).total, names.len());
}

#[test]
fn a_document_of_five_megabytes_is_indexed() {
    let (_db, mut conn) = index_of(&articles());
    let conn = &mut conn;
    // 700,000 words, 30,000 different ones, and a phrase at its beginning.
    let mut text = String::from("the quick brown fox ");
    for n in 0..700_000_u64 {
        text.push_str(&format!("w{} ", n * n % 30_011));
    }
    text.push_str("lastword");
    assert!(text.len() > 4_500_000);
    let begun = Instant::now();
    let indexed = Fts.index(conn, "docs", "big", &json!({"body": text}));
    if text.len() > backend::LARGEST_TEXT {
        assert_eq!(
            chain(&indexed.unwrap_err()),
            "the database rejected the statement: string or blob too big"
        );
        assert_eq!(found(conn, "lastword"), [""; 0]);
        assert_eq!(count(conn, "__covara_search_1"), 0);
        return;
    }
    indexed.unwrap();
    Fts.index(conn, "docs", "small", &json!({"body": "w9 quick"}))
        .unwrap();
    assert_eq!(found(conn, "w9"), ["big", "small"]);
    assert_eq!(found(conn, "lastword quick"), ["big"]);
    assert_eq!(found_by_syntax(conn, "\"quick brown\""), ["big"]);
    let hit = search(conn, &SearchQuery::new("lastword")).hits.remove(0);
    assert_eq!(hit.source, json!({"body": text}));
    assert!(Fts.delete(conn, "docs", "big").unwrap());
    assert_eq!(found(conn, "w9"), ["small"]);
    println!("{:?}", begun.elapsed());
}

#[test]
fn a_document_of_too_many_different_words_is_indexed_whole_or_not() {
    let (_db, mut conn) = index_of(&articles());
    let conn = &mut conn;
    let text: String = (0..200_000).map(|n| format!("word{n} ")).collect();
    match Fts.index(conn, "docs", "many", &json!({"body": text})) {
        Ok(()) => assert_eq!(found(conn, "word199999 word0"), ["many"]),
        Err(error) => {
            assert_eq!(
                error.to_string(),
                "the document \"many\" cannot be indexed: it has too many different words for \
                 PostgreSQL"
            );
            assert_eq!(Fts.find(conn, "docs", "many").unwrap(), None);
        }
    }
    // Half as many fit everywhere.
    let text: String = (0..80_000).map(|n| format!("word{n} ")).collect();
    Fts.index(conn, "docs", "fewer", &json!({"body": text}))
        .unwrap();
    assert_eq!(
        found(conn, "word79999 word1"),
        if found(conn, "word199999").is_empty() {
            vec!["fewer"]
        } else {
            vec!["fewer", "many"]
        }
    );
}

#[test]
fn nul_separates_words_and_stays_in_the_source() {
    let (_db, mut conn) = index_of(&articles());
    let conn = &mut conn;
    let document = json!({"title": "be\0fore", "author": "a\0b"});
    Fts.index(conn, "docs", "nul", &document).unwrap();
    assert_eq!(found(conn, "fore be"), ["nul"]);
    assert_eq!(found(conn, "be\0fore"), ["nul"]);
    let by = |author: &str| SearchQuery::new("fore").filter(Filter::is("author", author));
    assert_eq!(ids(conn, &by("a\0b")), ["nul"]);
    assert_eq!(ids(conn, &by("ab")), [""; 0]);
    assert_eq!(Fts.find(conn, "docs", "nul").unwrap(), Some(document));
}

#[test]
fn halves_of_surrogate_pairs_become_replacement_characters() {
    let (_db, mut conn) = index_of(&articles());
    let conn = &mut conn;
    for (json, title) in [
        (r#"{"title": "one \ud800 two"}"#, "one \u{fffd} two"),
        (
            r#"{"title": "\udc00\ud83c\udf55\uD83C"}"#,
            "\u{fffd}\u{1f355}\u{fffd}",
        ),
        (r#"{"title": "\ud800\ud800\udc00"}"#, "\u{fffd}\u{10000}"),
        (
            r#"{"title": "\\ud800 é \"\\\\\ud800x"}"#,
            "\\ud800 é \"\\\\\u{fffd}x",
        ),
        (r#"{"title": "plain \u00e9"}"#, "plain é"),
    ] {
        Fts.index_json(conn, "docs", "1", json).unwrap();
        assert_eq!(
            Fts.find(conn, "docs", "1").unwrap(),
            Some(json!({"title": title})),
            "{json}"
        );
    }
    for json in [
        "",
        "{",
        r#"{"title": "\ud8"}"#,
        r#"{"title": "\ud800"#,
        "\\ud800",
        "\\",
    ] {
        let error = Fts.index_json(conn, "docs", "1", json).unwrap_err();
        assert!(error.to_string().contains("it is not JSON"), "{error}");
    }
}

#[test]
fn long_words_are_found_by_their_first_255_bytes() {
    let (_db, mut conn) = index_of(&articles());
    let conn = &mut conn;
    let long = "x".repeat(100_000);
    Fts.index(
        conn,
        "docs",
        "1",
        &json!({"author": long, "title": "日".repeat(50_000)}),
    )
    .unwrap();
    assert_eq!(found(conn, &long), ["1"]);
    assert_eq!(found(conn, &long[..255]), ["1"]);
    assert_eq!(found(conn, &long[..254]), [""; 0]);
    assert_eq!(found(conn, "日日日"), ["1"]);
    let query = SearchQuery::new(&long[..255]).filter(Filter::is("author", &long));
    assert_eq!(
        ids(conn, &query),
        ["1"],
        "as a whole it is as long as it is"
    );
}

//! Indexes to search, and short ways to search them.

use std::ops::Range;

use covara_diesel::search::{
    Field, IndexDefinition, Language, SearchAdapter, SearchQuery, SearchResult,
};
use serde_json::{Value, json};

use crate::backend::{Conn, Fts, TestDb};

/// A database with an empty index `docs` of these fields.
pub(super) fn index_of(definition: &IndexDefinition) -> (TestDb, Conn) {
    let db = TestDb::new();
    let mut conn = db.connect();
    assert!(Fts.create_index(&mut conn, "docs", definition).unwrap());
    (db, conn)
}

/// Fields `f0`, `f1` and so on, of one kind.
pub(super) fn numbered(numbers: Range<usize>, field: &Field) -> IndexDefinition {
    numbers.fold(IndexDefinition::new(), |all, n| {
        all.field(format!("f{n}"), field.clone())
    })
}

/// Title and body in English, an author, a year.
pub(super) fn articles() -> IndexDefinition {
    IndexDefinition::new()
        .field(
            "title",
            Field::text().language(Language::English).weight(3.0),
        )
        .field("body", Field::text().language(Language::English))
        .field("author", Field::keyword())
        .field("year", Field::integer())
}

fn article(title: &str, body: &str, author: &str, year: i64) -> Value {
    json!({"title": title, "body": body, "author": author, "year": year})
}

/// A few articles, with ids 1 to 6.
pub(super) fn library() -> (TestDb, Conn) {
    let (db, mut conn) = index_of(&articles());
    let all = [
        (
            "1",
            article(
                "Running a database",
                "Rows and columns, indexed.",
                "Ada Lovelace",
                2001,
            ),
        ),
        (
            "2",
            article(
                "The old mill",
                "A database ran here once; it runs no more.",
                "Émile Zola",
                1890,
            ),
        ),
        (
            "3",
            article("New York", "Cities that never sleep.", "Ada Palmer", 2010),
        ),
        (
            "4",
            article("York, new and old", "A city in England.", "Jo Walton", 2011),
        ),
        (
            "5",
            article("東京タワー", "東京都にある塔。", "松本 清張", 1958),
        ),
        (
            "6",
            article("Straße", "Ein Weg durch São Paulo.", "Jo Walton", 2012),
        ),
    ];
    assert_eq!(Fts.index_many(&mut conn, "docs", all).unwrap(), 6);
    (db, conn)
}

pub(super) fn search(conn: &mut Conn, query: &SearchQuery) -> SearchResult {
    Fts.search(conn, "docs", query).unwrap()
}

/// The ids of all that a query finds, in their own order.
pub(super) fn ids(conn: &mut Conn, query: &SearchQuery) -> Vec<String> {
    let found = search(conn, &query.clone().size(1_000));
    let mut ids: Vec<String> = found.hits.into_iter().map(|hit| hit.id).collect();
    assert_eq!(found.total, ids.len(), "{query:?}");
    ids.sort();
    ids
}

/// The same, of words.
pub(super) fn found(conn: &mut Conn, words: &str) -> Vec<String> {
    ids(conn, &SearchQuery::new(words))
}

/// The same, of words with syntax.
pub(super) fn found_by_syntax(conn: &mut Conn, words: &str) -> Vec<String> {
    ids(conn, &SearchQuery::new(words).syntax())
}

//! Queries of which one word suffices.

use covara_diesel::search::{Field, Filter, IndexDefinition, SearchAdapter, SearchQuery, Sort};
use serde_json::json;

use super::{found, ids, index_of, library, search};
use crate::backend::{Conn, Fts, TestDb};

fn dishes() -> (TestDb, Conn) {
    let (db, mut conn) = index_of(
        &IndexDefinition::new()
            .field("name", Field::keyword().weight(2.0))
            .field("about", Field::text())
            .field("price", Field::integer()),
    );
    let dish =
        |name: &str, about: &str, price: i64| json!({"name": name, "about": about, "price": price});
    let all = [
        ("a", dish("stew", "rice rice rice", 1)),
        (
            "b",
            dish(
                "plate",
                "with beans, and at the end of much else also some rice",
                2,
            ),
        ),
        ("c", dish("rice beans", "this and that", 3)),
        ("d", dish("soup", "nothing", 4)),
        ("e", dish("beans", "beans beans beans", 5)),
        ("f", dish("rice", "beans with hot peppers", 6)),
    ];
    Fts.index_many(&mut conn, "docs", all).unwrap();
    (db, conn)
}

fn ranked(conn: &mut Conn, query: &SearchQuery) -> Vec<String> {
    let hits = search(conn, query).hits;
    hits.into_iter().map(|hit| hit.id).collect()
}

#[test]
fn documents_with_all_words_come_before_those_with_one() {
    let (_db, mut conn) = dishes();
    let conn = &mut conn;
    let query = SearchQuery::new("rice beans").any();
    let order = ranked(conn, &query);
    assert_eq!(order.len(), 5);
    assert_eq!(order[0], "c", "it is named so");
    let mut all = order[1..3].to_vec();
    all.sort();
    assert_eq!(all, ["b", "f"]);
    let hits = search(conn, &query).hits;
    assert!(
        hits[2].score > 6e5 && hits[2].score < 1e6 && hits[3].score < 1e3,
        "{hits:?}"
    );
    // Page by page it is the same.
    let (mut paged, mut page) = (Vec::new(), query.clone().size(2));
    loop {
        let found = search(conn, &page);
        paged.extend(found.hits.into_iter().map(|hit| hit.id));
        match found.cursor {
            Some(cursor) => page = page.cursor(cursor),
            None => break,
        }
    }
    assert_eq!(paged, order);
}

#[test]
fn any_word_finds_what_each_word_finds_and_nothing_excluded() {
    let (_db, mut conn) = library();
    let conn = &mut conn;
    for words in [
        &["york", "database", "zebra"][..],
        &["東京", "run"],
        &["new york", "mill"],
    ] {
        let mut each: Vec<String> = words.iter().flat_map(|word| found(conn, word)).collect();
        each.sort();
        each.dedup();
        let parts: Vec<&str> = words.iter().flat_map(|word| word.split(' ')).collect();
        if parts.len() == words.len() {
            assert_eq!(ids(conn, &SearchQuery::new(words.join(" ")).any()), each);
        }
    }
    let any = |words: &str| SearchQuery::new(words).syntax().any();
    assert_eq!(ids(conn, &any("\"new york\" mill")), ["2", "3"]);
    assert_eq!(ids(conn, &any("york mill -old")), ["3"]);
    assert_eq!(ids(conn, &any("york").as_you_type()), ["3", "4"]);
    assert_eq!(ids(conn, &any("mill yor").as_you_type()), ["2", "3", "4"]);
}

#[test]
fn filters_orders_and_bounds_hold_for_any_word() {
    let (_db, mut conn) = dishes();
    let conn = &mut conn;
    let query = || SearchQuery::new("rice beans").any();
    let priced = query().filter(Filter::range("price", 2..6));
    assert_eq!(ids(conn, &priced), ["b", "c", "e"]);
    let dear = query().sort(Sort::descending("price"));
    assert_eq!(ranked(conn, &dear), ["f", "e", "c", "b", "a"]);
    assert_eq!(search(conn, &query().bound(2)).total, 2);
    assert_eq!(search(conn, &query().size(0)).total, 5);
    assert_eq!(ids(conn, &query().fields(["about"])), ["a", "b", "e", "f"]);
}

//! The order of hits, and pages of them.

use std::collections::HashSet;

use covara_diesel::search::{
    Field, Filter, IndexDefinition, SearchAdapter, SearchError, SearchQuery, SearchResult, Sort,
};
use serde_json::json;

use super::{index_of, search};
use crate::backend::{Conn, Fts, TestDb};

/// A thousand documents with `all`, some with scores that differ, and few values to sort by.
fn thousand() -> (TestDb, Conn) {
    let (db, mut conn) = index_of(
        &IndexDefinition::new()
            .field("body", Field::text())
            .field("tag", Field::keyword().unsearched())
            .field("n", Field::integer())
            .field("x", Field::float()),
    );
    let documents = (0..1_000).map(|n| {
        let mut document = json!({"body": "all ".repeat(1 + n % 3)});
        if n % 5 > 0 {
            document["tag"] = json!(["b", "B", "é", "a"][n % 4]);
            document["n"] = json!(n % 4);
            document["x"] = json!(n as f64 % 4.0 / 3.0);
        }
        (format!("id{}", n * 7_919 % 1_000), document)
    });
    Fts.index_many(&mut conn, "docs", documents).unwrap();
    (db, conn)
}

fn page_ids(result: &SearchResult) -> Vec<String> {
    result.hits.iter().map(|hit| hit.id.clone()).collect()
}

/// All pages by number and by cursor: the same, and each hit once.
fn paged(conn: &mut Conn, query: &SearchQuery) -> Vec<String> {
    let mut by_number = Vec::new();
    for page in 0.. {
        let result = search(conn, &query.clone().size(97).from(97 * page));
        assert_eq!(result.total, 1_000);
        assert!(!result.more);
        if result.hits.is_empty() {
            break;
        }
        by_number.extend(page_ids(&result));
    }
    let mut by_cursor = Vec::new();
    let mut next = query.clone().size(97);
    loop {
        let result = search(conn, &next);
        assert_eq!(result.total, 1_000);
        by_cursor.extend(page_ids(&result));
        match result.cursor {
            Some(cursor) => next.cursor = Some(cursor),
            None => break,
        }
    }
    assert_eq!(by_number, by_cursor);
    let distinct: HashSet<&String> = by_number.iter().collect();
    assert_eq!((by_number.len(), distinct.len()), (1_000, 1_000));
    by_number
}

#[test]
fn pages_neither_repeat_nor_lose_a_hit_in_any_order() {
    let (_db, mut conn) = thousand();
    let conn = &mut conn;
    let all = || SearchQuery::new("all");
    let orders = [
        vec![],
        vec![Sort::score()],
        vec![Sort::ascending("tag")],
        vec![Sort::descending("tag"), Sort::score()],
        vec![Sort::ascending("n"), Sort::descending("x")],
        vec![Sort::descending("x")],
        vec![Sort::score(), Sort::ascending("tag"), Sort::descending("n")],
    ];
    for sort in orders {
        let query = SearchQuery { sort, ..all() };
        paged(conn, &query);
    }
}

#[test]
fn ties_are_ordered_by_id_and_missing_values_come_last() {
    let (_db, mut conn) = thousand();
    let conn = &mut conn;
    let hits = search(conn, &SearchQuery::new("all").size(1_000)).hits;
    assert!(hits.is_sorted_by(|a, b| a.score > b.score || a.score == b.score && a.id < b.id));
    let scores: HashSet<u64> = hits.iter().map(|hit| hit.score.to_bits()).collect();
    assert_eq!(scores.len(), 3);

    let sorted =
        |conn: &mut Conn, sort| search(conn, &SearchQuery::new("all").size(1_000).sort(sort)).hits;
    let tag =
        |hit: &covara_diesel::search::SearchHit| hit.source["tag"].as_str().map(str::to_owned);
    let hits = sorted(conn, Sort::ascending("tag"));
    // Bytes: B before a before b before é.
    assert!(hits.is_sorted_by(|a, b| match (tag(a), tag(b)) {
        (Some(x), Some(y)) => (x, &a.id) < (y, &b.id),
        (None, Some(_)) => false,
        (Some(_), None) => true,
        (None, None) => a.id < b.id,
    }));
    assert!(
        hits.iter().all(|hit| hit.score == 0.0),
        "it has no part in this order"
    );
    let hits = sorted(conn, Sort::descending("n"));
    let n = |hit: &covara_diesel::search::SearchHit| hit.source["n"].as_i64();
    assert!(hits.is_sorted_by(|a, b| match (n(a), n(b)) {
        (Some(x), Some(y)) => (-x, &a.id) < (-y, &b.id),
        (None, Some(_)) => false,
        (Some(_), None) => true,
        (None, None) => a.id < b.id,
    }));
}

#[test]
fn from_and_size_page_through_the_total() {
    let (_db, mut conn) = thousand();
    let conn = &mut conn;
    let all = || SearchQuery::new("all");
    let first = search(conn, &all());
    assert_eq!((first.hits.len(), first.total), (20, 1_000));
    let none = search(conn, &all().size(0));
    assert_eq!((none.hits.len(), none.total), (0, 1_000));
    let last = search(conn, &all().from(990));
    assert_eq!((last.hits.len(), last.total), (10, 1_000));
    let beyond = search(conn, &all().from(5_000));
    assert_eq!((beyond.hits.len(), beyond.total), (0, 1_000));
    let beyond = search(conn, &all().from(usize::MAX).size(usize::MAX));
    assert_eq!((beyond.hits.len(), beyond.total), (0, 1_000));
    let some = search(conn, &all().filter(Filter::is("n", 1)));
    assert_eq!((some.hits.len(), some.total), (20, 200));
    assert_eq!(search(conn, &SearchQuery::new("all nothing")).total, 0);
    let as_struct = SearchQuery {
        query: "all".into(),
        from: 3,
        size: 2,
        ..Default::default()
    };
    assert_eq!(page_ids(&search(conn, &as_struct)), page_ids(&first)[3..5]);
}

#[test]
fn a_bound_stops_counting_and_ranking() {
    let (_db, mut conn) = thousand();
    let conn = &mut conn;
    let all = || SearchQuery::new("all");
    for bound in [1, 100, 999] {
        let result = search(conn, &all().bound(bound).size(1_000));
        assert_eq!(
            (result.hits.len(), result.total, result.more),
            (bound, bound, true)
        );
        let result = search(conn, &all().bound(bound).size(0));
        assert_eq!((result.total, result.more), (bound, true));
        let filtered = search(conn, &all().bound(bound).filter(Filter::is("n", 1)));
        assert_eq!(
            (filtered.total, filtered.more),
            (bound.min(200), bound <= 200)
        );
    }
    let result = search(conn, &all().bound(1_001));
    assert_eq!(
        (result.hits.len(), result.total, result.more),
        (20, 1_000, false)
    );
    let result = search(conn, &all().bound(0));
    assert_eq!((result.hits.len(), result.total), (0, 0));
}

#[test]
fn cursors_of_another_order_are_errors() {
    let (_db, mut conn) = thousand();
    let conn = &mut conn;
    let all = || SearchQuery::new("all");
    let by_tag = search(conn, &all().sort(Sort::ascending("tag")))
        .cursor
        .unwrap();
    let by_score = search(conn, &all()).cursor.unwrap();
    let by_both = all()
        .sort(Sort::ascending("tag"))
        .sort(Sort::ascending("n"));
    let more = search(conn, &by_both).cursor.unwrap();
    for (query, cursor) in [
        (all(), &by_tag),
        (all().sort(Sort::ascending("tag")), &by_score),
        (all().sort(Sort::ascending("n")), &by_tag),
        // Longer and shorter ones, whose values would fit as far as they go.
        (all().sort(Sort::ascending("tag")), &more),
        (by_both.clone(), &by_tag),
        (all(), &"WzEsMiwzXQ".to_owned()),
        (all(), &"{}".to_owned()),
        (all(), &String::new()),
    ] {
        let error = Fts.search(conn, "docs", &query.cursor(cursor)).unwrap_err();
        assert!(matches!(error, SearchError::Cursor), "{error:?}");
    }
}

#[test]
fn a_cursor_stays_in_its_place_when_documents_come_and_go() {
    let (_db, mut conn) = thousand();
    let conn = &mut conn;
    let query = || SearchQuery::new("all").sort(Sort::ascending("n")).size(10);
    let first = search(conn, &query());
    for hit in &first.hits[..5] {
        Fts.delete(conn, "docs", &hit.id).unwrap();
    }
    let next = search(conn, &query().cursor(first.cursor.unwrap()));
    assert_eq!(next.total, 995);
    let rest = search(conn, &query().from(5));
    assert_eq!(page_ids(&next), page_ids(&rest));
}

//! Counts of values among the matches.

use std::ops::Bound;

use chrono::{DateTime, Utc};
use covara_diesel::search::{
    Facet, FacetCount, Field, Filter, FilterValue, IndexDefinition, SearchAdapter, SearchError,
    SearchQuery,
};
use serde_json::json;

use super::{index_of, search};
use crate::backend::{Conn, Fts, TestDb};

const TAGS: [&str; 4] = ["blue", "Blue", "green", "ärmel"];

/// Every third of 60 documents has the word `three`.
fn numbered() -> (TestDb, Conn) {
    let (db, mut conn) = index_of(
        &IndexDefinition::new()
            .field("text", Field::text())
            .field("tag", Field::keyword().unsearched())
            .field("number", Field::integer())
            .field("price", Field::float())
            .field("new", Field::boolean())
            .field("day", Field::date()),
    );
    let documents = (0..60).map(|n: usize| {
        let text = if n.is_multiple_of(3) {
            "all three"
        } else {
            "all"
        };
        let document = json!({
            "text": text,
            "tag": (!n.is_multiple_of(5)).then(|| TAGS[n % 4]),
            "number": n / 20,
            "price": n as f64 / 2.0,
            "new": n.is_multiple_of(2),
            "day": format!("2024-01-{:02}", 1 + n % 2),
        });
        (format!("{n:02}"), document)
    });
    Fts.index_many(&mut conn, "docs", documents).unwrap();
    (db, conn)
}

fn pairs(counts: &[FacetCount]) -> Vec<(FilterValue, usize)> {
    let counts = counts.iter();
    counts
        .map(|c| (c.value.clone().unwrap(), c.count))
        .collect()
}

#[test]
fn values_of_every_kind_are_counted_the_most_frequent_first() {
    let (_db, mut conn) = numbered();
    let conn = &mut conn;
    let count = |conn: &mut Conn, query: &str, field: &str| {
        let query = SearchQuery::new(query).facet(Facet::values(field)).size(1);
        let found = search(conn, &query);
        assert_eq!(found.facets.len(), 1);
        pairs(&found.facets[0])
    };
    for query in ["all", "three"] {
        let step = if query == "all" { 1 } else { 3 };
        let mut expected: Vec<(FilterValue, usize)> = TAGS
            .iter()
            .enumerate()
            .map(|(tag, name)| {
                let with = (0..60).step_by(step).filter(|n| n % 5 > 0 && n % 4 == tag);
                (FilterValue::from(*name), with.count())
            })
            .collect();
        let name = |value: &FilterValue| match value {
            FilterValue::Text(text) => text.clone(),
            other => panic!("{other:?}"),
        };
        expected.sort_by_key(|(value, count)| (60 - count, name(value)));
        assert_eq!(count(conn, query, "tag"), expected, "{query}");
    }
    assert_eq!(
        count(conn, "all", "number"),
        [0_i64, 1, 2].map(|number| (number.into(), 20))
    );
    assert_eq!(
        count(conn, "three", "new"),
        [(false, 10), (true, 10)].map(|(value, count)| (value.into(), count))
    );
    let day = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    assert_eq!(
        count(conn, "all", "day"),
        [("2024-01-01T00:00:00Z", 30), ("2024-01-02T00:00:00Z", 30)]
            .map(|(text, count)| (day(text).into(), count))
    );
    let prices = count(conn, "all", "price");
    assert_eq!(prices.len(), 10, "no more unless asked for");
    assert_eq!(prices[1], (0.5.into(), 1));
}

#[test]
fn ranges_are_counted_in_their_order() {
    let (_db, mut conn) = numbered();
    let conn = &mut conn;
    let mut count = |facet: Facet| -> Vec<usize> {
        let found = search(conn, &SearchQuery::new("three").facet(facet));
        let counts = found.facets[0].iter();
        counts
            .map(|count| {
                assert_eq!(count.value, None);
                count.count
            })
            .collect()
    };
    assert_eq!(
        count(Facet::ranges("price", [10.0..20.0, 0.0..10.0, 0.0..100.0])),
        [7, 7, 20]
    );
    assert_eq!(count(Facet::ranges("number", [1..=1, 7..=9])), [7, 0]);
    assert_eq!(
        count(Facet::ranges("day", ["2024-01-02".."2024-01-03"])),
        [10]
    );
    assert_eq!(count(Facet::ranges("tag", ["b".."h"])), [8]);
    let open = [
        (Bound::Unbounded, Bound::Excluded(5)),
        (Bound::Included(2), Bound::Unbounded),
    ];
    assert_eq!(count(Facet::ranges("number", open)), [20, 6]);
    assert_eq!(
        count(Facet::ranges::<i64>("number", [(); 0].map(|()| 0..1))),
        [0; 0]
    );
}

#[test]
fn facets_count_what_filters_and_bounds_leave_on_all_pages() {
    let (_db, mut conn) = numbered();
    let conn = &mut conn;
    let query = SearchQuery::new("all")
        .filter(Filter::is("new", true))
        .facet(Facet::values("number").most(2))
        .facet(Facet::ranges("number", [0..=2]))
        .facet(Facet::values("tag").most(0));
    for query in [query.clone(), query.clone().from(25), query.clone().size(0)] {
        let found = search(conn, &query);
        assert_eq!(found.total, 30);
        assert_eq!(
            pairs(&found.facets[0]),
            [(0_i64.into(), 10), (1_i64.into(), 10)]
        );
        assert_eq!(found.facets[1][0].count, 30);
        assert!(found.facets[2].is_empty());
    }
    let bound = search(conn, &query.clone().bound(7));
    assert_eq!(bound.facets[1][0].count, 7);
    let any = SearchQuery::new("three zebra")
        .any()
        .facet(Facet::ranges("number", [0..=2]));
    assert_eq!(search(conn, &any).facets[0][0].count, 20);
}

#[test]
fn there_is_a_list_for_each_facet_also_without_a_match() {
    let (_db, mut conn) = numbered();
    let conn = &mut conn;
    for words in ["", "-", "zebra"] {
        let query = SearchQuery::new(words)
            .facet(Facet::values("tag"))
            .facet(Facet::ranges("number", [0..=1, 2..=3]));
        for index in ["docs", "unknown"] {
            let facets = Fts.search(conn, index, &query).unwrap().facets;
            let counts: Vec<Vec<usize>> = facets
                .iter()
                .map(|facet| facet.iter().map(|count| count.count).collect())
                .collect();
            assert_eq!(counts, [vec![], vec![0, 0]], "{words} in {index}");
        }
    }
}

#[test]
fn facets_of_texts_and_of_too_many_ranges_are_errors() {
    let (_db, mut conn) = numbered();
    let conn = &mut conn;
    let mut error = |facet: Facet| {
        let query = SearchQuery::new("all").facet(facet);
        Fts.search(conn, "docs", &query).unwrap_err()
    };
    let of_text = error(Facet::values("text"));
    assert!(
        matches!(
            of_text,
            SearchError::FieldUse {
                verb: "counted",
                ..
            }
        ),
        "{of_text}"
    );
    let unknown = error(Facet::ranges("nothing", [0..=2]));
    assert!(
        matches!(unknown, SearchError::UnknownField { .. }),
        "{unknown}"
    );
    let other = error(Facet::ranges("number", ["a".."b"]));
    assert!(matches!(other, SearchError::FilterValue { .. }), "{other}");
    let many = error(Facet::ranges("number", (0..33).map(|n| n..=n)));
    assert!(
        matches!(many, SearchError::TooManyValues { most: 32, .. }),
        "{many}"
    );
}

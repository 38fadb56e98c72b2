//! Filters with many values.

use covara_diesel::search::{
    Field, Filter, IndexDefinition, SearchAdapter, SearchError, SearchQuery,
};
use serde_json::json;

use super::{ids, index_of, search};
use crate::backend::Fts;

fn by(filter: Filter) -> SearchQuery {
    SearchQuery::new("word").filter(filter)
}

#[test]
fn values_of_every_kind_are_found_in_long_lists() {
    let definition = IndexDefinition::new()
        .field("body", Field::text())
        .field("tag", Field::keyword().unsearched())
        .field("n", Field::integer())
        .field("x", Field::float())
        .field("b", Field::boolean())
        .field("at", Field::date());
    let (_db, mut conn) = index_of(&definition);
    let conn = &mut conn;
    let document = json!({
        "body": "word", "tag": "it's \"a\\\u{1f355}\0tag", "n": i64::MIN, "x": 0.1, "b": true,
        "at": "2026-01-31T10:00:00.000001Z",
    });
    Fts.index(conn, "docs", "1", &document).unwrap();
    Fts.index(conn, "docs", "2", &json!({"body": "word"}))
        .unwrap();
    let tags = |last: &str| {
        let tags = (0..40_000).map(|n| n.to_string()).chain([last.to_owned()]);
        by(Filter::one_of("tag", tags))
    };
    assert_eq!(ids(conn, &tags("it's \"a\\\u{1f355}\0tag")), ["1"]);
    assert_eq!(ids(conn, &tags("it's")), [""; 0]);
    for (list, hits) in [(vec![5, i64::MIN], 1), (vec![i64::MAX, 0], 0), (vec![], 0)] {
        assert_eq!(search(conn, &by(Filter::one_of("n", list))).total, hits);
    }
    assert_eq!(ids(conn, &by(Filter::one_of("b", [false, true]))), ["1"]);
    let times = ["2026-01-31T10:00:00.000001Z", "2020-01-01"];
    assert_eq!(ids(conn, &by(Filter::one_of("at", times))), ["1"]);

    let most = by(Filter::one_of("n", 0..65_537_i64));
    let error = Fts.search(conn, "docs", &most).unwrap_err();
    assert!(
        matches!(error, SearchError::TooManyValues { .. }),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        "a filter or facet may have up to 65536 values; the one on n has more"
    );
    let many = by(Filter::one_of("n", 0..65_536_i64));
    assert_eq!(search(conn, &many).total, 0);
}

/// To the last bit.
#[test]
fn floats_of_a_list_are_the_ones_that_are_stored() {
    let definition = IndexDefinition::new()
        .field("body", Field::text())
        .field("x", Field::float());
    let (_db, mut conn) = index_of(&definition);
    let conn = &mut conn;
    let mut seed = 1_u64;
    let mut bits = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        seed ^ (seed >> 31)
    };
    let random = (0..2_000).map(|_| f64::from_bits(bits()));
    let mut numbers: Vec<f64> = random.filter(|number| number.is_finite()).collect();
    numbers.extend([
        0.1,
        0.1 + 0.2,
        1e22,
        1e23,
        f64::MAX,
        f64::MIN_POSITIVE,
        1.0,
        -0.0,
    ]);
    numbers.extend((1..200).map(|n| f64::from(n) / 100.0));
    let documents = numbers.iter().enumerate();
    let documents = documents.map(|(n, x)| (n.to_string(), json!({"body": "word", "x": x})));
    Fts.index_many(conn, "docs", documents).unwrap();
    let all = by(Filter::one_of("x", numbers.clone())).size(0);
    assert_eq!(search(conn, &all).total, numbers.len());
    // And not their neighbours.
    let next = numbers.iter().map(|number| number.next_up());
    let next: Vec<f64> = next
        .filter(|next| next.is_finite() && !numbers.contains(next))
        .collect();
    assert_eq!(
        search(conn, &by(Filter::one_of("x", next)).size(0)).total,
        0
    );
}

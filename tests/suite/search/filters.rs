//! Filters made of others.

use covara_diesel::search::{
    Field, Filter, IndexDefinition, SearchAdapter, SearchError, SearchQuery,
};
use serde_json::{Value, json};

use super::{ids, index_of};
use crate::backend::{Conn, Fts, TestDb};

fn posts() -> (TestDb, Conn) {
    let (db, mut conn) = index_of(
        &IndexDefinition::new()
            .field("text", Field::text())
            .field("state", Field::keyword().unsearched())
            .field("year", Field::integer())
            .field("stars", Field::float()),
    );
    let post = |state: Value, year: Value, stars: Value| json!({"text": "post", "state": state, "year": year, "stars": stars});
    let all = [
        ("a", post("draft".into(), 2020.into(), 1.5.into())),
        ("b", post("public".into(), 2021.into(), Value::Null)),
        ("c", post(Value::Null, 2022.into(), 2.5.into())),
        ("d", post("deleted".into(), Value::Null, 4.5.into())),
        ("e", post("public".into(), 2024.into(), 5.0.into())),
    ];
    Fts.index_many(&mut conn, "docs", all).unwrap();
    (db, conn)
}

fn filtered(conn: &mut Conn, filter: Filter) -> Vec<String> {
    ids(conn, &SearchQuery::new("post").filter(filter))
}

#[test]
fn not_finds_what_a_filter_leaves_out_without_a_value_too() {
    let (_db, mut conn) = posts();
    let conn = &mut conn;
    let simple = [
        Filter::is("state", "draft"),
        Filter::one_of("state", ["draft", "deleted"]),
        Filter::one_of("state", [""; 0]),
        Filter::one_of("stars", [1.5, 4.5]),
        Filter::range("year", 2021..2024),
        Filter::range("year", ..2022),
        Filter::range("stars", 2.0..),
        Filter::range::<i64>("year", ..),
        Filter::present("state"),
        Filter::any([]),
        Filter::all([]),
    ];
    for filter in simple {
        let found = filtered(conn, filter.clone());
        let others: Vec<&str> = ["a", "b", "c", "d", "e"]
            .into_iter()
            .filter(|id| !found.iter().any(|found| found == id))
            .collect();
        assert_eq!(
            filtered(conn, Filter::not(filter.clone())),
            others,
            "{filter:?}"
        );
        let twice = Filter::not(Filter::not(filter.clone()));
        assert_eq!(filtered(conn, twice), found, "{filter:?}");
    }
    assert_eq!(
        filtered(conn, Filter::not(Filter::is("state", "draft"))),
        ["b", "c", "d", "e"]
    );
}

#[test]
fn any_and_all_combine_filters() {
    let (_db, mut conn) = posts();
    let conn = &mut conn;
    let any = Filter::any([Filter::is("state", "draft"), Filter::range("year", 2024..)]);
    assert_eq!(filtered(conn, any.clone()), ["a", "e"]);
    let all = Filter::all([Filter::is("state", "public"), Filter::range("year", 2024..)]);
    assert_eq!(filtered(conn, all.clone()), ["e"]);
    let nested = Filter::any([all, Filter::not(Filter::present("state"))]);
    assert_eq!(filtered(conn, nested), ["c", "e"]);
    let two = SearchQuery::new("post")
        .filter(any)
        .filter(Filter::not(Filter::present("stars")));
    assert_eq!(ids(conn, &two), [""; 0]);
    assert_eq!(filtered(conn, Filter::any([])), [""; 0]);
    assert_eq!(filtered(conn, Filter::all([])).len(), 5);
}

#[test]
fn a_query_has_at_most_256_conditions_of_16_in_each_other() {
    let (_db, mut conn) = posts();
    let conn = &mut conn;
    let nested = |depth: usize, inner: Filter| (1..depth).fold(inner, |it, _| Filter::not(it));
    let draft = || Filter::is("state", "draft");
    // Odd: what is not not a draft.
    assert_eq!(filtered(conn, nested(15, draft())), ["a"]);
    assert_eq!(filtered(conn, nested(16, draft())).len(), 4);
    // Without values, of which a statement to D1 has 100 at most.
    let years = |count: i32| (0..count).map(|_| Filter::present("year"));
    let with_year = ["a", "b", "c", "e"];
    assert_eq!(filtered(conn, Filter::any(years(255))), with_year);
    let deep_and_wide = nested(15, Filter::any(years(241)));
    assert_eq!(filtered(conn, deep_and_wide), with_year);
    let of_all = |filters: Vec<Filter>| {
        let query = SearchQuery::new("post");
        filters.into_iter().fold(query, SearchQuery::filter)
    };
    assert_eq!(ids(conn, &of_all(years(256).collect())), with_year);

    let too_many = [
        of_all(years(257).collect()),
        of_all(vec![Filter::any(years(256))]),
    ];
    for query in too_many {
        let error = Fts.search(conn, "docs", &query).unwrap_err();
        let is_told = matches!(error, SearchError::TooManyConditions { most: 256 });
        assert!(is_told, "{error}");
    }
    let too_deep = of_all(vec![nested(17, draft())]);
    let error = Fts.search(conn, "docs", &too_deep).unwrap_err();
    let is_told = matches!(error, SearchError::ConditionsTooDeep { most: 16 });
    assert!(is_told, "{error}");
}

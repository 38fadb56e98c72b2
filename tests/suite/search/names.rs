//! Documents that a query names.

use covara_diesel::search::{
    self, Field, IndexDefinition, Language, SearchAdapter, SearchQuery, Sort,
};
use diesel::connection::SimpleConnection;
use serde_json::json;

use super::{index_of, search};
use crate::backend::{Conn, Fts, TestDb};
use crate::suite::count;

fn packages() -> (TestDb, Conn) {
    let (db, mut conn) = index_of(
        &IndexDefinition::new()
            .field("about", Field::text().language(Language::English))
            .field("name", Field::keyword().weight(2.0))
            .field("other", Field::text().weight(2.0)),
    );
    let package = |name: &str, about: &str| json!({"name": name, "about": about});
    let all = [
        ("a", package("python-vim", "Vim, vim and Vim for vim")),
        ("b", package("vim-doc", "Vim's manual")),
        (
            "c",
            package(
                "ViM",
                "An editor that is like vi, and much else beside, as it grew",
            ),
        ),
        ("d", package("vimix", "Icons")),
        ("e", package("Vim", "Another")),
        ("f", package("gvim", "Vim with windows")),
        ("g", package("東京", "一")),
        ("h", package("東京タワー", "東京")),
        ("i", package("タワー東京", "東京 東京")),
        ("j", package("duran duran", "A band")),
        ("k", package("duran", "duran duran duran")),
    ];
    Fts.index_many(&mut conn, "docs", all).unwrap();
    (db, conn)
}

fn ranked(conn: &mut Conn, query: &SearchQuery) -> Vec<String> {
    let found = search(conn, query);
    assert_eq!(found.total, found.hits.len(), "{query:?}");
    found.hits.into_iter().map(|hit| hit.id).collect()
}

fn first(conn: &mut Conn, query: &SearchQuery, names: usize) -> Vec<String> {
    let mut ids = ranked(conn, query);
    ids.truncate(names);
    ids
}

/// The first of them in the order of their ids: which of two that have one name is first depends
/// on their scores.
fn first_sorted(conn: &mut Conn, query: &SearchQuery, names: usize) -> Vec<String> {
    let mut ids = first(conn, query, names);
    ids.sort();
    ids
}

#[test]
fn a_document_that_is_named_comes_first_and_then_what_begins_so() {
    let (_db, mut conn) = packages();
    let conn = &mut conn;
    let vim = || SearchQuery::new("vim");
    assert_eq!(first_sorted(conn, &vim(), 2), ["c", "e"]);
    assert_eq!(ranked(conn, &vim())[2], "b");
    let scores: Vec<f64> = search(conn, &vim())
        .hits
        .iter()
        .map(|hit| hit.score)
        .collect();
    assert!(scores[1] > 2e6 && scores[2] < 2e6 && scores[2] > 1e6 && scores[3] < 1e3);
    let by_score = search(conn, &vim().exact_first(false)).hits;
    assert_eq!(by_score.len(), 5);
    assert!(by_score.iter().all(|hit| hit.score < 1e3), "{by_score:?}");
    assert_eq!(first(conn, &SearchQuery::new("Vim-Doc"), 1), ["b"]);
    assert_eq!(first(conn, &SearchQuery::new("東京"), 2), ["g", "h"]);
    // A word that is typed twice counts twice here.
    assert_eq!(first(conn, &SearchQuery::new("Duran Duran"), 1), ["j"]);
    assert_eq!(first(conn, &SearchQuery::new("duran"), 2), ["k", "j"]);
    // What is excluded is no name, and a beginning is one.
    assert_eq!(
        first_sorted(conn, &SearchQuery::new("-manual vim*").syntax(), 2),
        ["c", "e"]
    );
    assert_eq!(first(conn, &SearchQuery::new("vimi*").syntax(), 1), ["d"]);
}

#[test]
fn only_the_heaviest_field_of_a_query_names() {
    let (_db, mut conn) = packages();
    let conn = &mut conn;
    let scores = |conn: &mut Conn, query: &SearchQuery| {
        let found = search(conn, query);
        found.hits.iter().map(|hit| hit.score).fold(0.0, f64::max)
    };
    let vim = || SearchQuery::new("vim");
    assert!(scores(conn, &vim().fields(["about"])) < 1e3);
    assert!(scores(conn, &vim().fields(["name"])) > 2e6);
    assert!(scores(conn, &vim().field_weight("about", 2.5)) < 1e3);
    assert!(scores(conn, &vim().field_weight("name", 0.5).fields(["name"])) > 2e6);
    assert!(scores(conn, &vim().field_weight("name", 0.0).fields(["name"])) < 1e3);
    assert!(scores(conn, &vim().sort(Sort::ascending("name"))) < 1e3);
}

#[test]
fn pages_by_cursor_and_by_number_are_the_same_with_names_first() {
    let (_db, mut conn) = packages();
    let conn = &mut conn;
    let query = SearchQuery::new("vim").size(1);
    let all = ranked(conn, &query.clone().size(100));
    let (mut paged, mut cursor) = (Vec::new(), None::<String>);
    for from in 0..all.len() {
        let mut page = query.clone();
        page.cursor = cursor;
        let page = search(conn, &page);
        assert_eq!(page.hits, search(conn, &query.clone().from(from)).hits);
        paged.extend(page.hits.into_iter().map(|hit| hit.id));
        cursor = page.cursor;
    }
    assert_eq!(paged, all);
}

#[test]
fn a_document_that_is_written_again_has_its_new_name() {
    let (_db, mut conn) = packages();
    let conn = &mut conn;
    let vim = SearchQuery::new("vim");
    Fts.index(
        conn,
        "docs",
        "c",
        &json!({"name": "nano", "about": "no vim"}),
    )
    .unwrap();
    Fts.index(conn, "docs", "f", &json!({"name": "vim", "about": "a vim"}))
        .unwrap();
    assert_eq!(first_sorted(conn, &vim, 3), ["b", "e", "f"]);
    assert!(Fts.delete(conn, "docs", "e").unwrap());
    assert_eq!(first(conn, &vim, 2), ["f", "b"]);
}

#[test]
fn the_first_item_of_a_list_names_and_a_long_text_does_not() {
    let (_db, mut conn) = index_of(&IndexDefinition::new().field("body", Field::text()));
    let conn = &mut conn;
    let long = format!("vim {}", "is an editor ".repeat(20));
    let all = [
        ("a", json!({"body": ["gvim", "vim"]})),
        ("b", json!({"body": ["vim", "gvim"]})),
        ("c", json!({"body": long})),
        ("d", json!({"body": [7, "vim"]})),
        ("e", json!({"body": null})),
    ];
    Fts.index_many(conn, "docs", all).unwrap();
    assert_eq!(first(conn, &SearchQuery::new("vim"), 2), ["b", "c"]);
    assert_eq!(first(conn, &SearchQuery::new("7 vim"), 1), ["d"]);
    assert_eq!(ranked(conn, &SearchQuery::new(long)), ["c"]);
}

/// Makes the index one of an earlier version.
fn age(conn: &mut Conn) {
    conn.batch_execute(
        "ALTER TABLE __covara_search_1 DROP COLUMN lead;
         UPDATE __covara_search_1 SET version = version % 32768;
         UPDATE __covara_search_indexes
             SET definition = replace(definition, ',\"words\":4,\"lead\":true', '')",
    )
    .unwrap();
}

#[test]
fn an_index_of_an_earlier_version_goes_on_working_and_learns_names() {
    let (_db, mut conn) = packages();
    let conn = &mut conn;
    age(conn);
    let vim = SearchQuery::new("vim");
    let before = ranked(conn, &vim);
    assert_eq!(before, ranked(conn, &vim.clone().exact_first(false)));
    Fts.index(
        conn,
        "docs",
        "z",
        &json!({"name": "nano", "about": "no vim"}),
    )
    .unwrap();
    assert_eq!(ranked(conn, &vim).len(), before.len() + 1);

    assert_eq!(Fts.reindex(conn, "docs", 5).unwrap(), 5);
    // Half of it is done, and documents are written beside.
    Fts.index(conn, "docs", "y", &json!({"name": "vim", "about": "new"}))
        .unwrap();
    assert_eq!(first_sorted(conn, &vim, 4), ["b", "c", "e", "y"]);
    assert_eq!(search::reindex(conn, "docs").unwrap().documents, 7);
    assert_eq!(first_sorted(conn, &vim, 3), ["c", "e", "y"]);
    assert_eq!(search::reindex(conn, "docs").unwrap().documents, 0);
    assert_eq!(count(conn, "__covara_search_1 WHERE lead IS NULL"), 0);
    let definition = Fts.definition(conn, "docs").unwrap().unwrap();
    assert!(!Fts.create_index(conn, "docs", &definition).unwrap());
}

#[test]
fn an_addition_of_the_column_that_was_interrupted_goes_on() {
    let (_db, mut conn) = packages();
    let conn = &mut conn;
    age(conn);
    // Another process had added it, and changed the definition no more.
    conn.batch_execute("ALTER TABLE __covara_search_1 ADD COLUMN lead TEXT")
        .unwrap();
    assert_eq!(search::reindex(conn, "docs").unwrap().documents, 11);
    assert_eq!(first_sorted(conn, &SearchQuery::new("vim"), 2), ["c", "e"]);
}

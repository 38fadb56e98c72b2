//! Processes that are killed, and several at once.

use covara_diesel::DatabaseConnection;
use covara_diesel::search::{Field, Filter, SearchAdapter, SearchQuery};
use serde_json::json;
use support::search::{MANY, SHARED, added};
use support::workers;

use super::{articles, index_of, numbered, search};
use crate::backend::{self, Conn, Fts, TestDb};
use crate::suite::count;

fn total(conn: &mut Conn, word: &str) -> usize {
    search(conn, &SearchQuery::new(word).size(0)).total
}

#[test]
fn killed_while_indexing_many_documents_and_words_agree() {
    let (db, mut conn) = index_of(&articles());
    let conn = &mut conn;
    let old = || (0..100).map(|n| (n.to_string(), json!({"body": "old"})));
    Fts.index_many(conn, "docs", old()).unwrap();
    let worker = env!("CARGO_BIN_EXE_worker");
    let whole = workers::time(worker, &db.url(), "search-many");
    let mut unfinished = 0;
    for kill in 0..12 {
        Fts.delete_index(conn, "docs").unwrap();
        Fts.create_index(conn, "docs", &articles()).unwrap();
        Fts.index_many(conn, "docs", old()).unwrap();
        workers::kill_after(worker, &db.url(), "search-many", whole * kill / 12);
        backend::wait_until_alone(conn);
        let table = backend::tables(conn);
        let table = table.iter().find(|name| {
            name.strip_prefix("__covara_search_")
                .is_some_and(|n| n.parse::<u32>().is_ok())
        });
        let documents = count(conn, table.expect("the documents"));
        let (old, new) = (total(conn, "old"), total(conn, "new"));
        unfinished += usize::from(new < MANY);
        assert_eq!(documents, (old + new) as i64, "kill {kill}");
        if conn.has_transactions() {
            let (all, none) = ((0, MANY), (100, 0));
            assert!(
                [all, none].contains(&(old, new)),
                "kill {kill}: {old}, {new}"
            );
        }
        // And it goes on from there.
        Fts.index(conn, "docs", "1", &json!({"body": "after"}))
            .unwrap();
        assert_eq!(total(conn, "after"), 1);
    }
    assert!(unfinished > 0, "no kill came before the end");
}

#[test]
fn processes_that_index_the_same_ids_at_once_end_with_one_version_each() {
    let (db, mut conn) = index_of(&articles());
    let conn = &mut conn;
    let worker = env!("CARGO_BIN_EXE_worker");
    let jobs = [
        "search-same:ones",
        "search-same:twos",
        "search-each:threes",
        "search-each:fours",
    ];
    workers::run(worker, &db.url(), 4, |n| {
        [
            "search-same:ones-pooled",
            "search-same:twos-pooled",
            "search-each:threes-pooled",
            "search-each:fours-pooled",
        ][n]
    });
    assert_eq!(count(conn, "__covara_search_1"), SHARED as i64);
    let mut all = 0;
    for job in jobs {
        let (_, name) = job.split_once(':').unwrap();
        let found = search(conn, &SearchQuery::new(name).size(1_000));
        for hit in &found.hits {
            let body = hit.source["body"].as_str().unwrap();
            assert!(body.starts_with(name), "found by {name}, but it is {body}");
        }
        all += found.total;
    }
    assert_eq!(all, SHARED, "each is found by the words of one version");
}

#[test]
fn processes_that_create_one_index_at_once_all_succeed() {
    for _ in 0..3 {
        let db = crate::backend::TestDb::new();
        let made = workers::run(
            env!("CARGO_BIN_EXE_worker"),
            &db.url(),
            6,
            |_| "search-create-pooled",
        );
        assert_eq!(
            made.iter().filter(|made| *made == "true").count(),
            1,
            "{made:?}"
        );
        let mut conn = db.connect();
        assert!(Fts.index_exists(&mut conn, "docs").unwrap());
        assert_eq!(total(&mut conn, "here"), 6);
    }
}

/// An index whose next searched field does not fit the first tables of SQLite, and the words
/// `old` and `new` in a field that it has and in those to come.
fn index_without_room() -> (TestDb, Conn) {
    let (db, mut conn) = index_of(&numbered(0..8, &Field::text()));
    let document = json!({
        "f0": "old", "f8": "new", "f9": "new", "n1": 1, "n2": 2,
    });
    let documents = (0..1_200).map(|n| (n.to_string(), &document));
    Fts.index_many(&mut conn, "docs", documents).unwrap();
    (db, conn)
}

#[test]
fn killed_while_a_field_is_added_it_is_there_or_not_and_no_word_is_lost() {
    let (db, mut conn) = index_without_room();
    let worker = env!("CARGO_BIN_EXE_worker");
    let whole = workers::time(worker, &db.url(), "search-add:f8");
    assert_eq!(total(&mut conn, "new"), 1_200);
    drop((db, conn));
    let mut missing = 0;
    for kill in 0..5 {
        let (db, mut conn) = index_without_room();
        let conn = &mut conn;
        workers::kill_after(worker, &db.url(), "search-add:f8", whole * kill / 5);
        backend::wait_until_alone(conn);
        assert_eq!(total(conn, "old"), 1_200, "kill {kill}");
        let fields = Fts.definition(conn, "docs").unwrap().unwrap();
        if fields == numbered(0..8, &Field::text()) {
            missing += 1;
            assert_eq!(total(conn, "new"), 0, "kill {kill}");
            Fts.add_fields(conn, "docs", &added("f8")).unwrap();
        }
        while Fts.reindex(conn, "docs", 500).unwrap() > 0 {}
        assert_eq!(total(conn, "new"), 1_200, "kill {kill}");
        assert_eq!(total(conn, "old new"), 1_200, "kill {kill}");
    }
    assert!(missing > 0, "no kill came before the end");
}

#[test]
fn processes_that_add_fields_at_once_add_all() {
    let (db, mut conn) = index_without_room();
    let conn = &mut conn;
    let jobs = [
        "search-add:f8-pooled",
        "search-add:n1-pooled",
        "search-add:f9-pooled",
        "search-add:n2-pooled",
    ];
    workers::run(env!("CARGO_BIN_EXE_worker"), &db.url(), 4, |n| jobs[n]);
    for name in ["f8", "n1", "f9", "n2"] {
        let error = Fts.add_fields(conn, "docs", &added(name)).unwrap_err();
        let twice = format!("the field {name} is defined twice");
        assert_eq!(error.to_string(), twice);
    }
    while Fts.reindex(conn, "docs", 500).unwrap() > 0 {}
    for field in ["f8", "f9"] {
        let query = SearchQuery::new("new").fields([field]).size(0);
        assert_eq!(search(conn, &query).total, 1_200, "{field}");
    }
    let query = SearchQuery::new("old").filter(Filter::is("n1", 1));
    assert_eq!(search(conn, &query.size(0)).total, 1_200);
    let query = SearchQuery::new("old").filter(Filter::is("n2", 2));
    assert_eq!(search(conn, &query.size(1)).total, 1_200);
}

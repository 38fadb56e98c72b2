//! Processes that are killed, and several at once.

use std::time::Instant;

use covara_diesel::DatabaseConnection;
use covara_diesel::search::{SearchAdapter, SearchQuery};
use serde_json::json;
use support::search::{MANY, SHARED};
use support::workers;

use super::{articles, index_of, search};
use crate::backend::{self, Conn, Fts};
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
    let begun = Instant::now();
    workers::run(worker, &db.url(), 1, |_| "search-many");
    let whole = begun.elapsed();
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

//! What was done in a transaction is undone with it.

use covara_diesel::search::{
    Field, Filter, IndexDefinition, SearchAdapter, SearchError, SearchQuery, Sort,
};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error;
use serde_json::json;

use super::follow::{self, CREATE, Post};
use super::{articles, found, library};
use crate::backend::{self, Conn, Fts, TestDb};
use crate::suite::chain;

/// Runs `work` in a transaction that is rolled back.
fn undone(conn: &mut Conn, work: impl FnOnce(&mut Conn)) {
    let result = conn.transaction(|conn| {
        work(conn);
        QueryResult::<()>::Err(Error::RollbackTransaction)
    });
    assert_eq!(result, Err(Error::RollbackTransaction));
}

#[test]
fn documents_and_words_are_undone_together() {
    let (_db, mut conn) = library();
    let conn = &mut conn;
    undone(conn, |conn| {
        Fts.index(conn, "docs", "1", &json!({"title": "changed"}))
            .unwrap();
        Fts.index(conn, "docs", "new", &json!({"title": "changed"}))
            .unwrap();
        assert!(Fts.delete(conn, "docs", "3").unwrap());
        let many = (0..2_000).map(|n| (format!("m{n}"), json!({"title": "changed"})));
        Fts.index_many(conn, "docs", many).unwrap();
        let query = SearchQuery::new("changed").size(0);
        assert_eq!(Fts.search(conn, "docs", &query).unwrap().total, 2_002);
        assert_eq!(found(conn, "york"), ["4"]);
    });
    assert_eq!(found(conn, "changed"), [""; 0]);
    assert_eq!(found(conn, "york"), ["3", "4"]);
    assert_eq!(found(conn, "running database"), ["1", "2"]);
    assert_eq!(crate::suite::count(conn, "__covara_search_1"), 6);
}

#[test]
fn indexes_are_undone_too() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    let before = backend::tables(conn);
    undone(conn, |conn| {
        // In a transaction even the first look must not spoil it.
        assert!(!Fts.index_exists(conn, "docs").unwrap());
        assert_eq!(
            Fts.search(conn, "docs", &SearchQuery::new("x"))
                .unwrap()
                .total,
            0
        );
        assert!(Fts.create_index(conn, "docs", &articles()).unwrap());
        Fts.index(conn, "docs", "1", &json!({"title": "word"}))
            .unwrap();
        assert_eq!(found(conn, "word"), ["1"]);
    });
    assert_eq!(backend::tables(conn), before);
    Fts.create_index(conn, "docs", &articles()).unwrap();
    Fts.index(conn, "docs", "1", &json!({"title": "word", "year": 1}))
        .unwrap();
    undone(conn, |conn| {
        let more = IndexDefinition::new().field("n", Field::integer());
        Fts.add_fields(conn, "docs", &more).unwrap();
        while Fts.reindex(conn, "docs", 10).unwrap() > 0 {}
        let query = SearchQuery::new("word").sort(Sort::ascending("n"));
        assert_eq!(Fts.search(conn, "docs", &query).unwrap().total, 1);
    });
    let query = SearchQuery::new("word").filter(Filter::present("n"));
    let error = Fts.search(conn, "docs", &query).unwrap_err();
    assert!(matches!(error, SearchError::UnknownField { .. }));
    undone(conn, |conn| {
        assert!(Fts.delete_index(conn, "docs").unwrap());
        assert!(!Fts.index_exists(conn, "docs").unwrap());
    });
    assert_eq!(found(conn, "word"), ["1"]);
}

#[test]
fn an_error_in_a_transaction_leaves_it_usable() {
    let (_db, mut conn) = library();
    conn.transaction(|conn| {
        Fts.index(conn, "docs", "kept", &json!({"title": "kept"}))
            .unwrap();
        let many = [
            ("a", json!({"title": "half"})),
            ("b", json!({"year": "no"})),
        ];
        Fts.index_many(conn, "docs", many).unwrap_err();
        Fts.index(conn, "docs", "c", &json!([])).unwrap_err();
        Fts.create_index(conn, "docs", &IndexDefinition::new())
            .unwrap_err();
        QueryResult::Ok(())
    })
    .unwrap();
    assert_eq!(found(&mut conn, "kept"), ["kept"]);
    assert_eq!(found(&mut conn, "half"), [""; 0]);
}

#[test]
fn many_documents_are_all_written_or_none() {
    let (_db, mut conn) = library();
    let conn = &mut conn;
    let documents = (0..5_000).map(|n| {
        let year = if n == 4_999 {
            json!("no year")
        } else {
            json!(n)
        };
        (n.to_string(), json!({"body": "many", "year": year}))
    });
    let error = Fts.index_many(conn, "docs", documents).unwrap_err();
    assert_eq!(
        chain(&error),
        "the document \"4999\" cannot be indexed: its year is no integer"
    );
    assert_eq!(found(conn, "many"), [""; 0]);
    assert_eq!(
        found(conn, "database"),
        ["1", "2"],
        "the old ones are as they were"
    );
}

#[test]
fn a_followed_table_is_searched_with_what_the_transaction_wrote() {
    let db = TestDb::new();
    let (mut conn, mut other) = (db.connect(), db.connect());
    let (conn, other) = (&mut conn, &mut other);
    conn.batch_execute(CREATE).unwrap();
    Fts.follow::<_, Post>(conn).unwrap();
    undone(other, |conn| {
        follow::insert(conn, 7, "undone");
        assert_eq!(follow::found(conn, "undone"), ["7"], "here it is there");
    });
    assert_eq!(follow::found(conn, "undone"), [""; 0]);
    assert_eq!(crate::suite::count(conn, "__covara_search_1"), 0);
}

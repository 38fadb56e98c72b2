//! Connections that may only read.

use covara_diesel::ErrorKind;
use covara_diesel::search::{SearchAdapter, SearchError, SearchQuery};
use diesel::connection::SimpleConnection;
use serde_json::json;

use super::follow::{self, CREATE, Post};
use super::{found, library};
use crate::backend::{self, Fts, TestDb};

#[test]
fn a_read_only_connection_can_search() {
    let (db, conn) = library();
    drop(conn);
    let mut conn = backend::read_only(&db);
    assert_eq!(found(&mut conn, "york"), ["3", "4"]);
    let error = Fts.index(&mut conn, "docs", "1", &json!({})).unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::ReadOnly), "{error:?}");
    let error = Fts
        .index_many(&mut conn, "docs", [("1", json!({}))])
        .unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::ReadOnly), "{error:?}");
}

#[test]
fn a_read_only_connection_searches_what_is_indexed() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(CREATE).unwrap();
    follow::insert(&mut conn, 1, "indexed");
    Fts.follow::<_, Post>(&mut conn).unwrap();
    follow::insert(&mut conn, 2, "indexed");
    let mut reader = backend::read_only(&db);
    assert_eq!(follow::found(&mut reader, "indexed"), ["1"]);
    assert_eq!(follow::found(&mut conn, "indexed"), ["1", "2"]);
    assert_eq!(follow::found(&mut reader, "indexed"), ["1", "2"]);
}

#[test]
fn an_outdated_index_is_not_searched_by_those_who_cannot_bring_it_up_to_date() {
    let (db, mut conn) = library();
    conn.batch_execute(
        "UPDATE __covara_search_indexes SET definition = replace(definition, ',\"words\":4', '')",
    )
    .unwrap();
    let mut reader = backend::read_only(&db);
    let query = SearchQuery::new("york");
    let error = Fts.search(&mut reader, "docs", &query).unwrap_err();
    assert!(matches!(error, SearchError::Outdated { .. }), "{error:?}");
    assert_eq!(found(&mut conn, "york"), ["3", "4"]);
    assert_eq!(found(&mut reader, "york"), ["3", "4"]);
}

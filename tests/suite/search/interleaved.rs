//! Two connections of which one does its work between two statements of the other's.

use covara_diesel::search::{Field, Filter, IndexDefinition, SearchAdapter, SearchQuery};
use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;
use serde_json::json;

use super::follow::{CREATE, Post, found, insert};
use super::{ids, index_of, numbered};
use crate::backend::{Conn, Fts, TestDb};

/// Has `work` done once, by another connection, before the statement of `conn` that comes next
/// after one whose text has `after`.
fn between<W>(db: &TestDb, conn: &mut Conn, after: &'static str, work: W)
where
    W: FnOnce(&mut Conn) + Send + 'static,
{
    let mut other = db.connect();
    let (mut work, mut is_read) = (Some(work), false);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        let InstrumentationEvent::StartQuery { query, .. } = event else {
            return;
        };
        let now = is_read;
        is_read = is_read || query.to_string().contains(after);
        if let Some(work) = work.take_if(|_| now) {
            work(&mut other);
        }
    });
}

fn end(conn: &mut Conn) {
    conn.set_instrumentation(|_: InstrumentationEvent<'_>| {});
}

fn followed() -> (TestDb, Conn) {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(CREATE).unwrap();
    insert(&mut conn, 1, "zero");
    Fts.follow::<_, Post>(&mut conn).unwrap();
    (db, conn)
}

/// The text of the statement that reads notes.
const NOTES: &str = "json";

fn retitle(conn: &mut Conn, title: &str) {
    conn.batch_execute(&format!("UPDATE posts SET title = '{title}' WHERE id = 1"))
        .unwrap();
}

#[test]
fn a_slow_searcher_does_not_overwrite_what_a_fast_one_indexed() {
    let (db, mut conn) = followed();
    let conn = &mut conn;
    retitle(conn, "slow");
    let (sender, done) = std::sync::mpsc::channel();
    between(&db, conn, NOTES, move |other| {
        retitle(other, "fast");
        found(other, "fast");
        sender.send(()).unwrap();
    });
    found(conn, "slow");
    end(conn);
    done.try_recv().expect("the other one's work came between");
    assert_eq!(found(conn, "fast"), ["1"]);
    assert_eq!(found(conn, "slow"), [""; 0]);
}

#[test]
fn a_slow_searcher_does_not_remove_what_came_back() {
    let (db, mut conn) = followed();
    let conn = &mut conn;
    conn.batch_execute("DELETE FROM posts").unwrap();
    let (sender, done) = std::sync::mpsc::channel();
    between(&db, conn, NOTES, move |other| {
        insert(other, 1, "back");
        found(other, "back");
        sender.send(()).unwrap();
    });
    found(conn, "slow");
    end(conn);
    done.try_recv().expect("the other one's work came between");
    assert_eq!(found(conn, "back"), ["1"]);
}

#[test]
fn a_note_that_comes_while_others_are_worked_through_is_kept() {
    let (db, mut conn) = followed();
    let conn = &mut conn;
    insert(conn, 2, "two");
    let (sender, done) = std::sync::mpsc::channel();
    between(&db, conn, NOTES, move |other| {
        retitle(other, "between");
        insert(other, 3, "between");
        // As if it had been written before those that were read.
        other
            .batch_execute("UPDATE __covara_search_1_notes SET number = 1 WHERE key IN (1, 3)")
            .unwrap();
        sender.send(()).unwrap();
    });
    found(conn, "two");
    end(conn);
    done.try_recv().expect("the other one's work came between");
    assert_eq!(found(conn, "between"), ["1", "3"]);
    assert_eq!(found(conn, "two"), ["2"]);
}

/// Two documents that are the same, and a field that they are still to be indexed with.
fn to_be_reindexed() -> (TestDb, Conn) {
    let (db, mut conn) = index_of(&numbered(0..1, &Field::text()));
    for id in ["1", "2"] {
        Fts.index(&mut conn, "docs", id, &json!({"f0": "old", "n": 1}))
            .unwrap();
    }
    let more = IndexDefinition::new().field("n", Field::integer());
    Fts.add_fields(&mut conn, "docs", &more).unwrap();
    (db, conn)
}

#[test]
fn reindexing_does_not_overwrite_what_was_written_meanwhile() {
    let (db, mut conn) = to_be_reindexed();
    let conn = &mut conn;
    let (sender, done) = std::sync::mpsc::channel();
    between(&db, conn, "SELECT d.id, d.source", move |other| {
        Fts.index(other, "docs", "1", &json!({"f0": "new", "n": 2}))
            .unwrap();
        sender.send(()).unwrap();
    });
    Fts.reindex(conn, "docs", 10).unwrap();
    end(conn);
    done.try_recv().expect("the other one's work came between");
    assert_eq!(ids(conn, &SearchQuery::new("new")), ["1"]);
    assert_eq!(ids(conn, &SearchQuery::new("old")), ["2"]);
    let source = Fts.find(conn, "docs", "1").unwrap().unwrap();
    assert_eq!(source["n"], 2);
}

#[test]
fn reindexing_does_not_bring_back_what_was_deleted_meanwhile() {
    let (db, mut conn) = to_be_reindexed();
    let conn = &mut conn;
    let (sender, done) = std::sync::mpsc::channel();
    between(&db, conn, "SELECT d.id, d.source", move |other| {
        assert!(Fts.delete(other, "docs", "1").unwrap());
        sender.send(()).unwrap();
    });
    Fts.reindex(conn, "docs", 10).unwrap();
    end(conn);
    done.try_recv().expect("the other one's work came between");
    assert_eq!(ids(conn, &SearchQuery::new("old")), ["2"]);
    assert_eq!(Fts.find(conn, "docs", "1").unwrap(), None);
    let filled = SearchQuery::new("old").filter(Filter::is("n", 1));
    assert_eq!(ids(conn, &filled), ["2"], "the other one is indexed again");
}

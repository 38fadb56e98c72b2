//! Indexes of rows, and those that follow a table.

use std::fmt::Debug;

use chrono::{NaiveDate, NaiveDateTime};
use covara_diesel::search::{
    Filter, Followed, Highlight, SearchAdapter, SearchError, SearchQuery, Searchable, Sort,
};
use diesel::connection::SimpleConnection;
use serde::{Serialize, Serializer};
use serde_json::json;

use crate::backend::{self, Conn, Fts, TestDb};
use crate::suite::number;

diesel::table! {
    posts (id) {
        id -> BigInt,
        title -> Text,
        #[sql_name = "text body"]
        body -> Nullable<Text>,
        author -> Text,
        stars -> Nullable<Double>,
        published -> Bool,
    }
}

#[derive(Serialize, Searchable, Clone)]
#[diesel(table_name = posts)]
pub(super) struct Post {
    #[searchable(id)]
    id: i64,
    #[searchable(text, weight = 4, language = English)]
    title: String,
    #[searchable(text, language = English)]
    body: Option<String>,
    #[searchable(keyword, unsearched)]
    #[diesel(column_name = author)]
    writer: String,
    #[searchable(float)]
    stars: Option<f64>,
    #[searchable(boolean)]
    published: bool,
}

pub(super) const CREATE: &str = "CREATE TABLE posts (
    id BIGINT PRIMARY KEY NOT NULL, title TEXT NOT NULL, \"text body\" TEXT,
    author TEXT NOT NULL, stars DOUBLE PRECISION, published BOOLEAN NOT NULL
)";

fn some_posts(count: i64) -> Vec<Post> {
    (1..=count)
        .map(|id| Post {
            id,
            title: format!("Post {id}"),
            body: (id % 2 == 0).then(|| format!("running in {id}")),
            writer: ["ada", "grace"][id as usize % 2].to_owned(),
            stars: (id % 3 == 0).then_some(id as f64 / 2.0),
            published: id % 5 > 0,
        })
        .collect()
}

fn ids(conn: &mut Conn, query: &SearchQuery) -> Vec<String> {
    let found = Fts.search(conn, "posts", query).unwrap();
    let mut ids: Vec<String> = found.hits.into_iter().map(|hit| hit.id).collect();
    ids.sort();
    ids
}

pub(super) fn found(conn: &mut Conn, words: &str) -> Vec<String> {
    ids(conn, &SearchQuery::new(words))
}

#[test]
fn rows_of_a_followed_table_are_documents() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    assert_eq!(Post::INDEX, "posts");
    Fts.create_index(conn, Post::INDEX, &Post::definition())
        .unwrap();
    assert_eq!(Fts.index_rows(conn, &some_posts(20)).unwrap(), 20);
    assert_eq!(found(conn, "run 4"), ["4"]);
    let query = SearchQuery::new("post")
        .filter(Filter::is("writer", "ada"))
        .filter(Filter::is("published", true))
        .filter(Filter::range("stars", 3.0..))
        .sort(Sort::descending("stars"));
    assert_eq!(ids(conn, &query), ["12", "18", "6"]);
    assert_eq!(
        Fts.find(conn, "posts", "3").unwrap(),
        Some(
            json!({"title": "Post 3", "body": null, "writer": "grace", "stars": 1.5, "published": true})
        )
    );
}

pub(super) fn insert(conn: &mut Conn, id: i64, title: &str) {
    let sql = format!("INSERT INTO posts VALUES ({id}, '{title}', NULL, 'ada', 1, true)");
    conn.batch_execute(&sql).unwrap();
}

#[test]
fn an_index_follows_every_write_to_its_table() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    conn.batch_execute(CREATE).unwrap();
    insert(conn, 1, "before");
    let follow = |conn: &mut Conn| Fts.follow::<_, Post>(conn).unwrap();
    assert_eq!(follow(conn), Followed::Created);
    assert_eq!(follow(conn), Followed::Unchanged, "it does already");
    assert_eq!(found(conn, "before"), ["1"]);

    // Another connection, which knows nothing of an index.
    let mut other = db.connect();
    insert(&mut other, 2, "second");
    insert(&mut other, 3, "third");
    assert_eq!(found(conn, "second"), ["2"]);
    other
        .batch_execute("UPDATE posts SET title = 'changed', \"text body\" = 'cities' WHERE id = 2")
        .unwrap();
    assert_eq!(found(conn, "second"), [""; 0]);
    assert_eq!(found(conn, "changed city"), ["2"]);
    other
        .batch_execute("UPDATE posts SET id = 20 WHERE id = 2")
        .unwrap();
    assert_eq!(found(conn, "changed"), ["20"]);
    other
        .batch_execute("DELETE FROM posts WHERE id = 3")
        .unwrap();
    assert_eq!(found(conn, "third"), [""; 0]);
    assert_eq!(
        Fts.find(conn, "posts", "20").unwrap().unwrap()["body"],
        json!("cities")
    );

    // Thousands in one statement, and a seed would be the same.
    other
        .batch_execute(
            "INSERT INTO posts WITH RECURSIVE n (i) AS (
                 SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 3600
             ) SELECT i, 'many ' || i, NULL, 'grace', NULL, true FROM n",
        )
        .unwrap();
    assert_eq!(Fts.refresh(conn, "posts").unwrap(), 3_501);
    assert_eq!(Fts.refresh(conn, "posts").unwrap(), 0);
    let many = Fts
        .search(conn, "posts", &SearchQuery::new("many").size(0))
        .unwrap();
    assert_eq!(many.total, 3_501);
    other.batch_execute("DELETE FROM posts").unwrap();
    assert_eq!(found(conn, "many"), [""; 0]);
    assert_eq!(found(conn, "before"), [""; 0]);
    assert_eq!(
        number(conn, "SELECT count(*) AS n FROM __covara_search_1"),
        0
    );
}

#[test]
fn two_searchers_beside_writers_lose_no_row() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(CREATE).unwrap();
    Fts.follow::<_, Post>(&mut conn).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..2_i64 {
            let url = db.url();
            scope.spawn(move || {
                let mut conn = backend::pool(&url).get().unwrap();
                for n in 0..60 {
                    let id = writer * 1_000 + n % 30;
                    let title = format!("w{writer} v{n}");
                    let sql = format!(
                        "INSERT INTO posts VALUES ({id}, '{title}', NULL, 'ada', 1, true)
                         ON CONFLICT (id) DO UPDATE SET title = excluded.title"
                    );
                    conn.batch_execute(&sql).unwrap();
                }
            });
        }
        for _ in 0..2 {
            let url = db.url();
            scope.spawn(move || {
                let mut conn = backend::pool(&url).get().unwrap();
                for _ in 0..40 {
                    Fts.search(&mut *conn, "posts", &SearchQuery::new("w1"))
                        .unwrap();
                }
            });
        }
    });
    for n in 30..60 {
        let mut expected = [(n - 30).to_string(), (n + 970).to_string()];
        expected.sort();
        assert_eq!(found(&mut conn, &format!("v{n}")), expected, "v{n}");
    }
    assert_eq!(found(&mut conn, "v5"), [""; 0]);
}

#[test]
fn a_deleted_index_leaves_the_table_as_it_was() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    conn.batch_execute(CREATE).unwrap();
    Fts.create_index(conn, "other", &Post::definition())
        .unwrap();
    Fts.follow::<_, Post>(conn).unwrap();
    Fts.delete_index(conn, "posts").unwrap();
    let before = backend::tables(conn);
    for _ in 0..2 {
        insert(conn, 1, "word");
        Fts.follow::<_, Post>(conn).unwrap();
        assert_eq!(found(conn, "word"), ["1"]);
        let error = Fts
            .create_index(conn, "posts", &Post::definition())
            .unwrap_err();
        assert!(matches!(error, SearchError::IndexDiffers { .. }));
        assert!(Fts.delete_index(conn, "posts").unwrap());
        assert_eq!(backend::tables(conn), before);
        conn.batch_execute("DELETE FROM posts").unwrap();
    }
    let query = SearchQuery::new("word").highlight(Highlight::new());
    assert_eq!(Fts.search(conn, "posts", &query).unwrap().total, 0);
}

diesel::table! {
    events (id) {
        id -> BigInt,
        title -> Text,
        cancelled -> Nullable<Bool>,
        price -> Nullable<Double>,
        begins -> Nullable<Timestamp>,
        day -> Nullable<Date>,
        seats -> Nullable<BigInt>,
    }
}

/// A time as the feature `serde` of chrono writes it: as `Debug` does.
struct Written<T>(T);

impl<T: Debug> Serialize for Written<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        format!("{:?}", self.0).serialize(to)
    }
}

#[derive(Searchable)]
#[diesel(table_name = events)]
struct Event {
    #[searchable(id)]
    id: i64,
    #[searchable(text)]
    title: String,
    #[searchable(boolean)]
    cancelled: Option<bool>,
    #[searchable(float)]
    price: Option<f64>,
    #[searchable(date)]
    begins: Option<Written<NaiveDateTime>>,
    #[searchable(date)]
    day: Option<Written<NaiveDate>>,
    #[searchable(integer)]
    seats: Option<i64>,
}

#[test]
fn a_followed_row_is_the_same_document_as_an_indexed_one() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    conn.batch_execute(
        "CREATE TABLE events (id BIGINT PRIMARY KEY NOT NULL, title TEXT NOT NULL,
             cancelled BOOLEAN, price DOUBLE PRECISION, begins TIMESTAMP, day DATE, seats BIGINT);
         INSERT INTO events VALUES
             (1, 'one event', true, 3, '2024-05-01 12:30:00', '2024-05-01', 7),
             (2, 'two event', false, 0.1, '2024-05-01 12:30:00.5', '1999-12-31', 0),
             (3, 'no event', NULL, NULL, NULL, NULL, NULL)",
    )
    .unwrap();
    let day = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap();
    let noon = |milli| day(2024, 5, 1).and_hms_milli_opt(12, 30, 0, milli);
    let event = |id: i64, title: &str| Event {
        id,
        title: format!("{title} event"),
        cancelled: None,
        price: None,
        begins: None,
        day: None,
        seats: None,
    };
    let rows = [
        Event {
            cancelled: Some(true),
            price: Some(3.0),
            begins: noon(0).map(Written),
            day: Some(Written(day(2024, 5, 1))),
            seats: Some(7),
            ..event(1, "one")
        },
        Event {
            cancelled: Some(false),
            price: Some(0.1),
            begins: noon(500).map(Written),
            day: Some(Written(day(1999, 12, 31))),
            seats: Some(0),
            ..event(2, "two")
        },
        event(3, "no"),
    ];
    Fts.follow::<_, Event>(conn).unwrap();
    let followed: Vec<_> = ["1", "2", "3"]
        .map(|id| Fts.find(conn, "events", id).unwrap().unwrap())
        .into();
    let expected: Vec<_> = rows.iter().map(|row| row.document().unwrap()).collect();
    assert_eq!(followed, expected);
    Fts.index_rows(conn, &rows).unwrap();
    let indexed: Vec<_> = ["1", "2", "3"]
        .map(|id| Fts.find(conn, "events", id).unwrap().unwrap())
        .into();
    assert_eq!(indexed, expected);
    let query = SearchQuery::new("event").filter(Filter::is("price", 3.0));
    assert_eq!(Fts.search(conn, "events", &query).unwrap().total, 1);
}

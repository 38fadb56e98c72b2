//! Followed tables that are altered, replaced, or written to past their triggers.

use covara_diesel::auto_migrate;
use covara_diesel::search::{
    Cause, Field, Followed, IndexDefinition, SearchAdapter, SearchError, SearchQuery, Searchable,
};
use diesel::connection::SimpleConnection;

use super::engine::{OLD, SPOIL_NOTES, removals};
use super::follow::{CREATE, Post, found, insert};
use crate::backend::{Conn, Fts, TestDb};
use crate::suite::number;

fn followed() -> (TestDb, Conn) {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(CREATE).unwrap();
    insert(&mut conn, 1, "kept");
    insert(&mut conn, 2, "lost");
    assert_eq!(follow(&mut conn), Followed::Created);
    assert_eq!(follow(&mut conn), Followed::Unchanged);
    (db, conn)
}

fn follow(conn: &mut Conn) -> Followed {
    Fts.follow::<_, Post>(conn).unwrap()
}

fn assert_follows(conn: &mut Conn) {
    assert_eq!(follow(conn), Followed::Unchanged);
    insert(conn, 77, "later");
    assert_eq!(found(conn, "later"), ["77"]);
    conn.batch_execute("DELETE FROM posts WHERE id = 77")
        .unwrap();
    assert_eq!(found(conn, "later"), [""; 0]);
}

/// As SQLite's documentation says how to alter a table, without one row.
fn rebuild(conn: &mut Conn) {
    let create = CREATE.replace("TABLE posts", "TABLE new_posts");
    conn.batch_execute(&format!(
        "{create};
         INSERT INTO new_posts SELECT * FROM posts WHERE id <> 2;
         DROP TABLE posts;
         ALTER TABLE new_posts RENAME TO posts"
    ))
    .unwrap();
}

#[test]
fn a_rebuilt_table_is_followed_again() {
    let (_db, mut conn) = followed();
    let conn = &mut conn;
    rebuild(conn);
    insert(conn, 3, "new");
    assert_eq!(follow(conn), Followed::Mended(Cause::Table));
    assert_eq!(found(conn, "kept"), ["1"]);
    assert_eq!(found(conn, "new"), ["3"]);
    assert_eq!(found(conn, "lost"), [""; 0]);
    assert_follows(conn);
}

#[test]
fn a_table_that_was_dropped_and_created_again_is_followed_again() {
    let (_db, mut conn) = followed();
    let conn = &mut conn;
    conn.batch_execute("DROP TABLE posts").unwrap();
    assert_eq!(found(conn, "kept"), ["1"], "a search does not fail");
    Fts.follow::<_, Post>(conn).unwrap_err();
    conn.batch_execute(CREATE).unwrap();
    insert(conn, 3, "new");
    assert_eq!(follow(conn), Followed::Mended(Cause::Table));
    assert_eq!(found(conn, "new"), ["3"]);
    assert_eq!(found(conn, "kept"), [""; 0]);
    assert_follows(conn);
}

#[test]
fn a_table_that_took_the_place_of_a_renamed_one_is_followed() {
    let (_db, mut conn) = followed();
    let conn = &mut conn;
    conn.batch_execute("ALTER TABLE posts RENAME TO old_posts")
        .unwrap();
    conn.batch_execute(CREATE).unwrap();
    insert(conn, 3, "new");
    assert_eq!(follow(conn), Followed::Mended(Cause::Table));
    assert_eq!(found(conn, "new"), ["3"]);
    assert_eq!(found(conn, "kept"), [""; 0]);
    conn.batch_execute("UPDATE old_posts SET title = 'ghost'; DELETE FROM old_posts WHERE id = 2")
        .unwrap();
    assert_eq!(found(conn, "ghost"), [""; 0]);
    assert_follows(conn);
}

mod renamed {
    use covara_diesel::search::Searchable;
    use serde::Serialize;

    diesel::table! {
        articles (number) {
            number -> BigInt,
            title -> Text,
            #[sql_name = "text body"]
            body -> Nullable<Text>,
            author -> Text,
            stars -> Nullable<Double>,
            published -> Bool,
        }
    }

    #[derive(Serialize, Searchable)]
    #[diesel(table_name = articles)]
    #[searchable(index = "posts")]
    pub(super) struct Article {
        #[searchable(id)]
        number: i64,
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
}
use renamed::Article;

#[test]
fn an_index_moves_with_a_table_that_is_renamed() {
    let (_db, mut conn) = followed();
    let conn = &mut conn;
    conn.batch_execute("CREATE TABLE articles (number BIGINT PRIMARY KEY NOT NULL)")
        .unwrap();
    let error = Fts.follow::<_, Article>(conn).unwrap_err();
    assert!(matches!(error, SearchError::IndexDiffers { .. }));
    conn.batch_execute("DROP TABLE articles").unwrap();

    conn.batch_execute(
        "ALTER TABLE posts RENAME TO articles;
         ALTER TABLE articles RENAME COLUMN id TO number",
    )
    .unwrap();
    // Writes with the old triggers fail on no engine.
    conn.batch_execute("UPDATE articles SET title = 'changed' WHERE number = 2")
        .unwrap();
    let followed = Fts.follow::<_, Article>(conn).unwrap();
    assert_eq!(followed, Followed::Mended(Cause::Renamed));
    let again = Fts.follow::<_, Article>(conn).unwrap();
    assert_eq!(again, Followed::Unchanged);
    assert_eq!(found(conn, "changed"), ["2"]);
    conn.batch_execute("DELETE FROM articles WHERE number = 1")
        .unwrap();
    assert_eq!(found(conn, "kept"), [""; 0]);
}

#[test]
fn missing_triggers_and_notes_are_made_again() {
    let (_db, mut conn) = followed();
    let conn = &mut conn;
    let removals = removals(conn);
    assert!(removals.len() > 2);
    for removal in removals {
        conn.batch_execute(&removal).unwrap();
        if !removal.contains("number") {
            conn.batch_execute("UPDATE posts SET title = 'unseen' WHERE id = 1")
                .unwrap();
        }
        assert_eq!(follow(conn), Followed::Mended(Cause::Triggers), "{removal}");
        conn.batch_execute("UPDATE posts SET title = 'unseen' WHERE id = 1")
            .unwrap();
        assert_eq!(found(conn, "unseen"), ["1"]);
        conn.batch_execute("UPDATE posts SET title = 'kept' WHERE id = 1")
            .unwrap();
        assert_follows(conn);
    }
}

#[test]
fn rebuild_indexes_all_rows_and_removes_documents_without_one() {
    let (_db, mut conn) = followed();
    let conn = &mut conn;
    assert_eq!(found(conn, "kept"), ["1"]);
    Fts.index(conn, "posts", "99", &serde_json::json!({"title": "stray"}))
        .unwrap();
    Fts.delete(conn, "posts", "1").unwrap();
    assert_eq!(Fts.rebuild(conn, "posts").unwrap(), 2);
    assert_eq!(found(conn, "kept"), ["1"]);
    assert_eq!(found(conn, "stray"), [""; 0]);
    // Triggers as well.
    rebuild(conn);
    assert_eq!(Fts.rebuild(conn, "posts").unwrap(), 1);
    assert_follows(conn);

    let definition = IndexDefinition::new().field("name", Field::text());
    Fts.create_index(conn, "other", &definition).unwrap();
    let error = Fts.rebuild(conn, "other").unwrap_err();
    assert!(matches!(error, SearchError::FollowsNothing { .. }));
    let error = Fts.rebuild(conn, "none").unwrap_err();
    assert!(matches!(error, SearchError::UnknownIndex { .. }));
}

#[test]
fn an_index_of_an_earlier_version_is_mended_by_follow_and_at_boot() {
    for boot in [false, true] {
        let (_db, mut conn) = followed();
        let conn = &mut conn;
        conn.batch_execute(OLD).unwrap();
        insert(conn, 3, "noted");
        if boot {
            auto_migrate(conn).unwrap();
            assert_eq!(follow(conn), Followed::Unchanged);
        } else {
            assert_eq!(follow(conn), Followed::Mended(Cause::Version));
        }
        assert_eq!(found(conn, "noted"), ["3"]);
        assert_follows(conn);
        assert!(auto_migrate(conn).unwrap().applied.is_empty() || !boot);
    }
}

#[test]
fn no_write_of_the_users_fails_because_of_the_index() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    conn.batch_execute(&CREATE.replace("BIGINT PRIMARY KEY NOT NULL", "BIGINT"))
        .unwrap();
    assert_eq!(follow(conn), Followed::Created);
    // No key, and one key twice.
    conn.batch_execute(
        "INSERT INTO posts VALUES (NULL, 'nothing', NULL, 'ada', 1, true),
             (5, 'twice', NULL, 'ada', 1, true), (5, 'twice', NULL, 'ada', 1, true);
         UPDATE posts SET id = NULL WHERE id = 5;
         UPDATE posts SET id = 5 WHERE title = 'twice';
         DELETE FROM posts WHERE id IS NULL",
    )
    .unwrap();
    assert_eq!(found(conn, "twice"), ["5"]);
    conn.batch_execute(SPOIL_NOTES).unwrap();
    insert(conn, 6, "six");
    insert(conn, 7, "seven");
    conn.batch_execute(
        "UPDATE posts SET title = 'eight' WHERE id = 7; DELETE FROM posts WHERE id = 6",
    )
    .unwrap();
    assert_eq!(found(conn, "six"), [""; 0]);
    assert_eq!(found(conn, "eight"), ["7"]);
}

mod odd {
    use covara_diesel::search::Searchable;
    use serde::Serialize;

    diesel::table! {
        #[sql_name = "it's 100% \"odd\" $1 $body$ \\ größe; DROP TABLE x; -- 345678901"]
        strange (id) {
            #[sql_name = "schlüssel '%s' \"$do$\" \\ {} ?"]
            id -> Text,
            #[sql_name = "na'me %1$s \"x\""]
            name -> Text,
        }
    }

    #[derive(Serialize, Searchable)]
    #[diesel(table_name = strange)]
    #[searchable(index = "strange")]
    pub(super) struct Strange {
        #[searchable(id)]
        id: String,
        #[searchable(text)]
        name: String,
    }
}

#[test]
fn odd_names_of_tables_and_columns_are_quoted() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let table = quote("it's 100% \"odd\" $1 $body$ \\ größe; DROP TABLE x; -- 345678901");
    let (id, name) = (
        quote("schlüssel '%s' \"$do$\" \\ {} ?"),
        quote("na'me %1$s \"x\""),
    );
    conn.batch_execute(&format!(
        "CREATE TABLE {table} ({id} VARCHAR(40) PRIMARY KEY NOT NULL, {name} TEXT NOT NULL);
         INSERT INTO {table} VALUES ('a', 'before')"
    ))
    .unwrap();
    let follow = |conn: &mut Conn| Fts.follow::<_, odd::Strange>(conn).unwrap();
    assert_eq!(follow(conn), Followed::Created);
    assert_eq!(follow(conn), Followed::Unchanged);
    conn.batch_execute(&format!(
        "INSERT INTO {table} VALUES ('it''s', 'after'), ('\\', 'after');
         UPDATE {table} SET {id} = 'b' WHERE {id} = 'a'; DELETE FROM {table} WHERE {id} = '\\'"
    ))
    .unwrap();
    let mut ids = |words: &str| {
        let found = Fts
            .search(conn, "strange", &SearchQuery::new(words))
            .unwrap();
        let ids = found.hits.into_iter().map(|hit| hit.id);
        ids.collect::<Vec<_>>()
    };
    assert_eq!(ids("before"), ["b"]);
    assert_eq!(ids("after"), ["it's"]);
    assert_eq!(Fts.rebuild(conn, "strange").unwrap(), 2);
    assert_eq!(
        number(conn, &format!("SELECT count(*) AS n FROM {table}")),
        2
    );
    assert!(Fts.delete_index(conn, "strange").unwrap());
    conn.batch_execute(&format!("DELETE FROM {table}")).unwrap();
}

#[test]
fn a_search_works_through_a_bounded_number_of_notes() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    conn.batch_execute(CREATE).unwrap();
    follow(conn);
    conn.batch_execute(
        "INSERT INTO posts WITH RECURSIVE n (i) AS (
             SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10500
         ) SELECT i, 'many', NULL, 'grace', NULL, true FROM n",
    )
    .unwrap();
    let mut total = |size| {
        let query = SearchQuery::new("many").size(size);
        Fts.search(conn, Post::INDEX, &query).unwrap().total
    };
    assert_eq!(total(0), 10_000);
    assert_eq!(total(0), 10_500);
}

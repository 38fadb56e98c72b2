//! Seeds that replace what is in their tables.

use covara_diesel::{OnConflict, Seed, SeedError, Seedable};
use diesel::connection::SimpleConnection;

use super::{chain, count, number};
use crate::backend::{self, Conn, TestDb};

diesel::table! {
    parents (id) {
        id -> BigInt,
        name -> Text,
    }
}

diesel::table! {
    children (id) {
        id -> BigInt,
        parent -> BigInt,
    }
}

#[derive(Clone, Seedable)]
#[diesel(table_name = parents)]
struct Parent {
    id: i64,
    name: String,
}

#[derive(Seedable)]
#[diesel(table_name = parents)]
struct NamedParent {
    name: &'static str,
}

#[derive(Seedable)]
#[diesel(table_name = children)]
struct Child {
    id: i64,
    parent: i64,
}

fn parents(ids: std::ops::Range<i64>) -> Vec<Parent> {
    let parent = |id| Parent {
        id,
        name: format!("parent {id}"),
    };
    ids.map(parent).collect()
}

fn family(reference: &str) -> (TestDb, Conn) {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(&format!(
        "CREATE TABLE parents (id {}, name TEXT NOT NULL UNIQUE);
         CREATE TABLE children (id BIGINT PRIMARY KEY NOT NULL,
             parent BIGINT NOT NULL REFERENCES parents (id) {reference});",
        backend::AUTO_ID.replace(
            "PRIMARY KEY",
            match backend::DIALECT {
                covara_diesel::Dialect::Sqlite => "PRIMARY KEY AUTOINCREMENT",
                covara_diesel::Dialect::Postgres => "PRIMARY KEY",
            }
        )
    ))
    .unwrap();
    (db, conn)
}

#[test]
fn tables_are_emptied_and_filled_and_ids_start_anew() {
    let (_db, mut conn) = family("");
    let children: Vec<_> = (0..100)
        .map(|id| Child {
            id,
            parent: id + 200,
        })
        .collect();
    let old = parents(200..500);
    Seed::new()
        .table(&old)
        .table(&children)
        .run(&mut conn)
        .unwrap();

    let new = parents(1..101);
    let children: Vec<_> = (0..50).map(|id| Child { id, parent: id + 1 }).collect();
    let seed = Seed::new().table(&new).table(&children).table(&new[..3]);
    let summary = seed.replace().run(&mut conn).unwrap();
    let of_tables: Vec<_> = summary
        .tables
        .iter()
        .map(|table| (table.deleted, table.inserted, table.skipped))
        .collect();
    assert_eq!(of_tables, [(300, 100, 0), (100, 50, 0), (0, 0, 3)]);
    assert_eq!((summary.deleted(), summary.inserted()), (400, 150));
    assert_eq!(count(&mut conn, "parents"), 100);
    assert_eq!(count(&mut conn, "children"), 50);
    conn.batch_execute("INSERT INTO parents (name) VALUES ('next')")
        .unwrap();
    let next = "SELECT id AS n FROM parents WHERE name = 'next'";
    assert_eq!(number(&mut conn, next), 101);

    conn.batch_execute("DELETE FROM children").unwrap();
    let named = [NamedParent { name: "a" }, NamedParent { name: "b" }];
    let none: [Child; 0] = [];
    let seed = Seed::new().table(&named).table(&none).replace();
    let summary = seed.on_conflict(OnConflict::Fail).run(&mut conn).unwrap();
    assert_eq!((summary.deleted(), summary.inserted()), (101, 2));
    let ids = "SELECT min(id) + 10 * max(id) AS n FROM parents";
    assert_eq!(number(&mut conn, ids), 21);
}

#[test]
fn rows_of_other_tables_that_refer_to_a_table_are_an_error_that_names_theirs() {
    for reference in ["", "ON DELETE CASCADE", "ON DELETE RESTRICT"] {
        let (_db, mut conn) = family(reference);
        let old = parents(1..10);
        let new = parents(1..5);
        // No row refers to it yet.
        Seed::new().table(&old).replace().run(&mut conn).unwrap();
        Child::seed(&mut conn, &[Child { id: 1, parent: 7 }]).unwrap();
        let error = Seed::new()
            .table(&new)
            .replace()
            .run(&mut conn)
            .unwrap_err();
        match &error {
            SeedError::Referred { table, by, .. } => {
                assert_eq!(table, "parents");
                assert!(by.ends_with("children"), "{by}");
            }
            other => panic!("{}", chain(other)),
        }
        assert_eq!(count(&mut conn, "parents"), 9);
        assert_eq!(count(&mut conn, "children"), 1);
    }
}

#[test]
fn after_an_error_the_rows_are_there_as_before() {
    let (_db, mut conn) = family("");
    Seed::new().table(&parents(1..10)).run(&mut conn).unwrap();
    let mut new = parents(20..30);
    new.push(new[4].clone());
    let seed = Seed::new().table(&new).replace();
    match seed
        .on_conflict(OnConflict::Fail)
        .run(&mut conn)
        .unwrap_err()
    {
        SeedError::Conflict { row: 11, .. } => {}
        other => panic!("{}", chain(&other)),
    }
    assert_eq!(count(&mut conn, "parents WHERE id < 10"), 9);
    conn.batch_execute("INSERT INTO parents (name) VALUES ('next')")
        .unwrap();
    let next = "SELECT id AS n FROM parents WHERE name = 'next'";
    assert_eq!(number(&mut conn, next), 10);
}

#[test]
fn rows_that_a_trigger_keeps_or_adds_are_an_error_and_all_is_as_before() {
    let triggers = match backend::DIALECT {
        covara_diesel::Dialect::Sqlite => [
            "CREATE TRIGGER t BEFORE DELETE ON children WHEN OLD.id = 3 BEGIN
                 SELECT RAISE(IGNORE); END",
            // Of the table that is emptied last, for one that is emptied before.
            "CREATE TRIGGER t AFTER DELETE ON parents WHEN OLD.id = 5 BEGIN
                 INSERT INTO removed VALUES (OLD.id); END",
        ],
        covara_diesel::Dialect::Postgres => [
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS
                 $$BEGIN IF OLD.id = 3 THEN RETURN NULL; END IF; RETURN OLD; END$$;
             CREATE TRIGGER t BEFORE DELETE ON children FOR EACH ROW EXECUTE FUNCTION f()",
            "CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS
                 $$BEGIN IF OLD.id = 5 THEN INSERT INTO removed VALUES (OLD.id); END IF;
                     RETURN NULL; END$$;
             CREATE TRIGGER t AFTER DELETE ON parents FOR EACH ROW EXECUTE FUNCTION g()",
        ],
    };
    for (trigger, left) in triggers.into_iter().zip(["children", "removed"]) {
        let (_db, mut conn) = family("");
        conn.batch_execute("CREATE TABLE removed (id BIGINT PRIMARY KEY NOT NULL)")
            .unwrap();
        let old = parents(1..10);
        let children: Vec<_> = (1..10).map(|id| Child { id, parent: 9 }).collect();
        let seed = Seed::new().table(&old).table(&children);
        seed.run(&mut conn).unwrap();
        conn.batch_execute(trigger).unwrap();
        let (new, none) = (parents(1..3), [Child { id: 50, parent: 1 }]);
        let removed: [Removed; 0] = [];
        let seed = Seed::new().table(&new).table(&none).table(&removed);
        let error = seed.replace().run(&mut conn).unwrap_err();
        match &error {
            SeedError::NotEmptied { table, .. } => assert_eq!(table, left, "{trigger}"),
            other => panic!("{trigger}: {}", chain(other)),
        }
        let text = error.to_string();
        assert!(text.contains(" still has rows"), "{text}");
        assert_eq!(count(&mut conn, "parents WHERE id < 10"), 9);
        assert_eq!(count(&mut conn, "children"), 9);
    }
}

diesel::table! {
    removed (id) {
        id -> BigInt,
    }
}

#[derive(Seedable)]
#[diesel(table_name = removed)]
struct Removed {
    id: i64,
}

diesel::table! {
    left_ones (id) {
        id -> BigInt,
        other -> Nullable<BigInt>,
    }
}

diesel::table! {
    right_ones (id) {
        id -> BigInt,
        other -> Nullable<BigInt>,
    }
}

#[derive(Seedable)]
#[diesel(table_name = left_ones)]
struct Left {
    id: i64,
    other: Option<i64>,
}

#[derive(Seedable)]
#[diesel(table_name = right_ones)]
struct Right {
    id: i64,
    other: Option<i64>,
}

#[test]
fn tables_that_refer_to_each_other_are_replaced_together() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let later = match backend::DIALECT {
        covara_diesel::Dialect::Sqlite => {
            "CREATE TABLE left_ones (id BIGINT PRIMARY KEY NOT NULL,
                 other BIGINT REFERENCES right_ones (id));
             CREATE TABLE right_ones (id BIGINT PRIMARY KEY NOT NULL,
                 other BIGINT REFERENCES left_ones (id))"
        }
        covara_diesel::Dialect::Postgres => {
            "CREATE TABLE left_ones (id BIGINT PRIMARY KEY NOT NULL, other BIGINT);
             CREATE TABLE right_ones (id BIGINT PRIMARY KEY NOT NULL,
                 other BIGINT REFERENCES left_ones (id));
             ALTER TABLE left_ones ADD FOREIGN KEY (other) REFERENCES right_ones (id)
                 DEFERRABLE"
        }
    };
    conn.batch_execute(later).unwrap();
    for size in [20, 30] {
        let left: Vec<_> = (0..size)
            .map(|id| Left {
                id,
                other: Some(id),
            })
            .collect();
        let right: Vec<_> = (0..size)
            .map(|id| Right {
                id,
                other: Some(id),
            })
            .collect();
        let seed = Seed::new().table(&left).table(&right).replace();
        let summary = seed.by_foreign_keys().run(&mut conn).unwrap();
        let deleted = if size == 20 { 0 } else { 40 };
        assert_eq!(summary.deleted(), deleted);
        assert_eq!(count(&mut conn, "left_ones"), size);
        assert_eq!(count(&mut conn, "right_ones"), size);
    }
}

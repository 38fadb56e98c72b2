//! Tables in the order that their foreign keys want.

use covara_diesel::{Seed, Seedable};
use diesel::connection::SimpleConnection;

use super::count;
use crate::backend::{Conn, TestDb};

diesel::table! {
    grandchildren (id) {
        id -> BigInt,
        child -> BigInt,
    }
}

diesel::table! {
    children (id) {
        id -> BigInt,
        parent -> BigInt,
        other -> Nullable<BigInt>,
    }
}

diesel::table! {
    parents (id) {
        id -> BigInt,
        favourite -> Nullable<BigInt>,
    }
}

#[derive(Seedable)]
#[diesel(table_name = grandchildren)]
struct Grandchild {
    id: i64,
    child: i64,
}

#[derive(Seedable)]
#[diesel(table_name = children)]
struct Child {
    id: i64,
    parent: i64,
    other: Option<i64>,
}

#[derive(Seedable)]
#[diesel(table_name = parents)]
struct Parent {
    id: i64,
    favourite: Option<i64>,
}

fn family(more: &str) -> (TestDb, Conn) {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(&format!(
        "CREATE TABLE parents (id BIGINT PRIMARY KEY NOT NULL, favourite BIGINT);
         CREATE TABLE children (id BIGINT PRIMARY KEY NOT NULL,
             parent BIGINT NOT NULL REFERENCES parents (id),
             other BIGINT REFERENCES children (id));
         CREATE TABLE grandchildren (id BIGINT PRIMARY KEY NOT NULL,
             child BIGINT NOT NULL REFERENCES children (id));
         {more}"
    ))
    .unwrap();
    (db, conn)
}

#[test]
fn tables_are_filled_in_the_order_of_their_foreign_keys() {
    let (_db, mut conn) = family("");
    let grandchildren: Vec<_> = (0..400)
        .map(|id| Grandchild { id, child: id / 2 })
        .collect();
    let children: Vec<_> = (0..200)
        .map(|id| Child {
            id,
            parent: id / 2,
            other: (id > 0).then_some(id - 1),
        })
        .collect();
    let parents: Vec<_> = (0..100)
        .map(|id| Parent {
            id,
            favourite: None,
        })
        .collect();
    let mut seen: Vec<String> = Vec::new();
    let seed = Seed::new()
        .table(&grandchildren)
        .table(&parents[..50])
        .table(&children)
        .table(&parents[50..]);
    let seed = seed.by_foreign_keys().progress(|progress| {
        if seen.last() != Some(&progress.table) {
            seen.push(progress.table.clone());
        }
    });
    let summary = seed.run(&mut conn).unwrap();
    assert_eq!(seen, ["parents", "children", "grandchildren"]);
    // The summary keeps the order given.
    let tables: Vec<_> = summary
        .tables
        .iter()
        .map(|table| (table.table.as_str(), table.inserted))
        .collect();
    let expected = [
        ("grandchildren", 400),
        ("parents", 50),
        ("children", 200),
        ("parents", 50),
    ];
    assert_eq!(tables, expected);
    assert_eq!(count(&mut conn, "grandchildren"), 400);
}

#[test]
fn a_table_that_does_not_exist_is_still_the_error_that_it_was() {
    let (_db, mut conn) = family("");
    conn.batch_execute("DROP TABLE grandchildren").unwrap();
    let rows = [Grandchild { id: 1, child: 1 }];
    let parents = [Parent {
        id: 1,
        favourite: None,
    }];
    let seed = Seed::new().table(&rows).table(&parents).by_foreign_keys();
    let error = seed.run(&mut conn).unwrap_err();
    assert!(error.to_string().contains("grandchildren"), "{error}");
    assert_eq!(count(&mut conn, "parents"), 0);
}

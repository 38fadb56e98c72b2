//! What tables may look like.

use covara_diesel::{SeedError, Seedable};
use diesel::prelude::*;

use crate::database;

mod words {
    diesel::table! {
        words (r#type) {
            r#type -> Text,
            #[sql_name = "match"]
            match_ -> Text,
            r#move -> Integer,
            r#fn -> Nullable<Integer>,
        }
    }
}

/// Columns named by a keyword of Rust, and by one of SQL.
#[test]
fn keywords() {
    use words::words;

    #[derive(Seedable)]
    #[diesel(table_name = words)]
    struct Word {
        r#type: &'static str,
        match_: &'static str,
        #[diesel(column_name = "move")]
        position: i32,
        #[diesel(column_name = r#fn)]
        function: Option<i32>,
    }

    let mut conn = database(
        r#"CREATE TABLE words (
            "type" TEXT PRIMARY KEY, "match" TEXT NOT NULL, "move" INTEGER NOT NULL, "fn" INTEGER
        )"#,
    );
    let word = Word {
        r#type: "verb",
        match_: "go",
        position: 3,
        function: Some(4),
    };
    Word::seed(&mut conn, &[word]).expect("a seed");

    let stored: Vec<(String, String, i32, Option<i32>)> =
        words::table.load(&mut conn).expect("the words");
    assert_eq!(stored, [("verb".into(), "go".into(), 3, Some(4))]);
}

mod qualified {
    diesel::table! {
        main.users (id) {
            id -> Integer,
            name -> Text,
        }
    }
}

/// The row goes to the table of the schema, and reports name it.
#[test]
fn schemas() {
    #[derive(Seedable)]
    #[diesel(table_name = qualified::users)]
    struct User {
        id: i32,
        name: &'static str,
    }

    let mut conn = database(
        "CREATE TABLE main.users (id INTEGER PRIMARY KEY, name TEXT CHECK (name <> ''));
         CREATE TEMPORARY TABLE users (id INTEGER PRIMARY KEY, name TEXT);",
    );
    let summary = User::seed(&mut conn, &[User { id: 1, name: "Ada" }]).expect("a seed");
    let refused = User::seed(&mut conn, &[User { id: 2, name: "" }]);

    assert_eq!(summary.tables[0].table, "main.users");
    assert!(
        matches!(&refused, Err(SeedError::Row { table, row: 1, .. }) if table == "main.users"),
        "{refused:?}"
    );
    let stored: Vec<(i32, String)> = qualified::users::table.load(&mut conn).expect("the users");
    assert_eq!(stored, [(1, "Ada".into())]);
}

diesel::table! {
    visits (day, city_id) {
        day -> Date,
        city_id -> BigInt,
        count -> Integer,
    }
}

#[test]
fn composite_keys() {
    #[derive(Seedable)]
    #[diesel(table_name = visits)]
    struct Visits {
        day: chrono::NaiveDate,
        city_id: i64,
        count: i32,
    }

    let day = |day| chrono::NaiveDate::from_ymd_opt(2024, 2, day).expect("a day");
    let visits =
        [(28, 1, 10), (29, 1, 11), (29, 2, 12), (29, 1, 13)].map(|(number, city_id, count)| {
            Visits {
                day: day(number),
                city_id,
                count,
            }
        });
    let mut conn = database(
        "CREATE TABLE visits (
            day DATE, city_id BIGINT, count INTEGER NOT NULL, PRIMARY KEY (day, city_id)
        )",
    );
    let summary = Visits::seed(&mut conn, &visits).expect("a seed");

    assert_eq!((summary.inserted(), summary.skipped()), (3, 1));
    let stored: Vec<(chrono::NaiveDate, i64, i32)> = visits::table
        .order((visits::day, visits::city_id))
        .load(&mut conn)
        .expect("the visits");
    assert_eq!(
        stored,
        [(day(28), 1, 10), (day(29), 1, 11), (day(29), 2, 12)]
    );
}

//! Connections cache seeding statements by table, columns and number of rows.

use covara_diesel::{Seed, Seedable};
use diesel::prelude::*;

use crate::database;

diesel::table! {
    users (id) {
        id -> Integer,
        name -> Nullable<Text>,
        city -> Nullable<Text>,
    }
}

const CREATE: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, city TEXT)";

#[derive(Seedable)]
#[diesel(table_name = users)]
struct Named {
    id: i32,
    name: &'static str,
}

#[derive(Seedable)]
#[diesel(table_name = users)]
struct Located {
    id: i32,
    city: &'static str,
}

/// The columns of both, the other way round, one of them embedded.
#[derive(Seedable)]
#[diesel(table_name = users)]
struct Full {
    city: &'static str,
    #[diesel(embed)]
    named: Named,
}

/// The same columns in the same order as `Named`.
#[derive(Seedable)]
#[diesel(table_name = users)]
struct Also {
    id: i32,
    #[diesel(column_name = name, serialize_as = String)]
    nickname: &'static str,
}

type Row = (i32, Option<String>, Option<String>);

#[test]
fn statements_of_other_columns_are_not_mixed() {
    let mut conn = database(CREATE);
    let mut expected: Vec<Row> = Vec::new();
    for round in 0..3 {
        let id = round * 10;
        // Statements of one row and of four, each the same size for all structs.
        Seed::new()
            .table(&[1, 2, 3, 4, 5].map(|row| Named {
                id: id + row,
                name: "named",
            }))
            .run(&mut conn)
            .expect("a seed");
        expected.extend((1..=5).map(|row| (id + row, Some("named".into()), None)));
        Located::seed(
            &mut conn,
            &[Located {
                id: id + 6,
                city: "located",
            }],
        )
        .expect("a seed");
        expected.push((id + 6, None, Some("located".into())));
        Full::seed(
            &mut conn,
            &[Full {
                city: "full city",
                named: Named {
                    id: id + 7,
                    name: "full name",
                },
            }],
        )
        .expect("a seed");
        expected.push((id + 7, Some("full name".into()), Some("full city".into())));
        Also::seed(
            &mut conn,
            &[Also {
                id: id + 8,
                nickname: "also",
            }],
        )
        .expect("a seed");
        expected.push((id + 8, Some("also".into()), None));
    }

    let stored: Vec<Row> = users::table.order(users::id).load(&mut conn).expect("rows");
    assert_eq!(stored, expected);
}

/// Tables of one shape differ by name alone.
#[test]
fn statements_of_other_tables_are_not_mixed() {
    mod other {
        diesel::table! {
            admins (id) {
                id -> Integer,
                name -> Nullable<Text>,
            }
        }
    }
    use other::admins;

    #[derive(Seedable)]
    #[diesel(table_name = admins)]
    struct Admin {
        id: i32,
        name: &'static str,
    }

    let mut conn = database(CREATE);
    diesel::sql_query("CREATE TABLE admins (id INTEGER PRIMARY KEY, name TEXT)")
        .execute(&mut conn)
        .expect("a table");
    for id in 1..=3 {
        Named::seed(&mut conn, &[Named { id, name: "user" }]).expect("a seed");
        Admin::seed(&mut conn, &[Admin { id, name: "admin" }]).expect("a seed");
    }

    let users: Vec<(i32, Option<String>)> = users::table
        .select((users::id, users::name))
        .load(&mut conn)
        .expect("rows");
    let admins: Vec<(i32, Option<String>)> = admins::table.load(&mut conn).expect("rows");
    assert_eq!(users, [1, 2, 3].map(|id| (id, Some("user".into()))));
    assert_eq!(admins, [1, 2, 3].map(|id| (id, Some("admin".into()))));
}

//! One struct for several backends, of which some lack a type.

use covara_diesel::Seedable;
use diesel::prelude::*;
use diesel::sql_types::SqlType;

use crate::database;

/// Exists on PostgreSQL alone.
#[derive(SqlType)]
#[diesel(postgres_type(name = "mood"))]
pub struct MoodType;

diesel::table! {
    use diesel::sql_types::*;
    use super::MoodType;

    people (id) {
        id -> Integer,
        name -> Text,
        mood -> Nullable<MoodType>,
    }
}

#[derive(Debug, diesel::expression::AsExpression)]
#[diesel(sql_type = MoodType)]
struct Mood;

/// Fine as long as it does not meet SQLite.
#[derive(Seedable)]
#[diesel(table_name = people)]
#[expect(dead_code, reason = "SQLite has no such type")]
struct Person {
    id: i32,
    name: &'static str,
    mood: Option<Mood>,
}

#[derive(Seedable)]
#[diesel(table_name = people)]
struct Moodless {
    id: i32,
    name: &'static str,
}

#[test]
fn a_type_that_a_backend_lacks_harms_only_rows_that_have_it() {
    let mut conn = database("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, mood)");
    let person = Moodless { id: 1, name: "Ada" };
    Moodless::seed(&mut conn, &[person]).expect("a seed");

    let stored: Vec<(i32, String)> = people::table
        .select((people::id, people::name))
        .load(&mut conn)
        .expect("the people");
    assert_eq!(stored, [(1, "Ada".into())]);
}

#[cfg(feature = "postgres")]
mod postgres {
    use covara_diesel::seed::SeedRow;
    use diesel::pg::Pg;
    use diesel::sqlite::Sqlite;

    use super::*;

    diesel::table! {
        articles (id) {
            id -> Integer,
            tags -> Array<Text>,
            body -> Jsonb,
            remote -> Nullable<Inet>,
        }
    }

    #[derive(Seedable)]
    #[diesel(table_name = articles)]
    struct Article {
        id: i32,
        tags: Vec<String>,
        body: serde_json::Value,
    }

    #[derive(Seedable)]
    #[diesel(table_name = articles)]
    struct Tagless {
        id: i32,
        body: serde_json::Value,
    }

    fn seedable_on<DB: diesel::backend::Backend, T: SeedRow<DB>>() {}

    #[test]
    fn arrays_are_for_postgres_and_json_for_both() {
        seedable_on::<Pg, Article>();
        seedable_on::<Pg, Tagless>();
        seedable_on::<Sqlite, Tagless>();

        let mut conn = database("CREATE TABLE articles (id INTEGER PRIMARY KEY, body BLOB)");
        let body = serde_json::json!({ "title": "Seeds", "pages": [1, 2, null] });
        let article = Tagless {
            id: 1,
            body: body.clone(),
        };
        Tagless::seed(&mut conn, &[article]).expect("a seed");

        let stored: Vec<(i32, serde_json::Value)> = articles::table
            .select((articles::id, articles::body))
            .load(&mut conn)
            .expect("the articles");
        assert_eq!(stored, [(1, body)]);
    }
}

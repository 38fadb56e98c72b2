//! Authors and their books, which the program works on.

use chrono::{NaiveDate, NaiveDateTime};
use diesel::prelude::*;
use diesel::sql_types::{Double, Nullable, Text};
use serde_json::json;

diesel::table! {
    authors (id) {
        id -> BigInt,
        name -> Text,
        born -> Nullable<Date>,
    }
}

diesel::table! {
    books (id) {
        id -> BigInt,
        author_id -> BigInt,
        title -> Text,
        price -> Double,
        printed -> Nullable<Timestamp>,
        notes -> Nullable<Json>,
    }
}

diesel::joinable!(books -> authors (author_id));
diesel::allow_tables_to_appear_in_same_query!(authors, books);

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Insertable)]
#[diesel(table_name = authors, treat_none_as_default_value = false)]
pub(super) struct Author {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) born: Option<NaiveDate>,
}

#[derive(
    Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Associations, Insertable,
)]
#[diesel(table_name = books, belongs_to(Author), treat_none_as_default_value = false)]
pub(super) struct Book {
    pub(super) id: i64,
    pub(super) author_id: i64,
    pub(super) title: String,
    pub(super) price: f64,
    pub(super) printed: Option<NaiveDateTime>,
    pub(super) notes: Option<serde_json::Value>,
}

#[derive(Debug, QueryableByName)]
#[expect(dead_code, reason = "all of it is shown")]
pub(super) struct ByName {
    #[diesel(sql_type = Text)]
    pub(super) title: String,
    #[diesel(sql_type = Text, column_name = "a \"name\"")]
    pub(super) name: String,
    #[diesel(sql_type = Nullable<Double>)]
    pub(super) total: Option<f64>,
}

pub(super) fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
}

pub(super) fn all_books() -> Vec<Book> {
    (1..=6)
        .map(|id| Book {
            id,
            author_id: id % 3 + 1,
            title: format!("Book «{id}» of O'Brien; --"),
            price: 2.5 * id as f64 + 0.1,
            printed: (id % 2 == 0).then(|| {
                day(1900 + id as i32, 2, 28)
                    .and_hms_micro_opt(23, 59, 59, 123_456)
                    .unwrap()
            }),
            notes: (id % 3 != 0).then(|| json!({"tags": ["a", null, id], "ünïcode": "\u{1F469}"})),
        })
        .collect()
}

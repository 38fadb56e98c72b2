//! Generated rows with two unique columns, one of them not the key.

use covara_diesel::Seedable;

use crate::thorough;

diesel::table! {
    numbers (id) {
        id -> BigInt,
        label -> Text,
        half -> Nullable<BigInt>,
    }
}

/// SQL for the table on both engines.
pub const CREATE: &str = "CREATE TABLE numbers (
    id BIGINT PRIMARY KEY NOT NULL,
    label TEXT NOT NULL UNIQUE,
    half BIGINT
)";

#[derive(Debug, Clone, PartialEq, Eq, Seedable, diesel::Queryable)]
#[diesel(table_name = numbers)]
pub struct Number {
    pub id: i64,
    pub label: String,
    pub half: Option<i64>,
}

/// So many rows that a process shows whether it holds all of them: some 90 bytes each.
pub fn many() -> i64 {
    thorough::times(250_000, 1_000_000)
}

/// The rows 1 to `count`; odd ones have no half.
pub fn up_to(count: i64) -> impl Iterator<Item = Number> {
    (1..=count).map(|id| Number {
        id,
        label: format!("number {id}"),
        half: (id % 2 == 0).then_some(id / 2),
    })
}

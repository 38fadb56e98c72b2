//! What is measured on every database over HTTP.

use std::hint::black_box;

use covara_diesel::Seedable;
use diesel::prelude::*;

use super::comparison::{Comparison, timed};
use super::measure::median;
use super::{recorded, rows};

diesel::table! {
    users (id) {
        id -> Text,
        email -> Text,
        name -> Nullable<Text>,
        age -> Nullable<Integer>,
        created_at -> BigInt,
    }
}

pub const CREATE: &str = "CREATE TABLE users (
    id TEXT PRIMARY KEY NOT NULL,
    email TEXT NOT NULL UNIQUE,
    name TEXT,
    age INTEGER,
    created_at BIGINT NOT NULL
)";

#[derive(Debug, Clone, Seedable, Queryable)]
#[diesel(table_name = users)]
pub struct User {
    pub id: String,
    pub email: String,
    pub name: Option<String>,
    pub age: Option<i32>,
    pub created_at: i64,
}

pub fn user(number: i64) -> User {
    let (id, email, name, age, created_at) = rows::fields(number, number);
    User {
        id,
        email,
        name,
        age,
        created_at,
    }
}

pub const ROUNDS: usize = 31;
const CALLS: usize = 50;
pub const SEEDED: i64 = 100_000;

/// One row by its key, of those that are there: by hand, where nothing of the answer is read, and
/// through Diesel.
pub fn by_key(
    name: &str,
    some: &[User],
    hand: impl Fn(&str) -> String,
    mut ours: impl FnMut(&str) -> User,
) {
    let title = format!("{name}, {CALLS} × a row by its key");
    let mut comparison = Comparison::new(title, &["the same request by ureq", "through Diesel"]);
    for round in 0..ROUNDS {
        let of_round = some.iter().cycle().skip(round * 7).take(CALLS);
        let (time, ()) = timed(|| {
            for user in of_round.clone() {
                black_box(hand(&user.id));
            }
        });
        comparison.add(0, time);
        let (time, ()) = timed(|| {
            for user in of_round.clone() {
                assert_eq!(ours(&user.id).created_at, user.created_at);
            }
        });
        comparison.add(1, time);
    }
    comparison.print();
}

diesel::table! {
    wide (id) {
        id -> BigInt,
        name -> Text,
        country -> Text,
        region -> Nullable<Text>,
        feature -> Text,
        population -> BigInt,
        latitude -> Double,
        longitude -> Double,
        note -> Nullable<Text>,
    }
}

/// A row of `wide`.
pub type Wide = (
    i64,
    String,
    String,
    Option<String>,
    String,
    i64,
    f64,
    f64,
    Option<String>,
);

pub const WIDE_ROWS: usize = 5_000;

/// Five thousand rows of nine columns, from a program that only repeats what the server said, so that
/// the server's own time does not hide ours: decoding the answer, the bare request, and loading.
pub fn load(
    name: &str,
    body: &str,
    decode_structs: fn(&str) -> usize,
    bare: impl Fn() -> String,
    mut ours: impl FnMut() -> Vec<Wide>,
) {
    let names = [
        "decoding into serde_json::Value",
        "decoding into borrowed structs",
        "the bare request",
        "load through Diesel",
    ];
    let title = format!("{name}, {WIDE_ROWS} rows × 9 columns, {} bytes", body.len());
    let mut comparison = Comparison::new(title, &names);
    let (mut of_value, mut of_structs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (value, ()) = timed(|| recorded::decode_value(body));
        let (structs, cells) = timed(|| decode_structs(body));
        assert_eq!(cells, WIDE_ROWS * 9);
        let (bare, bytes) = timed(&bare);
        assert_eq!(bytes.len(), body.len());
        let (ours, rows) = timed(&mut ours);
        assert_eq!(rows.len(), WIDE_ROWS);
        for (contestant, time) in [value, structs, bare, ours].into_iter().enumerate() {
            comparison.add(contestant, time);
        }
        let own = ours.saturating_sub(bare).as_secs_f64();
        of_value.push(own / value.as_secs_f64());
        of_structs.push(own / structs.as_secs_f64());
    }
    comparison.print();
    println!(
        "  without the request, loading takes {:.2} × of decoding into Values, {:.2} × of \
         decoding into borrowed structs",
        median(&of_value),
        median(&of_structs)
    );
}

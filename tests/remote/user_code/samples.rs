//! Values of every type, at their limits.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use covara_diesel::DatabaseConnection;
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Double};
use diesel::sqlite::Sqlite;
use serde_json::json;

use super::library::{ByName, day};
use crate::remote::transcript::Transcript;

diesel::table! {
    samples (id) {
        id -> BigInt,
        whole -> Nullable<BigInt>,
        medium -> Nullable<Integer>,
        small -> Nullable<SmallInt>,
        real -> Nullable<Double>,
        single -> Nullable<Float>,
        text -> Nullable<Text>,
        bytes -> Nullable<Binary>,
        flag -> Nullable<Bool>,
        day -> Nullable<Date>,
        hour -> Nullable<Time>,
        moment -> Nullable<Timestamp>,
        document -> Nullable<Json>,
        binary_document -> Nullable<Jsonb>,
    }
}

#[derive(Debug, Clone, Default, PartialEq, Queryable, Selectable, Insertable)]
#[diesel(table_name = samples, treat_none_as_default_value = false)]
struct Sample {
    id: i64,
    whole: Option<i64>,
    medium: Option<i32>,
    small: Option<i16>,
    real: Option<f64>,
    single: Option<f32>,
    text: Option<String>,
    bytes: Option<Vec<u8>>,
    flag: Option<bool>,
    day: Option<NaiveDate>,
    hour: Option<NaiveTime>,
    moment: Option<NaiveDateTime>,
    document: Option<serde_json::Value>,
    binary_document: Option<serde_json::Value>,
}

/// The rows of one sample each, named by what is special in it.
fn all_samples() -> Vec<(&'static str, Sample)> {
    let mut all: Vec<(&'static str, Sample)> = Vec::new();
    let mut add = |name: &'static str, change: &dyn Fn(&mut Sample)| {
        let mut sample = Sample {
            id: i64::try_from(all.len()).unwrap() + 1,
            ..Sample::default()
        };
        change(&mut sample);
        all.push((name, sample));
    };
    add("nothing", &|_| {});
    for whole in [0, 1, -1, (1 << 53) - 1, -((1 << 53) - 1), 1 << 31] {
        add("whole", &|s| s.whole = Some(whole));
    }
    add("medium", &|s| s.medium = Some(i32::MIN));
    add("medium", &|s| s.medium = Some(i32::MAX));
    add("small", &|s| s.small = Some(i16::MIN));
    for real in [
        0.0,
        1.0,
        -1.5,
        0.1,
        1e15,
        1e16,
        1e300,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        f64::EPSILON,
        9_007_199_254_740_993.0,
        9.223_372_036_854_776e18,
        123_456_789.123_456_79,
    ] {
        add("real", &|s| s.real = Some(real));
    }
    for single in [0.1, f32::MAX, f32::MIN_POSITIVE] {
        add("single", &|s| s.single = Some(single));
    }
    // SQLite has no NaN.
    add("NaN", &|s| s.real = Some(f64::NAN));
    for text in [
        "",
        " ",
        "a\0b",
        "\0",
        "O'Brien \"the\" `best` \\ back\\\\",
        "'; DROP TABLE samples; --",
        "\u{1F469}\u{200D}\u{1F469}\u{200D}\u{1F467} \u{5E9}\u{5DC}\u{5D5}\u{5DD}",
        "\u{FEFF}\u{200B}\u{10FFFF}\r\n\t\u{7F}\u{1}\u{2028}",
        "$1 ?1 :name @x NULL null {\"type\":\"text\"}",
        "123",
        "1e5",
    ] {
        add("text", &|s| s.text = Some(text.to_owned()));
    }
    add("a megabyte", &|s| {
        s.text = Some("0123456789abcdé\n".repeat(1 << 16))
    });
    for bytes in [vec![], vec![0], (0..=255).collect(), b"text".to_vec()] {
        add("bytes", &|s| s.bytes = Some(bytes.clone()));
    }
    add("100 kB", &|s| s.bytes = Some(vec![0xAB; 100_000]));
    add("flag", &|s| s.flag = Some(true));
    add("flag", &|s| s.flag = Some(false));
    for (year, micro) in [
        (1, 0),
        (1969, 999_999),
        (1970, 0),
        (2038, 500_000),
        (9999, 1),
    ] {
        add("time", &|s| {
            s.day = Some(day(year, 12, 31));
            s.hour = NaiveTime::from_hms_micro_opt(23, 59, 59, micro);
            s.moment = s.day.unwrap().and_hms_micro_opt(0, 0, 1, micro);
        });
    }
    for document in [
        json!(null),
        json!([1, -2.5, "x", {"b": 1, "a": []}]),
        json!({"z": 9_007_199_254_740_993_i64, "text": "\u{0}\"\\/\u{2028}"}),
    ] {
        add("JSON", &|s| {
            s.document = Some(document.clone());
            s.binary_document = Some(document.clone());
        });
    }
    all
}

pub(super) fn values<C>(conn: &mut C, seen: &mut Transcript) -> QueryResult<()>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    for (name, sample) in all_samples() {
        let step = format!("{name}, sample {}", sample.id);
        diesel::insert_into(samples::table)
            .values(&sample)
            .execute(conn)?;
        let stored: Sample = samples::table.find(sample.id).first(conn)?;
        if sample.real.is_none_or(|real| !real.is_nan()) {
            assert!(stored == sample, "{step} came back as something else");
        }
        seen.note(format!("{step}, read"), &stored);
        // As the database itself has it: types, signs and every digit.
        let quoted: String = diesel::sql_query(
            "SELECT typeof(whole) || typeof(real) || typeof(single) || typeof(bytes)
                 || iif(length(text) > 1000, length(text), hex(text))
                 || coalesce(whole, '') || quote(medium) || quote(bytes) || quote(flag)
                 || quote(day) || quote(hour) || quote(moment) || quote(document)
                 || hex(binary_document) AS title,
                 '' AS \"a \"\"name\"\"\", NULL AS total
             FROM samples WHERE id = ?",
        )
        .bind::<BigInt, _>(sample.id)
        .get_result::<ByName>(conn)?
        .title;
        seen.note(format!("{step}, stored"), quoted);
        // What is bound finds what is stored.
        let found: i64 = samples::table
            .filter(samples::id.eq(sample.id))
            .filter(
                samples::whole
                    .is(sample.whole)
                    .and(samples::text.is(sample.text.clone()))
                    .and(samples::bytes.is(sample.bytes.clone()))
                    .and(samples::real.is(sample.real))
                    .and(samples::single.is(sample.single))
                    .and(samples::day.is(sample.day))
                    .and(samples::moment.is(sample.moment)),
            )
            .count()
            .get_result(conn)?;
        assert_eq!(found, 1, "{step}");
    }
    // Arithmetic on what is bound is that of its type.
    let halves: (i64, f64) = diesel::select((
        diesel::dsl::sql::<BigInt>("7 / ").bind::<BigInt, _>(2),
        diesel::dsl::sql::<Double>("7 / ").bind::<Double, _>(2.0),
    ))
    .get_result(conn)?;
    seen.note("division", halves);
    Ok(())
}

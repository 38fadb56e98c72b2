//! Values survive exactly.

use chrono::{NaiveDate, NaiveDateTime};
use covara_diesel::{SeedError, Seedable};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::backend::{self, Conn, TestDb};

diesel::table! {
    samples (id) {
        id -> BigInt,
        whole -> Nullable<BigInt>,
        small -> Nullable<SmallInt>,
        real -> Nullable<Double>,
        text -> Nullable<Text>,
        bytes -> Nullable<Binary>,
        flag -> Nullable<Bool>,
        day -> Nullable<Date>,
        moment -> Nullable<Timestamp>,
    }
}

#[derive(Debug, Clone, Default, PartialEq, Seedable, Queryable)]
#[diesel(table_name = samples)]
struct Sample {
    id: i64,
    whole: Option<i64>,
    small: Option<i16>,
    real: Option<f64>,
    text: Option<String>,
    bytes: Option<Vec<u8>>,
    flag: Option<bool>,
    day: Option<NaiveDate>,
    moment: Option<NaiveDateTime>,
}

fn samples_db() -> (TestDb, Conn) {
    let db = TestDb::new();
    let mut conn = db.connect();
    let (blob, timestamp) = (backend::BLOB, backend::TIMESTAMP);
    conn.batch_execute(&format!(
        "CREATE TABLE samples (id BIGINT PRIMARY KEY NOT NULL, whole BIGINT, small SMALLINT,
             real DOUBLE PRECISION, text TEXT, bytes {blob}, flag BOOLEAN, day DATE,
             moment {timestamp})"
    ))
    .unwrap();
    (db, conn)
}

fn moment(year: i32, month: u32, day: u32, micros: u32) -> NaiveDateTime {
    NaiveDate::from_ymd_opt(year, month, day)
        .unwrap()
        .and_hms_micro_opt(23, 59, 58, micros)
        .unwrap()
}

#[test]
fn every_value_comes_back_as_it_went_in() {
    let (_db, mut conn) = samples_db();
    let mut samples = Vec::new();
    let mut add = |change: &dyn Fn(&mut Sample)| {
        let mut sample = Sample {
            id: i64::try_from(samples.len()).unwrap(),
            ..Sample::default()
        };
        change(&mut sample);
        samples.push(sample);
    };
    add(&|_| {});
    let largest = backend::LARGEST_WHOLE;
    for whole in [i64::MIN, i64::MAX, 0, -1, (1 << 53) + 1, -largest] {
        if largest < i64::MAX && whole.saturating_abs() > largest {
            continue;
        }
        add(&|sample| sample.whole = Some(whole));
    }
    for small in [i16::MIN, i16::MAX] {
        add(&|sample| sample.small = Some(small));
    }
    for real in [
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        0.1,
        backend::LARGEST_REAL,
        -backend::LARGEST_REAL,
    ] {
        add(&|sample| sample.real = Some(real));
    }
    let long = "x".repeat(1 << 20);
    let texts = [
        "",
        " ",
        "O'Brien \"the\" `best` \\ back",
        "'; DROP TABLE samples; --",
        "\u{1F469}\u{200D}\u{1F469}\u{200D}\u{1F467}",
        "\u{5E9}\u{5DC}\u{5D5}\u{5DD} \u{639}\u{644}\u{64A}\u{643}\u{645}",
        "\u{FEFF}\u{200B}\u{10FFFF}\r\n\t\u{7F}",
        "$1 ?1 :name %s NULL",
        &long,
    ];
    for text in texts {
        add(&|sample| sample.text = Some(text.to_owned()));
    }
    for bytes in [
        vec![],
        vec![0],
        (0..=255).collect::<Vec<u8>>(),
        vec![0xAB; 1 << 20],
    ] {
        add(&|sample| sample.bytes = Some(bytes.clone()));
    }
    for flag in [true, false] {
        add(&|sample| sample.flag = Some(flag));
    }
    for (year, micros) in [
        (1, 0),
        (1582, 1),
        (1900, 0),
        (1969, 999_999),
        (1970, 0),
        (2038, 500_000),
        (2106, 1),
        (9999, 999_999),
    ] {
        let moment = moment(year, 12, 31, micros);
        add(&|sample| {
            sample.day = Some(moment.date());
            sample.moment = Some(moment);
        });
    }
    let leap = moment(2024, 2, 29, 123_456);
    add(&|sample| sample.moment = Some(leap));

    let summary = Sample::seed(&mut conn, &samples).unwrap();
    assert_eq!(summary.inserted(), samples.len());
    let stored: Vec<Sample> = samples::table.order(samples::id).load(&mut conn).unwrap();
    for (stored, given) in stored.iter().zip(&samples) {
        assert!(stored == given, "row {}", given.id);
    }
    assert_eq!(stored.len(), samples.len());
    let zero: Vec<Sample> = {
        Sample::seed(
            &mut conn,
            &[Sample {
                id: 1000,
                real: Some(-0.0),
                ..Sample::default()
            }],
        )
        .unwrap();
        samples::table
            .filter(samples::id.eq(1000))
            .load(&mut conn)
            .unwrap()
    };
    assert_eq!(zero[0].real, Some(0.0));
}

#[test]
fn nan_is_kept_where_the_database_has_it() {
    let (_db, mut conn) = samples_db();
    Sample::seed(
        &mut conn,
        &[Sample {
            id: 1,
            real: Some(f64::NAN),
            ..Sample::default()
        }],
    )
    .unwrap();
    let stored: Option<f64> = samples::table
        .select(samples::real)
        .first(&mut conn)
        .unwrap();
    assert_eq!(stored.map(f64::is_nan), backend::HAS_NAN.then_some(true));
}

#[test]
fn a_text_with_nul_is_stored_whole_or_refused_by_row() {
    let (_db, mut conn) = samples_db();
    let rows = [
        Sample {
            id: 1,
            text: Some("fine".to_owned()),
            ..Sample::default()
        },
        Sample {
            id: 2,
            text: Some("a\0b".to_owned()),
            ..Sample::default()
        },
    ];
    let seeded = Sample::seed(&mut conn, &rows);
    assert_eq!(seeded.is_ok(), backend::TEXT_HOLDS_NUL);
    match seeded {
        Ok(_) => {
            let stored: Option<String> = samples::table
                .find(2)
                .select(samples::text)
                .first(&mut conn)
                .unwrap();
            assert_eq!(stored.as_deref(), Some("a\0b"));
        }
        Err(error) => {
            assert!(matches!(&error, SeedError::Row { row: 2, .. }), "{error:?}");
            assert_eq!(super::count(&mut conn, "samples"), 0);
        }
    }
}

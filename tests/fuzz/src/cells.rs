//! Cells of every type, and the array literals that are made of them.

use std::borrow::Cow;
use std::fmt::Debug;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use covara_diesel::__fuzz::array_literal;
use covara_diesel::fixture::{Cell, FixtureValue};
use serde_json::Value;

pub(crate) fn cells(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let kinds = [
        Cell::Field(&text),
        Cell::JsonString(text.clone()),
        Cell::JsonNumber(&text),
        Cell::JsonCompound(&text),
    ];
    for cell in &kinds {
        same_when_written::<i16>(cell);
        same_when_written::<i32>(cell);
        same_when_written::<i64>(cell);
        same_when_written::<u32>(cell);
        same_when_written::<bool>(cell);
        same_when_written::<String>(cell);
        same_when_written::<NaiveDate>(cell);
        same_when_written::<NaiveTime>(cell);
        same_when_written::<NaiveDateTime>(cell);
        same(cell, |time: &DateTime<Utc>| time.naive_utc().to_string());
        // RFC 3339 has no other years.
        if DateTime::<FixedOffset>::from_cell(cell).is_some_and(|t| (0..=9999).contains(&t.year()))
        {
            same(cell, DateTime::<FixedOffset>::to_rfc3339);
        }
        same_when_written::<Value>(cell);
        if let Some(number) = f64::from_cell(cell) {
            let text = number.to_string();
            let again = f64::from_cell(&Cell::Field(&text)).expect("its own text");
            let same = again.to_bits() == number.to_bits();
            assert!(same || number.is_nan() && again.is_nan(), "{number}");
        }
        f32::from_cell(cell);
        if let Some(bytes) = Vec::<u8>::from_cell(cell) {
            let text = format!("\\x{}", data_encoding::HEXLOWER.encode(&bytes));
            assert_eq!(Vec::<u8>::from_cell(&Cell::Field(&text)), Some(bytes));
        }
        Cow::<'_, [u8]>::from_cell(cell);
        Vec::<Option<i32>>::from_cell(cell);
        Vec::<Vec<Option<String>>>::from_cell(cell);
        Option::<DateTime<Utc>>::from_cell(cell);
    }
    if let Some(literal) = array_literal(&text) {
        check_literal(&literal);
    }
}

/// A value is read again from how it is written.
fn same_when_written<T: FixtureValue + ToString + PartialEq + Debug>(cell: &Cell<'_>) {
    same(cell, T::to_string);
}

fn same<T: FixtureValue + PartialEq + Debug>(cell: &Cell<'_>, write: fn(&T) -> String) {
    if let Some(value) = T::from_cell(cell) {
        let text = write(&value);
        assert_eq!(T::from_cell(&Cell::Field(&text)), Some(value), "{text}");
    }
}

/// Braces match, and nothing but NULL stands outside of quotes.
fn check_literal(literal: &str) {
    let mut characters = literal.chars();
    let (mut depth, mut bare) = (0, String::new());
    while let Some(character) = characters.next() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            '"' => loop {
                match characters.next().expect("a closed quote") {
                    '\\' => drop(characters.next()),
                    '"' => break,
                    _ => {}
                }
            },
            ',' => bare.clear(),
            other => {
                bare.push(other);
                assert!("NULL".starts_with(&bare), "{literal}");
            }
        }
        assert!(depth >= 0, "{literal}");
    }
    assert_eq!(depth, 0, "{literal}");
}

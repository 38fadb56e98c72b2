//! Floating-point numbers sent to a libSQL server.
//!
//! No option of serde_json helps: it writes each number exactly, and the server's own JSON reader
//! rounds the last digit of long ones.

use std::borrow::Cow;

use crate::remote::sql::rewrite_placeholders;
use crate::remote::value::{BoundValue, Statement};

/// Returns the statement with floating-point numbers that arrive unchanged. Servers round the last
/// digit of long ones, so these are sent as whole numbers and powers of two.
pub(super) fn with_exact_numbers(statement: &Statement) -> (Cow<'_, str>, Cow<'_, [BoundValue]>) {
    let is_long =
        |value: &BoundValue| matches!(value, BoundValue::Real(number) if !is_short(*number));
    if !statement.arguments.iter().any(is_long) {
        return (
            Cow::Borrowed(&statement.sql),
            Cow::Borrowed(&statement.arguments),
        );
    }
    let mut arguments = statement.arguments.clone();
    let mut factors = vec![String::new(); arguments.len()];
    for (argument, factors) in arguments.iter_mut().zip(&mut factors) {
        if let BoundValue::Real(number) = *argument
            && !is_short(number)
        {
            let (whole, exponent) = whole_and_exponent(number);
            *argument = BoundValue::Integer(whole);
            *factors = power_of_two(exponent);
        }
    }
    let sql = rewrite_placeholders(&statement.sql, |position| {
        let number = position.saturating_add(1);
        match factors.get(position) {
            Some(factors) if !factors.is_empty() => format!("(CAST(?{number} AS REAL){factors})"),
            _ => format!("?{number}"),
        }
    });
    (Cow::Owned(sql), Cow::Owned(arguments))
}

/// Returns whether every parser reads the number exactly from its shortest form: up to 15 digits
/// are a whole number that a double holds exactly, and so is a power of ten up to 22.
fn is_short(number: f64) -> bool {
    let shortest = format!("{number:e}");
    let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let count = digits.bytes().filter(u8::is_ascii_digit).count();
    let exponent = exponent.parse::<i32>().unwrap_or(i32::MAX);
    let of_last = exponent.saturating_sub(i32::try_from(count).unwrap_or(i32::MAX)) + 1;
    count <= 15 && of_last.abs() <= 22
}

/// Returns the number as a whole number and the exponent of a power of two.
fn whole_and_exponent(number: f64) -> (i64, i32) {
    let bits = number.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    let (whole, exponent) = match i32::try_from((bits >> 52) & 0x7ff).unwrap_or(0) {
        0 => (fraction, -1074),
        biased => (fraction | (1 << 52), biased - 1075),
    };
    let zeros = whole.trailing_zeros().min(52);
    let exponent = exponent + i32::try_from(zeros).unwrap_or(0);
    let whole = i64::try_from(whole >> zeros).unwrap_or(0);
    (if number < 0.0 { -whole } else { whole }, exponent)
}

/// Returns SQL that multiplies or divides by a power of two, in steps that are exact.
fn power_of_two(exponent: i32) -> String {
    let operator = if exponent < 0 { '/' } else { '*' };
    let mut left = exponent.unsigned_abs();
    // Even for 2⁰, so that rewritten numbers can be recognized.
    let mut factors = String::new();
    loop {
        let step = left.min(62);
        factors.push_str(&format!(" {operator} CAST({} AS REAL)", 1_i64 << step));
        left -= step;
        if left == 0 {
            return factors;
        }
    }
}

//! Dates, times and intervals, in the styles `ISO` and `postgres`.

use std::fmt::Write as _;

use super::parts::{Reader, Scanner};
use super::{MALFORMED, Problem};

/// 2000-01-01, PostgreSQL's epoch, in days since 1970-01-01.
const EPOCH: i64 = 10_957;
const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

const INFINITY: &str = "infinity";
const MINUS_INFINITY: &str = "-infinity";

/// Returns the number of days from 2000-01-01 to a date of the proleptic Gregorian calendar. The
/// year before 1 is 0.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is at their end, and repeat after 400.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468 - EPOCH
}

/// Returns year, month and day, the inverse of [`days_of`].
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// A date whose year counts on from BC.
struct Written {
    year: i64,
    month: i64,
    day: i64,
}

impl Written {
    fn read(text: &mut Scanner<'_>) -> Result<Self, Problem> {
        let year = text.number()?;
        text.expect("-")?;
        let month = text.number()?;
        text.expect("-")?;
        let day = text.number()?;
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return Err(MALFORMED);
        }
        Ok(Self { year, month, day })
    }

    /// Returns the days since 2000, of a year before Christ if that is what the text ends with.
    fn days(self, text: Scanner<'_>) -> Result<i64, Problem> {
        let year = match text.0 {
            "" => self.year,
            " BC" => 1 - self.year,
            _ => return Err(MALFORMED),
        };
        // The latest date is in the year 5,874,897.
        if year.abs() > 10_000_000 {
            return Err(MALFORMED);
        }
        Ok(days_of(year, self.month, self.day))
    }
}

pub(super) fn decode_date(text: &str, out: &mut Vec<u8>) -> Result<(), Problem> {
    let days = match text {
        INFINITY => i32::MAX,
        MINUS_INFINITY => i32::MIN,
        _ => {
            let mut text = Scanner(text);
            let date = Written::read(&mut text)?;
            i32::try_from(date.days(text)?).map_err(|_| MALFORMED)?
        }
    };
    out.extend(days.to_be_bytes());
    Ok(())
}

pub(super) fn encode_date(bytes: &mut Reader<'_>, out: &mut String) -> Result<(), Problem> {
    match bytes.i32()? {
        i32::MAX => out.push_str(INFINITY),
        i32::MIN => out.push_str(MINUS_INFINITY),
        days => {
            let era = push_date(days.into(), out);
            out.push_str(era);
        }
    }
    Ok(())
}

/// Appends a date, and returns what has to follow the time.
fn push_date(days: i64, out: &mut String) -> &'static str {
    let (year, month, day) = date_of(days);
    let (year, era) = if year > 0 {
        (year, "")
    } else {
        (1 - year, " BC")
    };
    let _ = write!(out, "{year:04}-{month:02}-{day:02}");
    era
}

/// Reads hours, minutes and seconds with up to six digits after the point, in microseconds.
fn read_time(text: &mut Scanner<'_>) -> Result<i64, Problem> {
    let hours: i64 = text.number()?;
    text.expect(":")?;
    let minutes: i64 = text.number()?;
    let mut seconds = 0;
    let mut micros = 0;
    if text.skip(":") {
        seconds = text.number::<i64>()?;
        if text.skip(".") {
            let digits = text.digits()?;
            if digits.len() > 6 {
                return Err(MALFORMED);
            }
            micros = format!("{digits:0<6}").parse().map_err(|_| MALFORMED)?;
        }
    }
    if minutes > 59 || seconds > 60 {
        return Err(MALFORMED);
    }
    hours
        .checked_mul(HOUR)
        .and_then(|time| time.checked_add(minutes * MINUTE + seconds * SECOND + micros))
        .ok_or(MALFORMED)
}

/// Appends a time of up to any number of hours.
fn push_time(micros: u64, out: &mut String) {
    let (hour, minute, second) = (
        HOUR.unsigned_abs(),
        MINUTE.unsigned_abs(),
        SECOND.unsigned_abs(),
    );
    let _ = write!(
        out,
        "{:02}:{:02}:{:02}",
        micros / hour,
        micros % hour / minute,
        micros % minute / second
    );
    let rest = micros % second;
    if rest > 0 {
        let _ = write!(out, ".{rest:06}");
    }
}

/// Reads an offset from UTC, in seconds to the east.
fn read_offset(text: &mut Scanner<'_>) -> Result<i64, Problem> {
    let sign = match () {
        () if text.skip("+") => 1,
        () if text.skip("-") => -1,
        () => return Err(MALFORMED),
    };
    let hours = text.number::<i64>()?;
    // PostgreSQL's largest offset is 15:59:59.
    if hours > 15 {
        return Err(MALFORMED);
    }
    let mut seconds = hours * 3600;
    if text.skip(":") {
        seconds += text.number::<i64>()?.min(60) * 60;
        if text.skip(":") {
            seconds += text.number::<i64>()?.min(60);
        }
    }
    Ok(sign * seconds)
}

pub(super) fn decode_time(text: &str, out: &mut Vec<u8>) -> Result<(), Problem> {
    let mut text = Scanner(text);
    let micros = read_time(&mut text)?;
    if !text.0.is_empty() || micros > DAY {
        return Err(MALFORMED);
    }
    out.extend(micros.to_be_bytes());
    Ok(())
}

pub(super) fn encode_time(bytes: &mut Reader<'_>, out: &mut String) -> Result<(), Problem> {
    push_time(u64::try_from(bytes.i64()?).map_err(|_| MALFORMED)?, out);
    Ok(())
}

pub(super) fn decode_timetz(text: &str, out: &mut Vec<u8>) -> Result<(), Problem> {
    let mut text = Scanner(text);
    let micros = read_time(&mut text)?;
    let offset = read_offset(&mut text)?;
    if !text.0.is_empty() || micros > DAY {
        return Err(MALFORMED);
    }
    out.extend(micros.to_be_bytes());
    out.extend(i32::try_from(-offset).map_err(|_| MALFORMED)?.to_be_bytes());
    Ok(())
}

pub(super) fn encode_timetz(bytes: &mut Reader<'_>, out: &mut String) -> Result<(), Problem> {
    encode_time(&mut Reader(bytes.take(8)?), out)?;
    let west = i64::from(bytes.i32()?);
    let east = west.abs();
    let sign = if west > 0 { '-' } else { '+' };
    let _ = write!(
        out,
        "{sign}{:02}:{:02}:{:02}",
        east / 3600,
        east / 60 % 60,
        east % 60
    );
    Ok(())
}

/// Appends the bytes of a timestamp, whose text has an offset from UTC if it `has_zone`.
pub(super) fn decode_timestamp(
    text: &str,
    has_zone: bool,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    let micros = match text {
        INFINITY => i64::MAX,
        MINUS_INFINITY => i64::MIN,
        _ => {
            let mut text = Scanner(text);
            let date = Written::read(&mut text)?;
            text.expect(" ")?;
            let time = read_time(&mut text)?;
            let offset = if has_zone { read_offset(&mut text)? } else { 0 };
            let days = date.days(text)?;
            days.checked_mul(DAY)
                .and_then(|micros| micros.checked_add(time - offset * SECOND))
                .ok_or(MALFORMED)?
        }
    };
    out.extend(micros.to_be_bytes());
    Ok(())
}

pub(super) fn encode_timestamp(
    bytes: &mut Reader<'_>,
    has_zone: bool,
    out: &mut String,
) -> Result<(), Problem> {
    match bytes.i64()? {
        i64::MAX => out.push_str(INFINITY),
        i64::MIN => out.push_str(MINUS_INFINITY),
        micros => {
            let era = push_date(micros.div_euclid(DAY), out);
            out.push(' ');
            push_time(micros.rem_euclid(DAY).unsigned_abs(), out);
            out.push_str(if has_zone { "+00" } else { "" });
            out.push_str(era);
        }
    }
    Ok(())
}

/// Appends the bytes of an interval in the style `postgres`: `1 year -2 mons +3 days -04:05:06.7`.
pub(super) fn decode_interval(text: &str, out: &mut Vec<u8>) -> Result<(), Problem> {
    let (mut months, mut days, mut micros) = (0_i64, 0_i64, 0_i64);
    match text {
        // Since PostgreSQL 17.
        INFINITY => (months, days, micros) = (i32::MAX.into(), i32::MAX.into(), i64::MAX),
        MINUS_INFINITY => (months, days, micros) = (i32::MIN.into(), i32::MIN.into(), i64::MIN),
        _ => {
            let mut words = text.split(' ');
            while let Some(word) = words.next() {
                if word.contains(':') {
                    micros = signed_time(word)?;
                    continue;
                }
                let number: i64 = word.parse().map_err(|_| MALFORMED)?;
                let (sum, number) = match words.next() {
                    Some("year" | "years") => (&mut months, number.checked_mul(12)),
                    Some("mon" | "mons") => (&mut months, Some(number)),
                    Some("day" | "days") => (&mut days, Some(number)),
                    _ => return Err(MALFORMED),
                };
                let added = number.and_then(|number| sum.checked_add(number));
                *sum = added.ok_or(MALFORMED)?;
            }
        }
    }
    out.extend(micros.to_be_bytes());
    out.extend(i32::try_from(days).map_err(|_| MALFORMED)?.to_be_bytes());
    out.extend(i32::try_from(months).map_err(|_| MALFORMED)?.to_be_bytes());
    Ok(())
}

fn signed_time(text: &str) -> Result<i64, Problem> {
    let mut text = Scanner(text);
    let is_negative = text.skip("-");
    text.skip("+");
    // The smallest number has no positive counterpart.
    if is_negative && text.0 == "2562047788:00:54.775808" {
        return Ok(i64::MIN);
    }
    let micros = read_time(&mut text)?;
    if !text.0.is_empty() {
        return Err(MALFORMED);
    }
    Ok(if is_negative { -micros } else { micros })
}

pub(super) fn encode_interval(bytes: &mut Reader<'_>, out: &mut String) -> Result<(), Problem> {
    let micros = bytes.i64()?;
    let days = bytes.i32()?;
    let months = bytes.i32()?;
    match (months, days, micros) {
        (i32::MAX, i32::MAX, i64::MAX) => out.push_str(INFINITY),
        (i32::MIN, i32::MIN, i64::MIN) => out.push_str(MINUS_INFINITY),
        _ => {
            let _ = write!(out, "{months:+} mons {days:+} days ");
            // PostgreSQL does not read the smallest time as it writes it.
            if micros == i64::MIN {
                let _ = write!(out, "{micros} us");
                return Ok(());
            }
            out.push(if micros < 0 { '-' } else { '+' });
            push_time(micros.unsigned_abs(), out);
        }
    }
    Ok(())
}

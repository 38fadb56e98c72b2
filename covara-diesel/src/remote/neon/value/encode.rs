//! Bound values: from the binary form into texts.

use std::fmt::Write as _;

use super::parts::{Reader, push_quoted};
use super::{Catalogue, Kind, MALFORMED, Problem, calendar, network, numeric};

/// Returns the text of a bound value of a type whose parts are known.
pub(crate) fn encode_bound(bytes: &[u8], oid: u32, types: &Catalogue) -> Result<String, Problem> {
    match (types.kind(oid), bytes) {
        // Sent as a number, as `Catalogue::name` says.
        (Some(Kind::Char), [byte]) => Ok(i8::from_be_bytes([*byte]).to_string()),
        _ => encode(bytes, oid, types),
    }
}

/// Returns the text of an array of one dimension, given the texts of its elements.
pub(crate) fn array_of<'e>(elements: impl Iterator<Item = &'e Option<String>>) -> String {
    let mut out = String::from("{");
    for (position, element) in elements.enumerate() {
        out.push_str(if position > 0 { "," } else { "" });
        match element {
            None => out.push_str("NULL"),
            Some(text) if is_plain(text) => out.push_str(text),
            Some(text) => push_quoted(text, &mut out),
        }
    }
    out.push('}');
    out
}

/// Returns whether a text certainly means the same without quotes.
fn is_plain(text: &str) -> bool {
    let mut bytes = text.bytes();
    !text.is_empty()
        && !text.eq_ignore_ascii_case("NULL")
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-_.:@".contains(&byte))
}

/// Returns the text of a value of a type whose parts are known.
fn encode(bytes: &[u8], oid: u32, types: &Catalogue) -> Result<String, Problem> {
    let mut out = String::new();
    push(bytes, oid, types, &mut out)?;
    Ok(out)
}

fn push(bytes: &[u8], oid: u32, types: &Catalogue, out: &mut String) -> Result<(), Problem> {
    let mut reader = Reader(bytes);
    let kind = types.kind(oid).unwrap_or(Kind::Unknown);
    // Values of these types are taken whole, and of others nothing may be left.
    let is_whole = matches!(
        kind,
        Kind::Bool
            | Kind::Text
            | Kind::Char
            | Kind::Bytea
            | Kind::MacAddr
            | Kind::MacAddr8
            | Kind::Versioned
            | Kind::Void
    );
    match kind {
        Kind::Bool => match bytes {
            [truth] => out.push(if *truth == 0 { 'f' } else { 't' }),
            _ => return Err(MALFORMED),
        },
        Kind::Int2 => push_display(reader.i16()?, out),
        Kind::Int4 => push_display(reader.i32()?, out),
        Kind::Int8 => push_display(reader.i64()?, out),
        Kind::Oid => push_display(reader.u32()?, out),
        Kind::Xid8 => push_display(u64::from_be_bytes(reader.array()?), out),
        Kind::Float4 => {
            let number = f32::from_be_bytes(reader.array()?);
            push_float(number.into(), &format!("{number:e}"), out);
        }
        Kind::Float8 => {
            let number = f64::from_be_bytes(reader.array()?);
            push_float(number, &format!("{number:e}"), out);
        }
        Kind::Numeric => numeric::encode(&mut reader, out)?,
        Kind::Text => out.push_str(text(bytes)?),
        Kind::Char => match bytes {
            [0] => {}
            [byte @ 1..128] => out.push(char::from(*byte)),
            // Before PostgreSQL 16 no text of such a byte is UTF-8.
            [_] => return Err(NOT_CONVERTED),
            _ => return Err(MALFORMED),
        },
        Kind::Bytea => {
            out.push_str("\\x");
            data_encoding::HEXLOWER.encode_append(bytes, out);
        }
        Kind::Uuid => {
            let bytes: [u8; 16] = reader.array()?;
            data_encoding::HEXLOWER.encode_append(&bytes, out);
        }
        Kind::Date => calendar::encode_date(&mut reader, out)?,
        Kind::Time => calendar::encode_time(&mut reader, out)?,
        Kind::Timetz => calendar::encode_timetz(&mut reader, out)?,
        Kind::Timestamp => calendar::encode_timestamp(&mut reader, false, out)?,
        Kind::Timestamptz => calendar::encode_timestamp(&mut reader, true, out)?,
        Kind::Interval => calendar::encode_interval(&mut reader, out)?,
        Kind::Versioned => match bytes {
            [1, rest @ ..] => out.push_str(text(rest)?),
            _ => return Err(MALFORMED),
        },
        Kind::Inet | Kind::Cidr => network::encode(&mut reader, out)?,
        Kind::MacAddr => network::encode_mac(bytes, 6, out)?,
        Kind::MacAddr8 => network::encode_mac(bytes, 8, out)?,
        Kind::Money => {
            // The session has the locale C, in which the point has two digits after it.
            let cents = reader.i64()?;
            let sign = if cents < 0 { "-" } else { "" };
            let cents = cents.unsigned_abs();
            let _ = write!(out, "{sign}{}.{:02}", cents / 100, cents % 100);
        }
        Kind::PgLsn => {
            let position = u64::from_be_bytes(reader.array()?);
            let _ = write!(
                out,
                "{:X}/{:X}",
                position >> 32,
                position & u64::from(u32::MAX)
            );
        }
        Kind::Bits => {
            let count = usize::try_from(reader.i32()?).map_err(|_| MALFORMED)?;
            let bits = reader
                .take(count.div_ceil(8))?
                .iter()
                .flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1));
            bits.take(count)
                .for_each(|bit| out.push(if bit == 0 { '0' } else { '1' }));
        }
        Kind::Void => {}
        Kind::Array(_) => push_array(&mut reader, types, out)?,
        Kind::Range(part) => push_range(&mut reader, part, types, out)?,
        Kind::Multirange(range) => {
            let Some(Kind::Range(part)) = types.kind(range) else {
                return Err(NOT_CONVERTED);
            };
            out.push('{');
            for position in 0..reader.i32()? {
                out.push_str(if position > 0 { "," } else { "" });
                let bytes = reader.sized()?.ok_or(MALFORMED)?;
                let mut range = Reader(bytes);
                push_range(&mut range, part, types, out)?;
                range.finish()?;
            }
            out.push('}');
        }
        Kind::Composite(_) => push_composite(&mut reader, types, out)?,
        Kind::Unknown => return Err(NOT_CONVERTED),
    }
    if is_whole { Ok(()) } else { reader.finish() }
}

/// The error for types without a conversion.
pub(super) const NOT_CONVERTED: Problem = "values of this type cannot be sent as they are over \
     Neon's HTTP: send a text, and cast it in SQL";

fn text(bytes: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(bytes).map_err(|_| MALFORMED)
}

fn push_display(number: impl std::fmt::Display, out: &mut String) {
    let _ = write!(out, "{number}");
}

fn push_float(number: f64, finite: &str, out: &mut String) {
    out.push_str(match number {
        _ if number.is_nan() => "NaN",
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => finite,
    });
}

fn push_array(bytes: &mut Reader<'_>, types: &Catalogue, out: &mut String) -> Result<(), Problem> {
    let count = usize::try_from(bytes.i32()?).map_err(|_| MALFORMED)?;
    // Whether an element is NULL.
    if !matches!(bytes.i32()?, 0 | 1) {
        return Err(MALFORMED);
    }
    let part = bytes.u32()?;
    if count == 0 {
        out.push_str("{}");
        return Ok(());
    }
    // PostgreSQL's MAXDIM.
    if count > 6 {
        return Err(MALFORMED);
    }
    let mut lengths = Vec::with_capacity(count);
    let mut bounds = String::new();
    let mut is_plain = true;
    for _ in 0..count {
        let length = i64::from(bytes.i32()?);
        let lower = i64::from(bytes.i32()?);
        is_plain &= lower == 1;
        let _ = write!(bounds, "[{lower}:{}]", lower + length - 1);
        lengths.push(usize::try_from(length).map_err(|_| MALFORMED)?);
    }
    if !is_plain {
        out.push_str(&bounds);
        out.push('=');
    }
    push_dimension(bytes, &lengths, part, types, out)
}

fn push_dimension(
    bytes: &mut Reader<'_>,
    lengths: &[usize],
    part: u32,
    types: &Catalogue,
    out: &mut String,
) -> Result<(), Problem> {
    let Some((length, inner)) = lengths.split_first() else {
        return match bytes.sized()? {
            None => {
                out.push_str("NULL");
                Ok(())
            }
            Some(bytes) => {
                push_quoted(&encode(bytes, part, types)?, out);
                Ok(())
            }
        };
    };
    out.push('{');
    for position in 0..*length {
        out.push_str(if position > 0 { "," } else { "" });
        push_dimension(bytes, inner, part, types, out)?;
    }
    out.push('}');
    Ok(())
}

pub(super) const EMPTY: u8 = 1;
pub(super) const LOWER_INCLUDED: u8 = 2;
pub(super) const UPPER_INCLUDED: u8 = 4;
pub(super) const LOWER_INFINITE: u8 = 8;
pub(super) const UPPER_INFINITE: u8 = 16;

fn push_range(
    bytes: &mut Reader<'_>,
    part: u32,
    types: &Catalogue,
    out: &mut String,
) -> Result<(), Problem> {
    let [flags] = bytes.array()?;
    if flags & EMPTY != 0 {
        out.push_str("empty");
        return Ok(());
    }
    let mut bound = |is_infinite: bool, out: &mut String| {
        if !is_infinite {
            let bytes = bytes.sized()?.ok_or(MALFORMED)?;
            push_quoted(&encode(bytes, part, types)?, out);
        }
        Ok::<_, Problem>(())
    };
    out.push(if flags & LOWER_INCLUDED != 0 {
        '['
    } else {
        '('
    });
    bound(flags & LOWER_INFINITE != 0, out)?;
    out.push(',');
    bound(flags & UPPER_INFINITE != 0, out)?;
    out.push(if flags & UPPER_INCLUDED != 0 {
        ']'
    } else {
        ')'
    });
    Ok(())
}

fn push_composite(
    bytes: &mut Reader<'_>,
    types: &Catalogue,
    out: &mut String,
) -> Result<(), Problem> {
    out.push('(');
    for position in 0..bytes.i32()? {
        out.push_str(if position > 0 { "," } else { "" });
        let part = bytes.u32()?;
        if let Some(bytes) = bytes.sized()? {
            push_quoted(&encode(bytes, part, types)?, out);
        }
    }
    out.push(')');
    Ok(())
}

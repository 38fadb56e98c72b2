//! `numeric`: digits to the base of 10,000 on the wire.
//!
//! <https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/numeric.c>

use super::parts::Reader;
use super::{MALFORMED, Problem};

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const MINUS_INFINITY: u16 = 0xF000;

/// Appends the bytes of a number.
pub(super) fn decode(text: &str, out: &mut Vec<u8>) -> Result<(), Problem> {
    let special = match text {
        "NaN" => Some(NAN),
        "Infinity" => Some(INFINITY),
        "-Infinity" => Some(MINUS_INFINITY),
        _ => None,
    };
    if let Some(sign) = special {
        // PostgreSQL sends a scale of 0 with them, and of 32 with infinity.
        let scale = if sign == NAN { 0 } else { 32 };
        return write(out, &[], 0, sign, scale);
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (NEGATIVE, digits),
        None => (0, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all(whole) || !all(fraction) {
        return Err(MALFORMED);
    }
    // Groups of four digits are counted from the point.
    let padded = format!(
        "{}{whole}{fraction}{}",
        "0".repeat((4 - whole.len() % 4) % 4),
        "0".repeat((4 - fraction.len() % 4) % 4)
    );
    let groups: Result<Vec<u16>, _> = (0..padded.len() / 4)
        .map(|group| padded[group * 4..group * 4 + 4].parse::<u16>())
        .collect();
    let groups = groups.map_err(|_| MALFORMED)?;
    let zeros = groups.iter().take_while(|group| **group == 0).count();
    let end = groups
        .iter()
        .rposition(|group| *group != 0)
        .map_or(0, |last| last + 1);
    let significant = groups.get(zeros..end).unwrap_or_default();
    // The number of the first group that is stored, from the point on.
    let weight = match significant {
        [] => 0,
        _ => whole
            .len()
            .div_ceil(4)
            .wrapping_sub(zeros + 1)
            .cast_signed(),
    };
    let weight = i16::try_from(weight).map_err(|_| MALFORMED)?;
    let sign = if significant.is_empty() { 0 } else { sign };
    let scale = u16::try_from(fraction.len()).map_err(|_| MALFORMED)?;
    write(out, significant, weight, sign, scale)
}

fn write(
    out: &mut Vec<u8>,
    digits: &[u16],
    weight: i16,
    sign: u16,
    scale: u16,
) -> Result<(), Problem> {
    let count = u16::try_from(digits.len()).map_err(|_| MALFORMED)?;
    out.extend(count.to_be_bytes());
    out.extend(weight.to_be_bytes());
    out.extend(sign.to_be_bytes());
    out.extend(scale.to_be_bytes());
    digits
        .iter()
        .for_each(|digit| out.extend(digit.to_be_bytes()));
    Ok(())
}

/// Appends the text of a number.
pub(super) fn encode(bytes: &mut Reader<'_>, out: &mut String) -> Result<(), Problem> {
    let count = usize::from(bytes.u16()?);
    let weight = i64::from(bytes.i16()?);
    let sign = bytes.u16()?;
    let scale = usize::from(bytes.u16()?);
    let digits = (0..count)
        .map(|_| bytes.u16())
        .collect::<Result<Vec<_>, _>>()?;
    if !bytes.is_empty() || digits.iter().any(|digit| *digit > 9999) {
        return Err(MALFORMED);
    }
    match sign {
        NAN => out.push_str("NaN"),
        INFINITY => out.push_str("Infinity"),
        MINUS_INFINITY => out.push_str("-Infinity"),
        0 | NEGATIVE => {
            if sign == NEGATIVE {
                out.push('-');
            }
            let group = |position: i64| {
                let index = usize::try_from(weight - position).ok();
                index
                    .and_then(|index| digits.get(index))
                    .copied()
                    .unwrap_or(0)
            };
            // The group at position 0 is that before the point.
            match weight {
                ..0 => out.push('0'),
                _ => {
                    out.push_str(&group(weight).to_string());
                    (0..weight)
                        .rev()
                        .for_each(|at| out.push_str(&format!("{:04}", group(at))));
                }
            }
            if scale > 0 {
                let groups = i64::try_from(scale.div_ceil(4)).map_err(|_| MALFORMED)?;
                let mut fraction: String = (1..=groups)
                    .map(|at| format!("{:04}", group(-at)))
                    .collect();
                // What is beyond the scale is not stored.
                fraction.truncate(scale);
                out.push('.');
                out.push_str(&fraction);
            }
        }
        _ => return Err(MALFORMED),
    }
    Ok(())
}

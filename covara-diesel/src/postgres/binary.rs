//! Texts in the binary form of their types, where that is certain to be what PostgreSQL reads from
//! the text. Other texts are left to the server.

/// Digits of a number that are converted, at most. PostgreSQL has more.
const DIGITS: usize = 1000;

/// Decimal digits of one digit of PostgreSQL's.
const GROUP: usize = 4;

/// Returns a UUID, 32 hexadecimal digits with or without the usual four hyphens.
pub(super) fn uuid(text: &str) -> Option<Vec<u8>> {
    let is_hyphen = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    let has_hyphens = match text.len() {
        36 => true,
        32 => false,
        _ => return None,
    };
    let mut digits = Vec::with_capacity(32);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'-' if has_hyphens && is_hyphen(at) => {}
            _ if has_hyphens && is_hyphen(at) => return None,
            byte => digits.push(hexadecimal(byte)?),
        }
    }
    Some(
        digits
            .chunks_exact(2)
            .map(|it| it[0] << 4 | it[1])
            .collect(),
    )
}

fn hexadecimal(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// Returns a NUMERIC: `-12.50`, `1e-05`. The form is that of `numeric_send`: the number of digits to
/// the base 10,000, the power of the first, the sign, the number of decimal places, and the digits.
pub(super) fn numeric(text: &str) -> Option<Vec<u8>> {
    let (is_negative, number) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (number, exponent) = match number.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i16>().ok()?),
        None => (number, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mut digits: Vec<u8> = Vec::with_capacity(whole.len() + fraction.len() + GROUP);
    for byte in whole.bytes().chain(fraction.bytes()) {
        digits.push(byte.checked_sub(b'0').filter(|digit| *digit < 10)?);
    }
    if digits.is_empty() || digits.len() > DIGITS || usize::from(exponent.unsigned_abs()) > DIGITS {
        return None;
    }
    let places = i32::try_from(fraction.len()).ok()? - i32::from(exponent);
    // Digits before the decimal point, fewer than none if zeros follow it.
    let mut before = i32::try_from(whole.len()).ok()? + i32::from(exponent);
    let leading = digits.iter().take_while(|digit| **digit == 0).count();
    digits.drain(..leading);
    before -= i32::try_from(leading).ok()?;
    // The first digit of a group is before the point or after it by a multiple of four.
    let group = i32::try_from(GROUP).ok()?;
    let missing = usize::try_from((-before).rem_euclid(group)).ok()?;
    digits.splice(..0, std::iter::repeat_n(0, missing));
    let weight = (before + i32::try_from(missing).ok()?) / group - 1;
    digits.resize(digits.len().next_multiple_of(GROUP), 0);
    let mut groups: Vec<i16> = digits
        .chunks_exact(GROUP)
        .map(|group| {
            let add = |sum: i16, digit: &u8| sum * 10 + i16::from(*digit);
            group.iter().fold(0, add)
        })
        .collect();
    while groups.last() == Some(&0) {
        groups.pop();
    }
    let is_zero = groups.is_empty();
    let weight = if is_zero { 0 } else { weight };
    let sign: u16 = match is_negative && !is_zero {
        true => 0x4000,
        false => 0,
    };
    let mut bytes = Vec::with_capacity(8 + 2 * groups.len());
    bytes.extend(i16::try_from(groups.len()).ok()?.to_be_bytes());
    bytes.extend(i16::try_from(weight).ok()?.to_be_bytes());
    bytes.extend(sign.to_be_bytes());
    bytes.extend(i16::try_from(places.max(0)).ok()?.to_be_bytes());
    bytes.extend(groups.iter().flat_map(|group| group.to_be_bytes()));
    Some(bytes)
}

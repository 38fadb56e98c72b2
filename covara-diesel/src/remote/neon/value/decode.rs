//! Values of answers: from texts into the binary form.

use super::encode::{EMPTY, LOWER_INCLUDED, LOWER_INFINITE, UPPER_INCLUDED, UPPER_INFINITE};
use super::parts::Scanner;
use super::{Catalogue, Kind, MALFORMED, Problem, calendar, network, numeric};

/// Appends the bytes of a value of a type whose parts are known.
pub(crate) fn decode(
    text: &str,
    oid: u32,
    kind: &Kind,
    types: &Catalogue,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    match kind {
        Kind::Bool => out.push(match text {
            "t" => 1,
            "f" => 0,
            _ => return Err(MALFORMED),
        }),
        Kind::Int2 => out.extend(number::<i16>(text)?.to_be_bytes()),
        Kind::Int4 => out.extend(number::<i32>(text)?.to_be_bytes()),
        Kind::Int8 => out.extend(number::<i64>(text)?.to_be_bytes()),
        Kind::Oid => out.extend(number::<u32>(text)?.to_be_bytes()),
        Kind::Xid8 => out.extend(number::<u64>(text)?.to_be_bytes()),
        Kind::Float4 => out.extend(number::<f32>(text)?.to_be_bytes()),
        Kind::Float8 => out.extend(number::<f64>(text)?.to_be_bytes()),
        Kind::Numeric => numeric::decode(text, out)?,
        Kind::Text => out.extend(text.as_bytes()),
        Kind::Char => match text.as_bytes() {
            [] => out.push(0),
            [byte] => out.push(*byte),
            [b'\\', digits @ ..] if digits.len() == 3 => {
                out.push(u8::from_str_radix(&text[1..], 8).map_err(|_| MALFORMED)?);
            }
            _ => return Err(MALFORMED),
        },
        Kind::Bytea => {
            let digits = text.strip_prefix("\\x").ok_or(MALFORMED)?;
            push_hexadecimal(digits.as_bytes(), out)?;
        }
        Kind::Uuid => {
            let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
            if digits.len() != 32 {
                return Err(MALFORMED);
            }
            push_hexadecimal(&digits, out)?;
        }
        Kind::Date => calendar::decode_date(text, out)?,
        Kind::Time => calendar::decode_time(text, out)?,
        Kind::Timetz => calendar::decode_timetz(text, out)?,
        Kind::Timestamp => calendar::decode_timestamp(text, false, out)?,
        Kind::Timestamptz => calendar::decode_timestamp(text, true, out)?,
        Kind::Interval => calendar::decode_interval(text, out)?,
        Kind::Versioned => {
            out.push(1);
            out.extend(text.as_bytes());
        }
        Kind::Inet => network::decode(text, false, out)?,
        Kind::Cidr => network::decode(text, true, out)?,
        Kind::MacAddr => network::decode_mac(text, 6, out)?,
        Kind::MacAddr8 => network::decode_mac(text, 8, out)?,
        Kind::Money => out.extend(cents(text)?.to_be_bytes()),
        Kind::PgLsn => {
            let (high, low) = text.split_once('/').ok_or(MALFORMED)?;
            for half in [high, low] {
                let half = u32::from_str_radix(half, 16).map_err(|_| MALFORMED)?;
                out.extend(half.to_be_bytes());
            }
        }
        Kind::Bits => push_bits(text, out)?,
        Kind::Void => {}
        Kind::Array(part) => push_array(text, *part, types, out)?,
        Kind::Range(part) => {
            let mut text = Scanner(text);
            push_range(&mut text, *part, types, out)?;
            if !text.0.is_empty() {
                return Err(MALFORMED);
            }
        }
        Kind::Multirange(range) => push_multirange(text, *range, types, out)?,
        Kind::Composite(columns) => push_composite(text, columns, types, out)?,
        Kind::Unknown if oid == RECORD => {
            return Err(
                "a row without a type of its own says nothing of the types of its values, over \
                 Neon's HTTP: select the values themselves, or cast the row to a named type",
            );
        }
        Kind::Unknown => {
            return Err(
                "values of this type cannot be read over Neon's HTTP: cast them to text in SQL",
            );
        }
    }
    Ok(())
}

/// The type of rows that are made in a query.
const RECORD: u32 = 2249;

fn number<T: std::str::FromStr>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| MALFORMED)
}

fn push_hexadecimal(digits: &[u8], out: &mut Vec<u8>) -> Result<(), Problem> {
    let digits = digits
        .iter()
        .map(u8::to_ascii_lowercase)
        .collect::<Vec<_>>();
    let bytes = data_encoding::HEXLOWER
        .decode(&digits)
        .map_err(|_| MALFORMED)?;
    out.extend(bytes);
    Ok(())
}

/// Returns the number of the smallest units of an amount. However a locale writes it, it writes all
/// of its digits.
fn cents(text: &str) -> Result<i64, Problem> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let sign = if text.contains(['-', '(']) { "-" } else { "" };
    number(&format!("{sign}{digits}"))
}

fn push_bits(text: &str, out: &mut Vec<u8>) -> Result<(), Problem> {
    out.extend(
        i32::try_from(text.len())
            .map_err(|_| MALFORMED)?
            .to_be_bytes(),
    );
    for bits in text.as_bytes().chunks(8) {
        let mut byte = 0;
        for (position, bit) in bits.iter().enumerate() {
            match bit {
                b'0' => {}
                b'1' => byte |= 0x80 >> position,
                _ => return Err(MALFORMED),
            }
        }
        out.push(byte);
    }
    Ok(())
}

/// Appends a value after its length.
fn push_sized(text: &str, oid: u32, types: &Catalogue, out: &mut Vec<u8>) -> Result<(), Problem> {
    let kind = types.kind(oid).unwrap_or(Kind::Unknown);
    sized(out, |out| decode(text, oid, &kind, types, out))
}

/// Appends what `push` does after its length.
fn sized(
    out: &mut Vec<u8>,
    push: impl FnOnce(&mut Vec<u8>) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let start = out.len();
    out.extend([0; 4]);
    push(out)?;
    let length = i32::try_from(out.len() - start - 4).map_err(|_| MALFORMED)?;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

const NULL: [u8; 4] = (-1_i32).to_be_bytes();

fn push_array(text: &str, part: u32, types: &Catalogue, out: &mut Vec<u8>) -> Result<(), Problem> {
    let mut text = Scanner(text);
    let mut lowers = Vec::new();
    if text.0.starts_with('[') {
        while text.skip("[") {
            lowers.push(signed(&mut text)?);
            text.expect(":")?;
            signed(&mut text)?;
            text.expect("]")?;
        }
        text.expect("=")?;
    }
    let mut lengths = Vec::new();
    let mut items = Items {
        part,
        types,
        bytes: Vec::new(),
        has_null: false,
    };
    items.push(&mut text, 0, &mut lengths)?;
    if !text.0.is_empty() {
        return Err(MALFORMED);
    }
    // An empty array has no dimension.
    if lengths == [0] {
        lengths.clear();
    }
    out.extend(
        i32::try_from(lengths.len())
            .map_err(|_| MALFORMED)?
            .to_be_bytes(),
    );
    out.extend(i32::from(items.has_null).to_be_bytes());
    out.extend(part.to_be_bytes());
    for (position, length) in lengths.iter().enumerate() {
        out.extend(length.to_be_bytes());
        out.extend(lowers.get(position).copied().unwrap_or(1).to_be_bytes());
    }
    out.extend(items.bytes);
    Ok(())
}

fn signed(text: &mut Scanner<'_>) -> Result<i32, Problem> {
    let sign = if text.skip("-") { "-" } else { "" };
    number(&format!("{sign}{}", text.digits()?))
}

/// The elements of an array.
struct Items<'t> {
    part: u32,
    types: &'t Catalogue,
    bytes: Vec<u8>,
    has_null: bool,
}

impl Items<'_> {
    /// Reads a list in braces, which may be of lists. `lengths` receives the length at each depth.
    fn push(
        &mut self,
        text: &mut Scanner<'_>,
        depth: usize,
        lengths: &mut Vec<i32>,
    ) -> Result<(), Problem> {
        // PostgreSQL's MAXDIM.
        if depth == 6 {
            return Err(MALFORMED);
        }
        text.expect("{")?;
        let mut length = 0;
        if depth == lengths.len() {
            lengths.push(-1);
        }
        while !text.skip("}") {
            if length > 0 {
                text.expect(",")?;
            }
            length += 1;
            if text.0.starts_with('{') {
                self.push(text, depth + 1, lengths)?;
                continue;
            }
            match text.item([',', '}'])?.ok_or(MALFORMED)? {
                (item, false) if item.eq_ignore_ascii_case("NULL") => {
                    self.has_null = true;
                    self.bytes.extend(NULL);
                }
                (item, _) => push_sized(&item, self.part, self.types, &mut self.bytes)?,
            }
        }
        match lengths.get_mut(depth) {
            Some(known @ -1) => *known = length,
            Some(known) if *known == length => {}
            _ => return Err(MALFORMED),
        }
        Ok(())
    }
}

fn push_range(
    text: &mut Scanner<'_>,
    part: u32,
    types: &Catalogue,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    if text.skip("empty") {
        out.push(EMPTY);
        return Ok(());
    }
    let at = out.len();
    let mut flags = 0;
    out.push(flags);
    if text.skip("[") {
        flags |= LOWER_INCLUDED;
    } else {
        text.expect("(")?;
    }
    match text.item([',', ','])? {
        Some((lower, _)) => push_sized(&lower, part, types, out)?,
        None => flags |= LOWER_INFINITE,
    }
    text.expect(",")?;
    match text.item([']', ')'])? {
        Some((upper, _)) => push_sized(&upper, part, types, out)?,
        None => flags |= UPPER_INFINITE,
    }
    if text.skip("]") {
        flags |= UPPER_INCLUDED;
    } else {
        text.expect(")")?;
    }
    out[at] = flags;
    Ok(())
}

fn push_multirange(
    text: &str,
    range: u32,
    types: &Catalogue,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    let Some(Kind::Range(part)) = types.kind(range) else {
        return Err(MALFORMED);
    };
    let at = out.len();
    let mut count = 0_i32;
    out.extend(count.to_be_bytes());
    let mut text = Scanner(text);
    text.expect("{")?;
    while !text.skip("}") {
        if count > 0 {
            text.expect(",")?;
        }
        count += 1;
        sized(out, |out| push_range(&mut text, part, types, out))?;
    }
    if !text.0.is_empty() {
        return Err(MALFORMED);
    }
    out[at..at + 4].copy_from_slice(&count.to_be_bytes());
    Ok(())
}

fn push_composite(
    text: &str,
    columns: &[u32],
    types: &Catalogue,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    let mut text = Scanner(text);
    out.extend(
        i32::try_from(columns.len())
            .map_err(|_| MALFORMED)?
            .to_be_bytes(),
    );
    text.expect("(")?;
    for (position, column) in columns.iter().enumerate() {
        if position > 0 {
            text.expect(",")?;
        }
        out.extend(column.to_be_bytes());
        match text.item([',', ')'])? {
            Some((item, _)) => push_sized(&item, *column, types, out)?,
            None => out.extend(NULL),
        }
    }
    text.expect(")")?;
    if !text.0.is_empty() {
        return Err(MALFORMED);
    }
    Ok(())
}

//! One JSON object a line, as a seed reads it.

use super::csv::{hex, number_into};
use super::value::{NOT_READ_BACK, Reason, Written, is_json, lost_in_ndjson};

/// Returns what stands before each value of a row.
pub(super) fn keys<'c>(names: impl Iterator<Item = &'c str>) -> Vec<Vec<u8>> {
    let key = |(position, name)| {
        let mut key = vec![if position == 0 { b'{' } else { b',' }];
        text(&mut key, name);
        key.push(b':');
        key
    };
    names.enumerate().map(key).collect()
}

pub(super) fn value(out: &mut Vec<u8>, value: &Written<'_>) -> Result<(), Reason> {
    match *value {
        Written::Null => out.extend_from_slice(b"null"),
        Written::Text(value) => text(out, value),
        Written::Bare(value) => out.extend_from_slice(value.as_bytes()),
        Written::Integer(number) => number_into(out, format_args!("{number}")),
        Written::Real(number) if number.is_finite() => number_into(out, format_args!("{number:?}")),
        Written::Real(number) => number_into(out, format_args!("\"{number:?}\"")),
        Written::Bytes(bytes) => {
            out.extend_from_slice(b"\"\\\\x");
            hex(out, bytes);
            out.push(b'"');
        }
        Written::Json(text) | Written::BinaryJson(text) => {
            if !is_json(text) {
                return Err(NOT_READ_BACK);
            }
            let is_binary = matches!(value, Written::BinaryJson(_));
            if let Some(reason) = lost_in_ndjson(text, is_binary) {
                return Err(reason);
            }
            out.extend_from_slice(text.as_bytes());
        }
    }
    Ok(())
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut plain = 0;
    let bytes = text.as_bytes();
    for (position, byte) in bytes.iter().enumerate() {
        let escaped: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..0x20 => b"",
            _ => continue,
        };
        out.extend_from_slice(&bytes[plain..position]);
        plain = position + 1;
        match escaped {
            b"" => number_into(out, format_args!("\\u{byte:04x}")),
            escaped => out.extend_from_slice(escaped),
        }
    }
    out.extend_from_slice(&bytes[plain..]);
    out.push(b'"');
}

//! JSON as JavaScript writes it, so that both languages store the same text.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::ser::Formatter;

use super::error::AuthError;
use super::finite::has_finite_numbers;
use crate::surrogates::without_lone_surrogates;

type RowFault = &'static str;

/// The maximum nesting depth of data. `serde_json` reads, writes and compares recursively. In a
/// debug build a level takes about 2.7 KiB of stack, so this depth takes 1.4 MiB of a thread's
/// default 2 MiB. An optimized build takes far less.
const DEPTH_LIMIT: u16 = 512;

/// The maximum nesting depth at which `serde_json` reads by default.
const USUAL_DEPTH: u16 = 127;

/// Reads JSON that JavaScript wrote; an empty text is read as `None`.
///
/// A string that was cut in JavaScript may end with half of a surrogate pair. `JSON.stringify`
/// writes that half as an escape that no Rust string can hold, so it is read as U+FFFD.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<Option<T>, RowFault> {
    if text.is_empty() {
        return Ok(None);
    }
    match serde_json::from_str(text) {
        Ok(data) => Ok(Some(data)),
        Err(_) => read_odd(text).map(Some),
    }
}

#[cold]
fn read_odd<T: DeserializeOwned>(text: &str) -> Result<T, RowFault> {
    const WRONG: RowFault = "data is not JSON of the type asked for";
    let depth = depth(text);
    if depth > DEPTH_LIMIT {
        return Err("data is nested more than 512 deep");
    }
    let whole = without_lone_surrogates(text);
    if depth <= USUAL_DEPTH && matches!(whole, Cow::Borrowed(_)) {
        return Err(WRONG);
    }
    let mut reader = serde_json::Deserializer::from_str(&whole);
    reader.disable_recursion_limit();
    let data = T::deserialize(&mut reader).map_err(|_| WRONG)?;
    reader.end().map_err(|_| WRONG)?;
    Ok(data)
}

/// Returns the greatest nesting depth of arrays and objects in a text, which may be invalid JSON.
fn depth(text: &str) -> u16 {
    let (mut depth, mut deepest) = (0_u16, 0);
    let mut in_string = false;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if in_string => drop(bytes.next()),
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth = depth.saturating_add(1);
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Writes `data` as `JSON.stringify` does: compact, in the given order, with numbers as JavaScript
/// prints them (`1e+21`, `1` for `1.0`). Numbers that JSON does not have are an error.
pub(super) fn write(data: &impl Serialize) -> Result<String, AuthError> {
    let mut text = Vec::with_capacity(128);
    let mut has_null = false;
    let formatter = JavaScript {
        depth: 0,
        has_null: &mut has_null,
    };
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
    data.serialize(&mut serializer).map_err(|error| {
        let reason = if error.is_io() {
            "it is nested more than 512 deep"
        } else {
            "JSON cannot represent its type"
        };
        AuthError::Data { reason }
    })?;
    // Only a null can stand for such a number.
    if has_null && !has_finite_numbers(data) {
        return Err(AuthError::Data {
            reason: "it holds a number that is NaN or infinite",
        });
    }
    String::from_utf8(text).map_err(|_| AuthError::Data {
        reason: "it holds raw JSON that is not UTF-8",
    })
}

struct JavaScript<'a> {
    depth: u16,
    /// Set when a null is written.
    has_null: &'a mut bool,
}

impl JavaScript<'_> {
    fn deeper(&mut self) -> io::Result<()> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(())
    }
}

impl Formatter for JavaScript<'_> {
    fn write_null<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        *self.has_null = true;
        writer.write_all(b"null")
    }

    fn write_f32<W: ?Sized + Write>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        writer.write_all(ryu_js::Buffer::new().format_finite(value).as_bytes())
    }

    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(ryu_js::Buffer::new().format_finite(value).as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.deeper()?;
        writer.write_all(b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        writer.write_all(b"]")
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.deeper()?;
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        writer.write_all(b"}")
    }
}

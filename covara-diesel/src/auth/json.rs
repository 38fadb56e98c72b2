//! JSON in the words of JavaScript, so that what is written here and there is the same text.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::Formatter;

use super::error::AuthError;

/// As deep as `serde_json` reads.
const DEPTH_LIMIT: u8 = 127;

/// Writes `data` as `JSON.stringify` does: compact, in the order given, numbers as
/// JavaScript prints them (`1e+21`, `1` for `1.0`).
pub(super) fn write(data: &impl Serialize) -> Result<String, AuthError> {
    let mut text = Vec::with_capacity(128);
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, JavaScript { depth: 0 });
    data.serialize(&mut serializer).map_err(|error| {
        let reason = if error.is_io() {
            "it is nested more than 127 deep"
        } else {
            "its type has no form in JSON"
        };
        AuthError::Data { reason }
    })?;
    String::from_utf8(text).map_err(|_| AuthError::Data {
        reason: "it holds raw JSON that is not UTF-8",
    })
}

struct JavaScript {
    depth: u8,
}

impl JavaScript {
    fn deeper(&mut self) -> io::Result<()> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(())
    }
}

impl Formatter for JavaScript {
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

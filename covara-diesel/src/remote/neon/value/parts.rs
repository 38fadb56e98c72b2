//! Reads bytes and texts part by part.

use super::{MALFORMED, Problem};

/// Bytes of a value, read from front to back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'b>(pub(super) &'b [u8]);

impl<'b> Reader<'b> {
    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Checks that nothing is left.
    pub(super) fn finish(self) -> Result<(), Problem> {
        self.is_empty().then_some(()).ok_or(MALFORMED)
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'b [u8], Problem> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(MALFORMED)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        self.take(N)?.try_into().map_err(|_| MALFORMED)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Problem> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn i16(&mut self) -> Result<i16, Problem> {
        self.array().map(i16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Problem> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, Problem> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, Problem> {
        self.array().map(i64::from_be_bytes)
    }

    /// Reads a length and as many bytes; `None` for NULL.
    pub(super) fn sized(&mut self) -> Result<Option<&'b [u8]>, Problem> {
        match usize::try_from(self.i32()?) {
            Ok(length) => self.take(length).map(Some),
            Err(_) => Ok(None),
        }
    }
}

/// A text, read from front to back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scanner<'t>(pub(super) &'t str);

impl<'t> Scanner<'t> {
    /// Skips a text, if it comes next.
    pub(super) fn skip(&mut self, text: &str) -> bool {
        match self.0.strip_prefix(text) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    pub(super) fn expect(&mut self, text: &str) -> Result<(), Problem> {
        self.skip(text).then_some(()).ok_or(MALFORMED)
    }

    /// Takes the digits that come next, at least one.
    pub(super) fn digits(&mut self) -> Result<&'t str, Problem> {
        let end = self
            .0
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        if digits.is_empty() {
            Err(MALFORMED)
        } else {
            Ok(digits)
        }
    }

    pub(super) fn number<T: std::str::FromStr>(&mut self) -> Result<T, Problem> {
        self.digits()?.parse().map_err(|_| MALFORMED)
    }

    /// Takes an item of a list: what is before one of `ends`, or a text in quotes. `None` if
    /// nothing is there. The flag tells whether it was in quotes.
    pub(super) fn item(&mut self, ends: [char; 2]) -> Result<Option<(String, bool)>, Problem> {
        let mut item = String::new();
        let mut was_quoted = false;
        let mut is_quoted = false;
        let mut characters = self.0.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => item.push(characters.next().ok_or(MALFORMED)?.1),
                '"' if is_quoted && characters.peek().is_some_and(|(_, next)| *next == '"') => {
                    item.push('"');
                    characters.next();
                }
                '"' => {
                    is_quoted = !is_quoted;
                    was_quoted = true;
                }
                end if !is_quoted && ends.contains(&end) => {
                    self.0 = &self.0[at..];
                    return Ok((was_quoted || !item.is_empty()).then_some((item, was_quoted)));
                }
                other => item.push(other),
            }
        }
        Err(MALFORMED)
    }
}

/// Appends an item of a list in quotes.
pub(super) fn push_quoted(item: &str, out: &mut String) {
    out.push('"');
    for character in item.chars() {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('"');
}

//! Splits SQL into tokens.

use std::ops::Range;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Space,
    Word,
    Quoted,
    Placeholder,
    Semicolon,
    Other,
}

/// An iterator over the tokens of SQL, split like SQLite's own tokenizer where it matters here.
pub(crate) struct Tokens<'a> {
    sql: &'a str,
    pub(crate) at: usize,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(sql: &'a str) -> Self {
        Self { sql, at: 0 }
    }

    fn length(&self) -> (Kind, usize) {
        let rest = &self.sql.as_bytes()[self.at..];
        let run = |from: usize, is: fn(u8) -> bool| {
            rest[from..]
                .iter()
                .position(|byte| !is(*byte))
                .map_or(rest.len(), |length| from + length)
        };
        let until = |from: usize, end: &[u8]| {
            rest[from..]
                .windows(end.len())
                .position(|part| part == end)
                .map_or(rest.len(), |length| from + length + end.len())
        };
        match rest {
            [b' ' | b'\t' | b'\n' | b'\r' | 0x0c, ..] => (Kind::Space, run(1, is_space)),
            // A byte order mark is a space wherever a token may begin.
            [0xef, 0xbb, 0xbf, ..] => (Kind::Space, 3),
            [b'-', b'-', ..] => (Kind::Space, until(2, b"\n")),
            [b'/', b'*', _, ..] => (Kind::Space, until(2, b"*/")),
            // Doubled quotes become two adjacent tokens, which does no harm here.
            [quote @ (b'\'' | b'"' | b'`'), ..] => (Kind::Quoted, until(1, &[*quote])),
            [b'[', ..] => (Kind::Quoted, until(1, b"]")),
            [b'?', ..] => (Kind::Placeholder, run(1, |byte| byte.is_ascii_digit())),
            [b':' | b'@' | b'$' | b'#', ..] => match named(rest) {
                1 => (Kind::Other, 1),
                length => (Kind::Placeholder, length),
            },
            [b';', ..] => (Kind::Semicolon, 1),
            [first, ..] if is_of_word(*first) => (Kind::Word, run(1, is_of_word)),
            _ => (Kind::Other, 1),
        }
    }
}

impl Iterator for Tokens<'_> {
    type Item = (Kind, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.sql.len() {
            return None;
        }
        let (kind, length) = self.length();
        let range = self.at..self.at + length;
        self.at = range.end;
        Some((kind, range))
    }
}

/// Returns whether a byte belongs to a word. As in SQLite, every non-ASCII byte counts as a letter.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// Returns whether a byte continues a run of spaces, in which a vertical tab counts as well.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Returns the length of a placeholder with a name, 1 if there is none. As in Tcl, `::` may be part
/// of the name and something in parentheses may end it: `$array::item(key)`.
fn named(rest: &[u8]) -> usize {
    let mut length = 1;
    let mut has_name = false;
    while let Some(byte) = rest.get(length) {
        match byte {
            byte if is_of_word(*byte) => {
                has_name = true;
                length += 1;
            }
            b'(' if has_name => {
                let end = rest[length..]
                    .iter()
                    .skip(1)
                    .position(|byte| is_space(*byte) || *byte == b')');
                return match end {
                    Some(end) if rest.get(length + 1 + end) == Some(&b')') => length + end + 2,
                    _ => 1,
                };
            }
            b':' if rest.get(length + 1) == Some(&b':') => length += 2,
            _ => break,
        }
    }
    if has_name { length } else { 1 }
}

//! The tokens of PostgreSQL's SQL.

use std::ops::Range;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Space,
    Word,
    Quoted,
    Placeholder,
    Semicolon,
    Other,
}

/// An iterator over the tokens of SQL, split as PostgreSQL's scanner does where it matters here, with
/// `standard_conforming_strings`.
pub(super) struct Tokens<'a> {
    sql: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(sql: &'a str) -> Self {
        Self { sql, at: 0 }
    }
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

impl Tokens<'_> {
    fn length(&self) -> (Kind, usize) {
        let rest = &self.sql.as_bytes()[self.at..];
        let run = |from: usize, is: fn(u8) -> bool| {
            let found = rest[from..].iter().position(|byte| !is(*byte));
            found.map_or(rest.len(), |length| from + length)
        };
        match rest {
            [first, ..] if first.is_ascii_whitespace() || *first == 0x0b => (
                Kind::Space,
                run(1, |byte| byte.is_ascii_whitespace() || byte == 0x0b),
            ),
            [b'-', b'-', ..] => (Kind::Space, run(2, |byte| byte != b'\n' && byte != b'\r')),
            [b'/', b'*', ..] => (Kind::Space, comment(rest)),
            [b'e' | b'E', b'\'', ..] => (Kind::Quoted, 1 + quoted(&rest[1..], true)),
            [b'\'' | b'"', ..] => (Kind::Quoted, quoted(rest, false)),
            [b'$', digit, ..] if digit.is_ascii_digit() => {
                (Kind::Placeholder, run(1, |byte| byte.is_ascii_digit()))
            }
            [b'$', ..] => match dollar_quoted(rest) {
                Some(length) => (Kind::Quoted, length),
                None => (Kind::Other, 1),
            },
            [b';', ..] => (Kind::Semicolon, 1),
            [digit, ..] if digit.is_ascii_digit() => {
                (Kind::Other, run(1, |byte| byte.is_ascii_digit()))
            }
            [first, ..] if is_of_word(*first) => (Kind::Word, run(1, is_of_word)),
            _ => (Kind::Other, 1),
        }
    }
}

/// Returns the length of a text in quotes, doubled quotes included. One with escapes goes on in a
/// text on the next line, which has escapes, too.
fn quoted(rest: &[u8], has_escapes: bool) -> usize {
    let mut at = 1;
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\\' if has_escapes => at += 2,
            byte if *byte == rest[0] => {
                at += 1;
                match &rest[at..] {
                    [next, ..] if next == byte => at += 1,
                    after if has_escapes => match continuation(after) {
                        Some(length) => at += length,
                        None => return at,
                    },
                    _ => return at,
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

/// Returns the length of what stands between a text in quotes and its continuation on another line,
/// the quote that opens this one included; `None` if no such continuation follows.
fn continuation(rest: &[u8]) -> Option<usize> {
    let mut at = 0;
    let mut has_newline = false;
    loop {
        match rest.get(at..)? {
            [b'\'', ..] => return has_newline.then_some(at + 1),
            [b'-', b'-', ..] => {
                at += rest[at..]
                    .iter()
                    .position(|byte| matches!(byte, b'\n' | b'\r'))?;
            }
            [space, ..] if space.is_ascii_whitespace() || *space == 0x0b => {
                has_newline |= matches!(space, b'\n' | b'\r');
                at += 1;
            }
            _ => return None,
        }
    }
}

/// Returns the length of a comment, which may contain others.
fn comment(rest: &[u8]) -> usize {
    let mut depth = 1;
    let mut at = 2;
    while depth > 0 && at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    at
}

/// Returns the length of a text between dollars, `$tag$…$tag$`; `None` if it is none.
fn dollar_quoted(rest: &[u8]) -> Option<usize> {
    let tag = 1 + rest[1..].iter().position(|byte| *byte == b'$')?;
    let name = &rest[1..tag];
    let is_name =
        name.iter().all(|byte| is_of_word(*byte)) && !name.first().is_some_and(u8::is_ascii_digit);
    let tag = &rest[..=tag];
    let end = || {
        rest[tag.len()..]
            .windows(tag.len())
            .position(|part| part == tag)
    };
    is_name.then(|| end().map_or(rest.len(), |end| end + 2 * tag.len()))
}

impl Iterator for Tokens<'_> {
    type Item = (Kind, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.sql.len() {
            return None;
        }
        let (kind, length) = self.length();
        let mut end = (self.at + length).min(self.sql.len());
        while !self.sql.is_char_boundary(end) {
            end += 1;
        }
        let range = self.at..end;
        self.at = end;
        Some((kind, range))
    }
}

//! Parameters of PostgreSQL connection strings, in both of libpq's forms.

use std::borrow::Cow;

/// Returns the last value of a parameter in the query of a URL, as libpq does. The value stays
/// percent-encoded.
pub(super) fn of_query<'a>(url: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let (_, query) = url.split_once('?')?;
    let value = query.split('&').rev().find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key == name).then_some(value)
    })?;
    Some(value.into())
}

/// Returns the last value of a parameter in the `key=value` form, as libpq does.
pub(super) fn pair<'a>(text: &'a str, name: &str) -> Option<Cow<'a, str>> {
    pairs(text)
        .filter(|pair| pair.key == name)
        .last()
        .map(|pair| pair.value.into())
}

#[cfg_attr(
    not(any(feature = "postgres", feature = "_fuzz")),
    expect(
        dead_code,
        reason = "only where a driver reads the string are pairs taken out of it"
    )
)]
pub(super) struct Pair<'a> {
    pub(super) key: &'a str,
    value: String,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Splits a connection string into pairs as libpq does: spaces may surround `=`, a quoted value may
/// contain spaces, and a backslash escapes the next character. Text that is not a pair ends the
/// iteration; libpq reports it.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = Pair<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(|c: char| !c.is_ascii_whitespace())?;
        let equals = start + text[start..].find('=')?;
        let value = equals + 1;
        let value = value + text[value..].find(|c: char| !c.is_ascii_whitespace())?;
        let quoted = text[value..].starts_with('\'');
        let mut read = String::new();
        let mut characters = text[value..].char_indices().skip(usize::from(quoted));
        at = text.len();
        while let Some((offset, character)) = characters.next() {
            match character {
                '\\' => read.extend(characters.next().map(|(_, next)| next)),
                '\'' if quoted => {
                    at = value + offset + 1;
                    break;
                }
                space if !quoted && space.is_ascii_whitespace() => {
                    at = value + offset;
                    break;
                }
                other => read.push(other),
            }
        }
        Some(Pair {
            key: text[start..equals].trim_end(),
            value: read,
            start,
            end: at,
        })
    })
}

#[cfg(test)]
mod tests;

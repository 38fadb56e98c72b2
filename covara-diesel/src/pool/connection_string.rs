//! Takes connection strings apart: URLs, and libpq's `key=value` form.

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::percent_decode_str;

/// A URL in its parts, percent-encoded as they stand there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Url<'a> {
    pub(crate) scheme: &'a str,
    /// The part after the scheme's `//`: perhaps a user, then host and port. `None` without a `//`.
    pub(crate) authority: Option<&'a str>,
    /// With the slash it begins with, or empty.
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    /// Everything before the query.
    pub(crate) base: &'a str,
}

impl<'a> Url<'a> {
    pub(crate) fn of(text: &'a str) -> Option<Self> {
        let (scheme, _) = text.split_once(':').filter(|(name, _)| is_scheme(name))?;
        // libpq takes a `#` as it takes a letter.
        let text = match is_postgres(scheme) {
            true => text,
            false => text.split('#').next().unwrap_or(text),
        };
        let rest = &text[scheme.len() + 1..];
        let (authority, rest) = match rest.strip_prefix("//") {
            Some(rest) => {
                let end = match is_postgres(scheme) {
                    true => end_of_hosts(rest),
                    false => rest.find(['/', '?']).unwrap_or(rest.len()),
                };
                let (authority, rest) = rest.split_at(end);
                (Some(authority), rest)
            }
            None => (None, rest),
        };
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        Some(Self {
            scheme,
            authority,
            path,
            query,
            base: &text[..text.len() - query.map_or(0, |query| query.len() + 1)],
        })
    }

    /// A URL with an authority, as those of servers have.
    pub(crate) fn of_server(text: &'a str) -> Option<Self> {
        Self::of(text).filter(|url| url.authority.is_some())
    }

    /// A URL that libpq takes.
    pub(crate) fn of_postgres(text: &'a str) -> Option<Self> {
        Self::of_server(text).filter(|url| is_postgres(url.scheme))
    }

    /// The user with the password, if there is one, and the hosts with their ports, of a URL that
    /// libpq takes. To libpq, the user ends at the first `@`.
    pub(crate) fn user_and_hosts(self) -> (Option<&'a str>, &'a str) {
        let authority = self.authority.unwrap_or_default();
        match authority.split_once('@') {
            Some((user, hosts)) => (Some(user), hosts),
            None => (None, authority),
        }
    }

    /// The parameters of the query: the decoded names, and the values as they stand there.
    pub(crate) fn parameters(
        self,
    ) -> impl DoubleEndedIterator<Item = (Cow<'a, str>, Option<&'a str>)> {
        let pairs = self.query.unwrap_or_default().split('&');
        let pairs = pairs.filter(|pair| !pair.is_empty());
        pairs.map(|pair| match pair.split_once('=') {
            Some((name, value)) => (decoded(name), Some(value)),
            None => (decoded(pair), None),
        })
    }

    /// The last value of a parameter.
    pub(crate) fn parameter(self, name: &str) -> Option<&'a str> {
        let mut parameters = self.parameters().rev();
        parameters.find_map(|(key, value)| value.filter(|_| key == name))
    }
}

/// Returns where libpq takes path or query to begin: it looks for a user before it looks for a query,
/// and an address in brackets may hold anything.
fn end_of_hosts(rest: &str) -> usize {
    let user = match rest.find(['@', '/']) {
        Some(at) if rest[at..].starts_with('@') => at + 1,
        _ => 0,
    };
    let (mut is_address, mut previous) = (false, ',');
    let is_end = |c: char| {
        is_address = match c {
            '[' => is_address || previous == ',',
            ']' => false,
            _ => is_address,
        };
        previous = c;
        !is_address && matches!(c, '/' | '?')
    };
    rest[user..]
        .find(is_end)
        .map_or(rest.len(), |end| user + end)
}

/// Decodes percent-encoded text. What is no such code stays, which libpq refuses.
pub(crate) fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// C's `isspace`, by which libpq splits.
fn is_space(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\x0b'
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c))
}

fn is_postgres(scheme: &str) -> bool {
    matches!(scheme, "postgres" | "postgresql")
}

/// The path or `file:` URL behind `sqlite:`.
pub(crate) fn without_sqlite(given: &str) -> &str {
    let rest = given.strip_prefix("sqlite://");
    rest.or_else(|| given.strip_prefix("sqlite:"))
        .unwrap_or(given)
}

/// The last value of a parameter of a PostgreSQL connection string, as libpq takes it; that of a
/// URL is percent-encoded.
pub(crate) fn parameter<'a>(text: &'a str, name: &str) -> Option<Cow<'a, str>> {
    match Url::of_postgres(text) {
        Some(url) => url.parameter(name).map(Into::into),
        None => pairs(text)
            .filter(|(key, ..)| *key == name)
            .last()
            .map(|(_, value, _)| value.into()),
    }
}

/// The keys and values of the `key=value` form, and where each pair stands.
///
/// Splits as libpq does: spaces may surround `=`, a value in quotes may hold spaces, and a
/// backslash takes the next character as it is. What is no pair ends it; libpq says so.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = (&str, String, Range<usize>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(|c: char| !is_space(c))?;
        let equals = start + text[start..].find('=')?;
        let value = equals + 1;
        let value = text[value..]
            .find(|c: char| !is_space(c))
            .map_or(text.len(), |at| value + at);
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
                space if !quoted && is_space(space) => {
                    at = value + offset;
                    break;
                }
                other => read.push(other),
            }
        }
        Some((text[start..equals].trim_end(), read, start..at))
    })
}

#[cfg(test)]
mod tests;

//! JSON from JavaScript with strings that no Rust string can hold.

use std::borrow::Cow;

/// Replaces escapes that are one half of a surrogate pair with `\ufffd`.
pub(crate) fn without_lone_surrogates(text: &str) -> Cow<'_, str> {
    let mut whole = String::new();
    let mut copied = 0;
    let mut next = 0;
    while let Some(found) = text[next..].find('\\') {
        let at = next + found;
        let length = match (surrogate(text, at), surrogate(text, at + ESCAPE)) {
            (None, _) => {
                // Whatever is escaped is one character.
                let escaped = text[at + 1..].chars().next().map_or(0, char::len_utf8);
                next = at + 1 + escaped;
                continue;
            }
            (Some(Half::High), Some(Half::Low)) => {
                next = at + 2 * ESCAPE;
                continue;
            }
            (Some(_), _) => ESCAPE,
        };
        whole.push_str(&text[copied..at]);
        whole.push_str("\\ufffd");
        next = at + length;
        copied = next;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    whole.push_str(&text[copied..]);
    Cow::Owned(whole)
}

/// The length of `\ud800`.
const ESCAPE: usize = 6;

enum Half {
    High,
    Low,
}

/// Returns which half of a surrogate pair is escaped at this position, if any.
fn surrogate(text: &str, at: usize) -> Option<Half> {
    let digits = text.get(at..at + ESCAPE)?.strip_prefix("\\u")?;
    match u16::from_str_radix(digits, 16).ok()? {
        0xD800..=0xDBFF => Some(Half::High),
        0xDC00..=0xDFFF => Some(Half::Low),
        _ => None,
    }
}

//! Other forms of joined words: `wi-fi` is also `wifi`, and `getUserName` is also `get_user_name`.

use std::collections::BTreeSet;

use super::analysis::{Analyzer, Unit};

/// The maximum number of words that are joined: addresses of web pages have more.
const MOST_WORDS: usize = 8;
/// The maximum number of pieces between upper-case letters: no name has more, and a database that looks
/// for them all at once runs out of stack at some ten thousand.
const MOST_PIECES: usize = 64;
/// The numbers of digits that telephone numbers have.
const FEWEST_DIGITS: usize = 7;
const MOST_DIGITS: usize = 15;

/// The words of a part of a text that has no spaces.
pub(super) struct Parts {
    words: Vec<String>,
    /// The same, split also where upper case begins.
    split: Vec<String>,
}

impl Parts {
    /// Reads a part of a text, by an analyzer that does not stem.
    pub(super) fn of(analyzer: &Analyzer, part: &str) -> Self {
        let mut parts = Self {
            words: Vec::new(),
            split: Vec::new(),
        };
        let mut ranges = Vec::new();
        analyzer.words(part, |word| {
            if word.unit == Unit::Word {
                parts.words.push(word.text.to_owned());
                ranges.push(word.range);
            }
            parts.words.len() <= MOST_WORDS
        });
        // A character such as `½` is several words.
        ranges.dedup();
        for range in ranges {
            let word = part.get(range).unwrap_or_default();
            for piece in by_case(word) {
                analyzer.words(piece, |word| {
                    parts.split.push(word.text.to_owned());
                    parts.split.len() <= MOST_PIECES
                });
                if parts.split.len() > MOST_PIECES {
                    return parts;
                }
            }
        }
        parts
    }

    /// Returns the words as one, if there are several.
    pub(super) fn joined(&self) -> Option<String> {
        let several = (2..=MOST_WORDS).contains(&self.words.len());
        several.then(|| self.words.concat())
    }

    /// Returns its word, if it is only one.
    pub(super) fn only(&self) -> Option<&str> {
        match self.words.as_slice() {
            [word] => Some(word),
            _ => None,
        }
    }

    /// Returns the words of which upper case begins some, if it does.
    pub(super) fn split(&self) -> &[String] {
        let some = (self.words.len() + 1..=MOST_PIECES).contains(&self.split.len());
        let few = self.words.len() <= MOST_WORDS;
        if some && few { &self.split } else { &[] }
    }
}

/// Splits a word such as `getUserName` or `HTTPServer`.
fn by_case(word: &str) -> Vec<&str> {
    let mut letters = word.char_indices().peekable();
    let (mut pieces, mut start, mut before) = (Vec::new(), 0, ' ');
    while let Some((at, letter)) = letters.next() {
        let next = letters.peek().is_some_and(|(_, next)| next.is_lowercase());
        let begins = before.is_lowercase() || (before.is_uppercase() && next);
        if letter.is_uppercase() && begins {
            pieces.extend(word.get(start..at));
            start = at;
        }
        before = letter;
    }
    pieces.extend(word.get(start..));
    pieces
}

/// Adds the other forms of the words of a text.
pub(super) fn forms(analyzer: &Analyzer, text: &str, forms: &mut BTreeSet<String>) {
    for part in text.split_whitespace() {
        let parts = Parts::of(analyzer, part);
        forms.extend(parts.joined());
        forms.extend(parts.split().iter().cloned());
    }
    telephone_numbers(text, forms);
}

/// Adds the digits of telephone numbers, which may have spaces.
fn telephone_numbers(text: &str, forms: &mut BTreeSet<String>) {
    let separates = |c: char| matches!(c, ' ' | '\u{a0}' | '(' | ')' | '-' | '/' | '.');
    for run in text.split(|c: char| !c.is_ascii_digit() && !separates(c)) {
        let groups = run.split(separates).filter(|group| !group.is_empty());
        let (several, digits) = (groups.clone().nth(1).is_some(), groups.collect::<String>());
        if several && (FEWEST_DIGITS..=MOST_DIGITS).contains(&digits.len()) {
            forms.insert(digits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::analysis::Language;
    use super::*;

    fn of(text: &str) -> Vec<String> {
        let mut found = BTreeSet::new();
        forms(&Analyzer::new(Language::Unstemmed, true), text, &mut found);
        found.into_iter().collect()
    }

    #[test]
    fn joined_words_have_other_forms() {
        assert_eq!(of("Wi-Fi and Node.js"), ["nodejs", "wifi"]);
        assert_eq!(of("get_user_name"), ["getusername"]);
        assert_eq!(of("getUserName"), ["get", "name", "user"]);
        assert_eq!(of("HTTPServer ABC"), ["http", "server"]);
        assert_eq!(of("Crème-brûlée"), ["cremebrulee"]);
        assert_eq!(of("plain words, and 東京-タワー"), [""; 0]);
        assert_eq!(of("https://a.b.c/d/e/f/g/h/i"), [""; 0]);
        assert_eq!(of(&"aB".repeat(60)), ["a", "b", "ba"]);
        assert_eq!(of(&"aB".repeat(70)), [""; 0]);
    }

    #[test]
    fn telephone_numbers_are_one_word() {
        for text in [
            "+49 (30) 123-4567",
            "49/301234567",
            "call 49 30 1234567, or not",
        ] {
            assert!(of(text).contains(&"49301234567".to_owned()), "{text}");
        }
        assert_eq!(of("1 2 3"), [""; 0]);
        assert_eq!(of("1234567"), [""; 0]);
        assert_eq!(of("1 22 333 4444 55555 666666"), [""; 0]);
    }
}

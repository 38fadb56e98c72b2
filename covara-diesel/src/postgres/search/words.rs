//! The words of a document as a `tsvector`.

use std::collections::HashMap;
use std::fmt::Write;

use crate::search::WordSink;

/// The last position that a `tsvector` distinguishes from later ones:
/// <https://www.postgresql.org/docs/current/textsearch-limitations.html>.
const LAST_POSITION: u32 = 16_383;
/// Maximum number of positions of one word.
const MOST_POSITIONS: usize = 255;
/// Maximum number of bytes of a `tsvector`, besides a fixed number for each word.
const MOST_BYTES: usize = (1 << 20) - 1;
/// Length of text up to which the parsed `tsvector` certainly fits.
const SURELY_FITS: usize = 400_000;

/// Returns the prefix of the words of a searched field, by the field's number. One column holds the
/// words of all fields, and a query distinguishes them by it.
pub(super) fn prefix(slot: usize) -> char {
    let slot = u32::try_from(slot).unwrap_or(0);
    char::from_digit(slot, 32).unwrap_or('0')
}

/// What is between this prefix and a word that is found by its beginnings only. No word begins with
/// it.
pub(super) const BEGINNING: char = '_';

/// Returns the weight label by which the rank distinguishes a field from its neighbours.
fn label(slot: usize) -> char {
    ['A', 'B', 'C', 'D'].get(slot % 4).copied().unwrap_or('D')
}

/// A writer of the text of a `tsvector`.
#[derive(Debug, Default)]
pub struct PostgresWords {
    slot: usize,
    /// The last position in that field.
    position: u32,
}

impl PostgresWords {
    fn next(&mut self, slot: usize) -> u32 {
        if self.slot != slot {
            *self = Self { slot, position: 0 };
        }
        self.position = self.position.saturating_add(1);
        self.position
    }
}

impl WordSink for PostgresWords {
    const PER_FIELD: bool = false;

    /// Words are letters, digits and marks, or signs that have no meaning here, so they need no quotes.
    fn word(&mut self, slot: usize, word: &str, to: &mut String) {
        let position = self.next(slot);
        to.push(prefix(slot));
        to.push_str(word);
        // After the last position a word can be found, but not as part of a phrase.
        if position <= LAST_POSITION {
            // Writing to a `String` never fails.
            let _ = write!(to, ":{position}{}", label(slot));
        }
        to.push(' ');
    }

    fn beginning(&mut self, slot: usize, word: &str, to: &mut String) {
        to.extend([prefix(slot), BEGINNING]);
        to.push_str(word);
        // Its position is of no use, but its label makes it count as much as other words.
        let _ = write!(to, ":1{} ", label(slot));
    }

    fn gap(&mut self, slot: usize, _: &mut String) {
        self.next(slot);
    }

    fn fit(words: &mut String, start: usize) -> bool {
        if words.len() - start <= SURELY_FITS {
            return true;
        }
        let Some(fitted) = words.get(start..).and_then(fitted) else {
            return false;
        };
        words.truncate(start);
        words.push_str(&fitted);
        true
    }
}

/// Returns the same words, each once, with as many positions as fit.
fn fitted(text: &str) -> Option<String> {
    let mut words: HashMap<&str, Vec<&str>> = HashMap::new();
    for entry in text.split_ascii_whitespace() {
        let (word, position) = match entry.split_once(':') {
            Some((word, position)) => (word, Some(position)),
            None => (entry, None),
        };
        let positions = words.entry(word).or_default();
        positions.extend(position.filter(|_| positions.len() < MOST_POSITIONS));
    }
    // A word, the number of its positions, and two bytes for each, aligned to two bytes.
    let bytes = |most: usize| -> usize {
        let sizes = words.iter().map(|(word, positions)| {
            let positions = positions.len().min(most);
            word.len() + 1 + if positions > 0 { 2 + 2 * positions } else { 0 }
        });
        sizes.sum()
    };
    let most = [MOST_POSITIONS, 64, 16, 4, 1, 0];
    let most = most.into_iter().find(|&most| bytes(most) <= MOST_BYTES)?;
    let mut fitted = String::new();
    for (word, positions) in words {
        fitted.push_str(word);
        for (at, position) in positions.iter().take(most).enumerate() {
            fitted.push(if at == 0 { ':' } else { ',' });
            fitted.push_str(position);
        }
        fitted.push(' ');
    }
    Some(fitted)
}

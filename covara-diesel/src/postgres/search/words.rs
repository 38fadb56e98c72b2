//! The words of a document as a `tsvector`.

use std::collections::HashMap;
use std::fmt::Write;

use crate::search::WordSink;

/// The last position that a `tsvector` tells from those behind it:
/// <https://www.postgresql.org/docs/current/textsearch-limitations.html>.
const LAST_POSITION: u32 = 16_383;
/// Most positions of one word.
const MOST_POSITIONS: usize = 255;
/// Most bytes of a `tsvector`, beside a fixed number of them for each word.
const MOST_BYTES: usize = (1 << 20) - 1;
/// Up to this length the text of a `tsvector` is no longer than that once it is read.
const SURELY_FITS: usize = 400_000;

/// The beginning of a word that stands in the searched field of that number: so one column
/// holds the words of all, and a query tells them apart.
pub(super) fn prefix(slot: usize) -> char {
    let slot = u32::try_from(slot).unwrap_or(0);
    char::from_digit(slot, 32).unwrap_or('0')
}

/// The weight by which the rank tells a field from its neighbours.
fn label(slot: usize) -> char {
    ['A', 'B', 'C', 'D'].get(slot % 4).copied().unwrap_or('D')
}

/// Writes the text of a `tsvector`.
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

    /// Words are letters, digits and marks, so none needs quotation.
    fn word(&mut self, slot: usize, word: &str, to: &mut String) {
        let position = self.next(slot);
        to.push(prefix(slot));
        to.push_str(word);
        // Behind the last position a word can be found, but not as part of a phrase.
        if position <= LAST_POSITION {
            // Nothing fails in writing to a text.
            let _ = write!(to, ":{position}{}", label(slot));
        }
        to.push(' ');
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

/// The same words, each once, with as many positions as there is room for.
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
    // A word, its positions of two bytes each and their number, each at an even place.
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

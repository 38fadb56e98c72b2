//! The positions of a query's words in a text.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::analysis::{Analyzer, Unit};
use super::terms::Phrase;

/// Returns the ranges of the words that belong to a match of a whole phrase, in order and without
/// overlaps.
///
/// The memory is proportional to the number of words in the text that occur in one of the phrases,
/// however often the phrases match. The time is proportional to the number of words for each
/// phrase.
pub(super) fn marks(analyzer: &Analyzer, phrases: &[&Phrase], text: &str) -> Vec<Range<usize>> {
    let mut all = marks_of_words(analyzer, phrases, text);
    let beginnings: Vec<Phrase> = phrases.iter().filter_map(|phrase| phrase.begun()).collect();
    if beginnings.is_empty() {
        return all;
    }
    let beginnings: Vec<&Phrase> = beginnings.iter().collect();
    all.extend(marks_of_words(&analyzer.unstemmed(), &beginnings, text));
    all.sort_unstable_by_key(|mark| (mark.start, mark.end));
    let mut apart = Vec::new();
    for mark in all {
        add(mark, &mut apart);
    }
    apart
}

/// Adds a range behind others, which it may overlap or touch.
fn add(mark: Range<usize>, apart: &mut Vec<Range<usize>>) {
    match apart.last_mut() {
        Some(last) if mark.start <= last.end => last.end = last.end.max(mark.end),
        _ => apart.push(mark),
    }
}

/// Returns the ranges of the words of the phrases.
fn marks_of_words(analyzer: &Analyzer, phrases: &[&Phrase], text: &str) -> Vec<Range<usize>> {
    let found = TextWords::new(analyzer, phrases, text);
    let mut ends = vec![None; found.words.len()];
    for phrase in phrases {
        found.mark(phrase, &mut ends);
    }
    let mut apart: Vec<Range<usize>> = Vec::new();
    for (word, end) in found.words.iter().zip(ends) {
        if let Some(end) = end {
            add(word.start..end, &mut apart);
        }
    }
    apart
}

/// A word of the text that may belong to a phrase.
struct WordPlace {
    /// The number of words before it.
    position: usize,
    /// The number of its text among the distinct texts.
    id: usize,
    start: usize,
    end: usize,
    /// The end of its match if the phrase matches its beginning only.
    beginning: usize,
}

struct TextWords {
    words: Vec<WordPlace>,
    /// The numbers of the distinct texts.
    ids: HashMap<String, usize>,
}

impl TextWords {
    fn new(analyzer: &Analyzer, phrases: &[&Phrase], text: &str) -> Self {
        let wanted: HashSet<&str> = phrases
            .iter()
            .flat_map(|phrase| phrase.words.iter().map(String::as_str))
            .collect();
        let beginnings: Vec<&str> = phrases.iter().filter_map(|phrase| phrase.last()).collect();
        let wanted = |word: &str| {
            wanted.contains(word) || beginnings.iter().any(|first| word.starts_with(first))
        };
        let mut found = Self {
            words: Vec::new(),
            ids: HashMap::new(),
        };
        let mut position = 0;
        let mut pair = false;
        analyzer.words(text, |word| {
            // The second character of a pair begins the next pair.
            if let (true, Some(last)) = (pair, found.words.last_mut())
                && last.position + 1 == position
            {
                last.beginning = word.range.start;
            }
            pair = word.unit == Unit::Pair;
            if let Some(id) = found.id(word.text, wanted) {
                found.words.push(WordPlace {
                    position,
                    id,
                    start: word.range.start,
                    end: word.range.end,
                    beginning: word.range.end,
                });
            }
            position += 1;
            true
        });
        found
    }

    fn id(&mut self, word: &str, wanted: impl Fn(&str) -> bool) -> Option<usize> {
        if let Some(id) = self.ids.get(word) {
            return Some(*id);
        }
        if !wanted(word) {
            return None;
        }
        let id = self.ids.len();
        self.ids.insert(word.to_owned(), id);
        Some(id)
    }

    /// Records the end of each word that belongs to a match of the phrase.
    fn mark(&self, phrase: &Phrase, ends: &mut [Option<usize>]) {
        let last = phrase.last();
        let whole = phrase.words.len() - usize::from(last.is_some());
        let whole = phrase.words.iter().take(whole);
        let whole: Option<Vec<usize>> = whole.map(|word| self.ids.get(word).copied()).collect();
        let Some(whole) = whole else {
            // One of its words does not occur in the text.
            return;
        };
        let matches: Option<HashSet<usize>> = last.map(|last| {
            let ids = self.ids.iter();
            let begin = ids.filter(|(word, _)| word.starts_with(last));
            begin.map(|(_, id)| *id).collect()
        });
        // The words before this position are recorded already; matches may overlap.
        let mut noted = 0;
        let borders = borders(&whole);
        let mut matched = 0;
        for (at, word) in self.words.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|before| self.words.get(before));
            if before.is_some_and(|before| before.position + 1 != word.position) {
                matched = 0;
            }
            if let (Some(matches), true) = (&matches, matched == whole.len())
                && matches.contains(&word.id)
            {
                self.note(noted.max(at - whole.len())..at, ends);
                extend(ends, at, Some(word.beginning));
                noted = at;
            }
            matched = step(&whole, &borders, matched, word.id);
            if matches.is_none() && matched == whole.len() {
                self.note(noted.max(at + 1 - whole.len())..at + 1, ends);
                noted = at + 1;
            }
        }
    }

    fn note(&self, range: Range<usize>, ends: &mut [Option<usize>]) {
        for at in range {
            extend(ends, at, self.words.get(at).map(|word| word.end));
        }
    }
}

impl Phrase {
    /// Returns the phrase of the word that begins so, before it is stemmed.
    fn begun(&self) -> Option<Self> {
        let beginning = self.beginning.as_ref()?;
        Some(Self {
            slots: Vec::new(),
            words: vec![beginning.clone()],
            prefix: true,
            beginning: None,
        })
    }

    /// Returns the word that is only the beginning of a word.
    fn last(&self) -> Option<&str> {
        let last = self.words.last().filter(|_| self.prefix)?;
        Some(last)
    }
}

fn extend(ends: &mut [Option<usize>], at: usize, end: Option<usize>) {
    if let Some(known) = ends.get_mut(at) {
        *known = end.max(*known);
    }
}

/// Returns, for each prefix of `words`, the length of its longest proper prefix that is also its
/// suffix. A failed match continues there, as in the algorithm of Knuth, Morris and Pratt.
fn borders(words: &[usize]) -> Vec<usize> {
    let mut borders = vec![0; words.len()];
    let mut length = 0;
    for at in 1..words.len() {
        length = step(words, &borders, length, words[at]);
        borders[at] = length;
    }
    borders
}

/// Returns how many of `words` match after one more word.
fn step(words: &[usize], borders: &[usize], mut matched: usize, word: usize) -> usize {
    loop {
        match words.get(matched) {
            Some(next) if *next == word => return matched + 1,
            _ if matched == 0 => return 0,
            _ => matched = borders[matched - 1],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::analysis::Language;
    use super::*;

    /// Computes the same by trying each phrase at each word.
    fn tried(analyzer: &Analyzer, phrases: &[&Phrase], text: &str) -> Vec<bool> {
        let mut words = Vec::new();
        analyzer.words(text, |word| {
            words.push((word.text.to_owned(), word.range, word.unit));
            true
        });
        let mut marked = vec![false; text.len()];
        for phrase in phrases {
            let last = phrase.words.len() - 1;
            for (at, window) in words.windows(phrase.words.len()).enumerate() {
                let mut pairs = window.iter().zip(&phrase.words).enumerate();
                let matches = pairs.all(|(n, ((found, ..), word))| {
                    found == word || phrase.prefix && n == last && found.starts_with(word.as_str())
                });
                for (n, (_, range, unit)) in window.iter().enumerate().filter(|_| matches) {
                    let mut range = range.clone();
                    let part = phrase.prefix && n == last && *unit == Unit::Pair;
                    if let (true, Some((_, next, _))) = (part, words.get(at + n + 1)) {
                        range.end = next.start;
                    }
                    marked[range].fill(true);
                }
            }
        }
        marked
    }

    #[test]
    fn what_is_marked_is_what_trying_finds() {
        let mut seed = 7_u64;
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(seed >> 40).unwrap() % below
        };
        let alphabet = ["a", "ab", "b", "東", "東京", "京東京", "c"];
        let analyzer = Analyzer::new(Language::Unstemmed, true);
        let mut some = 0;
        for _ in 0..3_000 {
            let mut words =
                |most| -> Vec<&str> { (0..=random(most)).map(|_| alphabet[random(7)]).collect() };
            let text = words(30).join(" ");
            let mut phrases = Vec::new();
            for prefix in [true, false] {
                let mut split = Vec::new();
                analyzer.words(&words(3).join(" "), |word| {
                    split.push(word.text.to_owned());
                    true
                });
                phrases.push(Phrase {
                    slots: vec![0],
                    words: split,
                    prefix,
                    beginning: None,
                });
            }
            let phrases: Vec<&Phrase> = phrases.iter().collect();
            let ranges = marks(&analyzer, &phrases, &text);
            let mut marked = vec![false; text.len()];
            for range in &ranges {
                marked[range.clone()].fill(true);
            }
            some += ranges.len();
            assert_eq!(
                marked,
                tried(&analyzer, &phrases, &text),
                "{text}: {phrases:?}"
            );
        }
        assert!(some > 1_000, "{some}");
    }
}

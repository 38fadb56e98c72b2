//! The positions of a query's words in a text.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::analysis::{Analyzer, Unit};
use super::terms::Phrase;

/// A marked part of the text: a word, or several that overlap or touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) range: Range<usize>,
    /// The number of one of the phrases that it belongs to.
    pub(super) phrase: usize,
    /// `true` if the match goes on with the next mark.
    pub(super) goes_on: bool,
}

impl Mark {
    /// Adds the mark behind others, which it may overlap or touch.
    fn add_to(self, marks: &mut Vec<Self>) {
        match marks.last_mut() {
            Some(last) if self.range.start <= last.range.end => {
                if self.range.end >= last.range.end {
                    last.range.end = self.range.end;
                    last.goes_on = self.goes_on;
                }
            }
            _ => marks.push(self),
        }
    }
}

/// Returns the words that belong to a match of a whole phrase, in order and without overlaps.
///
/// The memory is proportional to the number of words in the text that occur in one of the phrases,
/// however often the phrases match. The time is proportional to the number of words for each
/// phrase.
pub(super) fn marks(analyzer: &Analyzer, phrases: &[&Phrase], text: &str) -> Vec<Mark> {
    let mut all = marks_of_words(analyzer, phrases, text);
    let beginnings: Vec<Phrase> = phrases.iter().filter_map(|phrase| phrase.begun()).collect();
    if beginnings.is_empty() {
        return all;
    }
    let beginnings: Vec<&Phrase> = beginnings.iter().collect();
    all.extend(marks_of_words(&analyzer.unstemmed(), &beginnings, text));
    all.sort_unstable_by_key(|mark| (mark.range.start, mark.range.end));
    let mut apart = Vec::new();
    for mark in all {
        mark.add_to(&mut apart);
    }
    apart
}

/// Returns the marks of the words of the phrases.
fn marks_of_words(analyzer: &Analyzer, phrases: &[&Phrase], text: &str) -> Vec<Mark> {
    let found = TextWords::new(analyzer, phrases, text);
    let mut ends = vec![None; found.words.len()];
    for (number, phrase) in phrases.iter().enumerate() {
        found.mark(number, phrase, &mut ends);
    }
    let mut apart = Vec::new();
    for (word, end) in found.words.iter().zip(ends) {
        if let Some(end) = end {
            let mark = Mark {
                range: word.start..end.at,
                phrase: end.phrase,
                goes_on: end.goes_on,
            };
            mark.add_to(&mut apart);
        }
    }
    apart
}

/// The end of a word that belongs to a match.
#[derive(Clone, Copy)]
struct End {
    at: usize,
    phrase: usize,
    /// `true` if the match has a word after it.
    goes_on: bool,
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

    /// Records the end of each word that belongs to a match of the phrase with that number.
    fn mark(&self, number: usize, phrase: &Phrase, ends: &mut [Option<End>]) {
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
                self.note(
                    noted,
                    at - whole.len()..at + 1,
                    word.beginning,
                    number,
                    ends,
                );
                noted = at;
            }
            matched = step(&whole, &borders, matched, word.id);
            if matches.is_none() && matched == whole.len() && matched > 0 {
                self.note(noted, at + 1 - matched..at + 1, word.end, number, ends);
                noted = at + 1;
            }
        }
    }

    /// Records the words of a match, of which those before `noted` are recorded but for that another
    /// one follows. The last one ends at `end`.
    fn note(
        &self,
        noted: usize,
        words: Range<usize>,
        end: usize,
        phrase: usize,
        ends: &mut [Option<End>],
    ) {
        let last = words.end - 1;
        for at in words.start.max(noted.saturating_sub(1))..words.end {
            let (Some(word), Some(known)) = (self.words.get(at), ends.get_mut(at)) else {
                continue;
            };
            let end = if at == last { end } else { word.end };
            let goes_on = at < last;
            *known = Some(match *known {
                Some(known) => End {
                    at: end.max(known.at),
                    phrase: known.phrase,
                    goes_on: goes_on || known.goes_on,
                },
                None => End {
                    at: end,
                    phrase,
                    goes_on,
                },
            });
        }
    }
}

impl Phrase {
    /// Returns the phrase of the word that begins so, before it is stemmed.
    fn begun(&self) -> Option<Self> {
        let beginning = self.beginning.as_ref().filter(|begun| !begun.whole)?;
        Some(Self {
            slots: Vec::new(),
            words: vec![beginning.text.clone()],
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
    fn a_mark_tells_whether_its_match_goes_on() {
        let analyzer = Analyzer::new(Language::Unstemmed, true);
        let phrase = |words: &[&str]| Phrase {
            slots: vec![0],
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            prefix: false,
            beginning: None,
        };
        let (one, two) = (phrase(&["a", "b", "a"]), phrase(&["c"]));
        let marks = marks(&analyzer, &[&one, &two], "a b a b a c a b c");
        let told: Vec<(usize, usize, bool)> = marks
            .iter()
            .map(|mark| (mark.range.start, mark.phrase, mark.goes_on))
            .collect();
        assert_eq!(
            told,
            [
                (0, 0, true),
                (2, 0, true),
                (4, 0, true),
                (6, 0, true),
                (8, 0, false),
                (10, 1, false),
                (16, 1, false),
            ]
        );
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
            for mark in &ranges {
                marked[mark.range.clone()].fill(true);
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

//! Words near a misspelt one.

use std::collections::{BTreeMap, BTreeSet};

/// The number of first letters by which words are looked up.
pub(crate) const START: usize = 4;
/// The lengths of the words that an index learns, in letters.
const SHORTEST: usize = 3;
const LONGEST: usize = 40;

/// A word of an index that a misspelt one may mean. The order is that of their likeness.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NearWord {
    pub(super) edits: usize,
    pub(super) word: String,
}

/// The words near each typed one, the nearest first.
pub(super) type NearWords = BTreeMap<String, Vec<NearWord>>;

/// Returns whether an index learns a word: others find numbers and codes by chance.
pub(super) fn is_learned(word: &str) -> bool {
    let letters = word.chars().count();
    (SHORTEST..=LONGEST).contains(&letters) && !word.contains(char::is_numeric)
}

/// Returns how many mistakes a word of so many letters may have.
pub(super) fn most_edits(letters: usize) -> usize {
    match letters {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    }
}

/// Returns how many mistakes make one word of the other, if they are not more than `most`.
pub(super) fn edits(one: &[char], other: &[char], most: usize) -> Option<usize> {
    (0..=most).find(|edits| is_within(one, other, *edits))
}

fn is_within(one: &[char], other: &[char], edits: usize) -> bool {
    match (one, other) {
        ([], []) => true,
        ([a, one @ ..], [b, other @ ..]) if a == b => is_within(one, other, edits),
        _ => edits > 0 && is_mended(one, other, edits - 1),
    }
}

/// Returns whether `left` mistakes remain at most after that of the first letters is mended.
fn is_mended(one: &[char], other: &[char], left: usize) -> bool {
    let added = matches!(one, [_, one @ ..] if is_within(one, other, left));
    let missing = matches!(other, [_, other @ ..] if is_within(one, other, left));
    let wrong =
        matches!((one, other), ([_, one @ ..], [_, other @ ..]) if is_within(one, other, left));
    let swapped = matches!(
        (one, other),
        ([a, b, one @ ..], [c, d, other @ ..]) if a == d && b == c && is_within(one, other, left)
    );
    added || missing || wrong || swapped
}

/// Returns the first letters of all words that differ from this one by one mistake in its first
/// letters at most.
pub(super) fn starts(word: &[char]) -> BTreeSet<String> {
    let first: Vec<char> = word.iter().copied().take(START).collect();
    let letters = alphabet(word);
    let mut starts = BTreeSet::new();
    let mut add = |letters: &[char]| {
        starts.insert(letters.iter().take(START).collect::<String>());
    };
    add(&first);
    for at in 0..first.len() {
        let mut without = first.clone();
        let letter = without.remove(at);
        add(&without);
        if at > 0 {
            let mut swapped = without.clone();
            swapped.insert(at - 1, letter);
            add(&swapped);
        }
        for &other in &letters {
            let mut added = first.clone();
            added.insert(at, other);
            add(&added);
            let mut wrong = without.clone();
            wrong.insert(at, other);
            add(&wrong);
            let mut next = without.clone();
            next.push(other);
            add(&next);
        }
    }
    starts
}

/// Returns the letters that a word may have in place of others: those of its scripts.
fn alphabet(word: &[char]) -> BTreeSet<char> {
    let mut letters: BTreeSet<char> = word.iter().copied().collect();
    for &letter in word {
        let script = u32::from(letter) & !0x7f;
        let script = (script..script + 0x80).filter_map(char::from_u32);
        letters.extend(script.filter(|c| c.is_alphabetic() && !c.is_uppercase()));
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(word: &str) -> Vec<char> {
        word.chars().collect()
    }

    #[test]
    fn mistakes_are_letters_missing_added_wrong_or_swapped() {
        let count = |one: &str, other: &str| edits(&letters(one), &letters(other), 2);
        for (typed, expected) in [
            ("receive", 0),
            ("recieve", 1),
            ("receve", 1),
            ("receiive", 1),
            ("receibe", 1),
            ("eceive", 1),
            ("receives", 1),
            ("erceive", 1),
            ("recievee", 2),
            ("rcieve", 2),
        ] {
            assert_eq!(count(typed, "receive"), Some(expected), "{typed}");
            assert_eq!(count("receive", typed), Some(expected), "{typed}");
        }
        assert_eq!(count("ercieev", "receive"), None);
        assert_eq!(count("", "abc"), None);
    }

    /// All words of up to six of three letters.
    #[test]
    fn words_with_one_mistake_begin_with_one_of_the_starts() {
        let mut words: Vec<Vec<char>> = vec![Vec::new()];
        for from in 0.. {
            let Some(word) = words.get(from).filter(|word| word.len() < 6).cloned() else {
                break;
            };
            words.extend(['a', 'b', 'c'].map(|letter| [word.as_slice(), &[letter]].concat()));
        }
        let typed = words.iter().filter(|word| word.len() == 5);
        for typed in typed.step_by(7) {
            let starts = starts(typed);
            for word in words.iter().filter(|word| word.len() >= SHORTEST) {
                if edits(typed, word, 1).is_some() {
                    let start: String = word.iter().take(START).collect();
                    assert!(starts.contains(&start), "{typed:?} {word:?}");
                }
            }
        }
    }

    #[test]
    fn starts_have_letters_of_the_words_scripts() {
        let typed = letters("базар");
        assert!(starts(&typed).contains("вазар".get(..8).unwrap()));
        assert!(starts(&letters("word")).len() < 400);
    }
}

//! Normalization of Unicode spellings, and removal of accents.

use std::iter::once;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::characters::{is_emoji, is_ignorable, may_separate};

/// Appends `segment` in lower case and in compatibility composition (NFKC), without ignorable
/// characters. Where a character's form separates words, as that of `½`, they are separated by
/// spaces.
pub(super) fn compose(segment: &str, word: &mut String) {
    if !segment.contains(|c| is_ignorable(c) || may_separate(c)) {
        return compose_letters(segment, word);
    }
    let mut letters = String::with_capacity(segment.len());
    for c in segment.chars().filter(|&c| !is_ignorable(c)) {
        let separates = may_separate(c) && once(c).nfkc().any(|c| !is_part_of_word(c));
        if separates {
            letters.push(' ');
            letters.extend(
                once(c)
                    .nfkc()
                    .map(|c| if is_part_of_word(c) { c } else { ' ' }),
            );
            letters.push(' ');
        } else {
            letters.push(c);
        }
    }
    for (at, part) in letters.split_ascii_whitespace().enumerate() {
        if at > 0 {
            word.push(' ');
        }
        compose_letters(part, word);
    }
}

fn compose_letters(segment: &str, word: &mut String) {
    let lower = segment.nfkc().flat_map(char::to_lowercase);
    let lower = lower.map(|c| if c == 'ς' { 'σ' } else { c }).nfc();
    word.extend(lower.filter(|&c| is_part_of_word(c)));
}

fn is_part_of_word(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c) || is_emoji(c)
}

/// Returns a word in lower case without the accents of Latin, Greek and Cyrillic letters.
pub(super) fn without_accents(word: &str) -> String {
    let mut folded = String::with_capacity(word.len());
    for c in word.nfd().filter(|&c| !is_accent(c)) {
        match plain(c) {
            Some(letters) => folded.push_str(letters),
            None => folded.push(c),
        }
    }
    if folded.is_ascii() {
        return folded;
    }
    folded.nfc().collect()
}

/// Returns whether a character is a mark from the blocks for combining diacritics. The marks of
/// other scripts form different letters.
fn is_accent(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}'
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe20}'..='\u{fe2f}')
}

/// Returns the plain form of letters that Unicode does not decompose into a letter and a mark.
fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ı' => "i",
        'ĸ' => "k",
        'ł' => "l",
        'ŋ' => "n",
        'þ' => "th",
        'ŧ' => "t",
        _ => return None,
    })
}

//! Segmentation of text into words.

use std::ops::Range;

use unicode_normalization::char::is_combining_mark;

use super::characters::{has_stop, is_emoji, is_flag_letter, is_ignorable, signs_behind};

/// The kind of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::search) enum Unit {
    /// A run of letters and digits.
    Word,
    /// The signs of a name such as `C++`, or an emoji.
    Sign,
    /// Two adjacent characters of a script that is written without spaces.
    Pair,
    /// The last character of a run in such a script, or its only one.
    Last,
}

/// Calls `visit` with the range of each indexed segment of `text`, until it returns `false`.
///
/// Chinese, Japanese, Korean, Thai, Lao, Khmer and Burmese texts are not divided into words: each
/// character with its marks forms a pair with the next, and the last one stands alone. Every
/// character therefore begins exactly one segment, and a single character is found as the beginning
/// of a segment.
///
/// The signs in `C++`, `C#` and `.NET` are segments besides the word.
pub(super) fn segments(text: &str, mut visit: impl FnMut(Range<usize>, Unit) -> bool) {
    let visit = |range: Range<usize>, unit: Unit| match unit {
        Unit::Word => with_signs(text, range, &mut visit),
        _ => visit(range, unit),
    };
    if text.is_ascii() {
        return ascii_words(text, visit);
    }
    let mut visit = visit;
    let mut scan = Scan::default();
    let mut chars = text.char_indices();
    loop {
        let (at, next) = match chars.next() {
            Some((at, c)) => (at, Some(c)),
            None => (text.len(), None),
        };
        let class = next.map_or(Class::Other, class);
        if !scan.step(at, class, &mut visit) || next.is_none() {
            return;
        }
    }
}

/// Visits a word and the signs before and behind it.
fn with_signs(
    text: &str,
    word: Range<usize>,
    visit: &mut impl FnMut(Range<usize>, Unit) -> bool,
) -> bool {
    let (before, from) = text.split_at_checked(word.start).unwrap_or_default();
    if has_stop(before, from) && !visit(word.start - 1..word.start, Unit::Sign) {
        return false;
    }
    let end = word.end;
    let signs = signs_behind(text.get(end..).unwrap_or_default());
    visit(word, Unit::Word) && (signs == 0 || visit(end..end + signs, Unit::Sign))
}

/// Segments ASCII text, which has neither marks nor scripts without spaces.
fn ascii_words(text: &str, mut visit: impl FnMut(Range<usize>, Unit) -> bool) {
    let mut start = 0;
    for word in text.as_bytes().split(|byte| !byte.is_ascii_alphanumeric()) {
        let end = start + word.len();
        if !word.is_empty() && !visit(start..end, Unit::Word) {
            return;
        }
        start = end + 1;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Word,
    /// A character of a script without spaces.
    Single,
    Emoji,
    /// One of the two characters of a flag.
    FlagLetter,
    /// A character that belongs to the one before it.
    Mark,
    Other,
}

fn class(c: char) -> Class {
    if c.is_ascii() {
        return if c.is_ascii_alphanumeric() {
            Class::Word
        } else {
            Class::Other
        };
    }
    match c {
        // Unicode classifies the voiced sound marks of kana as letters, and the vowels and last
        // consonants of Korean syllables, which may also be one character with the first.
        '\u{ff9e}' | '\u{ff9f}' | '\u{1161}'..='\u{11ff}' => Class::Mark,
        // The Thai and Lao vowel that is a mark and a letter in one.
        '\u{e33}' | '\u{eb3}' => Class::Mark,
        _ if is_combining_mark(c) || is_ignorable(c) => Class::Mark,
        _ if is_flag_letter(c) => Class::FlagLetter,
        _ if is_emoji(c) => Class::Emoji,
        _ if !c.is_alphanumeric() => Class::Other,
        '\u{e00}'..='\u{eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1100}'..='\u{11ff}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{3005}'..='\u{3007}'
        | '\u{3040}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9d}'
        | '\u{20000}'..='\u{3ffff}' => Class::Single,
        _ => Class::Word,
    }
}

/// The segments that are open at a position in the text.
#[derive(Default)]
struct Scan {
    word: Option<usize>,
    /// The start of the previous character, and that of the current one.
    singles: Option<(Option<usize>, usize)>,
    /// The start of the emoji, and whether it is the first half of a flag.
    emoji: Option<(usize, bool)>,
}

impl Scan {
    fn step(
        &mut self,
        at: usize,
        class: Class,
        visit: &mut impl FnMut(Range<usize>, Unit) -> bool,
    ) -> bool {
        if class == Class::Mark {
            return true;
        }
        if class == Class::FlagLetter
            && let Some((start, true)) = self.emoji
        {
            self.emoji = Some((start, false));
            return true;
        }
        if let Some((start, _)) = self.emoji.take()
            && !visit(start..at, Unit::Sign)
        {
            return false;
        }
        if matches!(class, Class::Emoji | Class::FlagLetter) {
            self.emoji = Some((at, class == Class::FlagLetter));
        }
        if let (Some(start), true) = (self.word, class != Class::Word) {
            self.word = None;
            if !visit(start..at, Unit::Word) {
                return false;
            }
        }
        if let Some((before, current)) = self.singles {
            // The current character ends here, and so does the pair in which it is second.
            if before.is_some_and(|before| !visit(before..at, Unit::Pair)) {
                return false;
            }
            self.singles = (class == Class::Single).then_some((Some(current), at));
            if self.singles.is_none() && !visit(current..at, Unit::Last) {
                return false;
            }
        } else if class == Class::Single {
            self.singles = Some((None, at));
        }
        if class == Class::Word && self.word.is_none() {
            self.word = Some(at);
        }
        true
    }
}

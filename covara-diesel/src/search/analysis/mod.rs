//! Analysis of text into the words that are indexed and searched for, the same on both engines.

mod characters;
mod endings;
mod fold;
mod language;
mod segment;
mod stems;
mod version;

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;

use frostem::Stemmer;
use stems::Stems;

pub(super) use characters::is_ignorable;
pub use language::Language;
pub(super) use segment::Unit;
pub(super) use version::WORDS;

/// The maximum length of a word in bytes; longer words are cut. PostgreSQL's limit is 2,046.
const LONGEST_WORD: usize = 255;

/// A word of a text, in the form in which it is indexed.
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    /// The range of the word in the text.
    pub(super) range: Range<usize>,
    pub(super) unit: Unit,
    /// The word before it was stemmed, if the stem is not found by each of its beginnings.
    pub(super) whole: Option<&'a str>,
}

/// The normalization of a field's words.
pub(super) struct Analyzer {
    stems: Option<RefCell<Stems>>,
    fold: bool,
}

impl fmt::Debug for Analyzer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Analyzer")
            .field("stems", &self.stems())
            .field("fold", &self.fold)
            .finish_non_exhaustive()
    }
}

impl Analyzer {
    pub(super) fn new(language: Language, fold: bool) -> Self {
        Self {
            stems: language.algorithm().map(|algorithm| {
                let plain = fold.then_some(language);
                RefCell::new(Stems::new(Stemmer::new(algorithm), plain))
            }),
            fold,
        }
    }

    /// Returns the same analyzer without stemming.
    pub(super) fn unstemmed(&self) -> Self {
        Self {
            stems: None,
            fold: self.fold,
        }
    }

    pub(super) fn stems(&self) -> bool {
        self.stems.is_some()
    }

    /// Calls `visit` with each word of `text`, until it returns `false`.
    pub(super) fn words(&self, text: &str, mut visit: impl FnMut(Word<'_>) -> bool) {
        let (mut words, mut stem) = (String::new(), String::new());
        segment::segments(text, |range, unit| {
            let Some(segment) = text.get(range.clone()) else {
                return true;
            };
            words.clear();
            self.normalise(segment, &mut words);
            // One, but for characters such as `½`.
            words.split_ascii_whitespace().all(|word| {
                let (text, whole) = match (&self.stems, unit) {
                    (Some(stems), Unit::Word) => {
                        word.clone_into(&mut stem);
                        let is_apart = stems.borrow_mut().stem(&mut stem);
                        (stem.as_str(), is_apart.then_some(word))
                    }
                    _ => (word, None),
                };
                visit(Word {
                    text,
                    range: range.clone(),
                    unit,
                    whole,
                })
            })
        });
    }

    /// Appends the words of a segment, separated by spaces. Accents are removed before stemming, so
    /// that a word has the same stem with and without them.
    fn normalise(&self, segment: &str, word: &mut String) {
        if segment.is_ascii() {
            word.push_str(segment);
            word.make_ascii_lowercase();
        } else {
            fold::compose(segment, word);
            if self.fold && !word.is_ascii() {
                *word = fold::without_accents(word);
            }
        }
        cut(word);
    }
}

fn cut(word: &mut String) {
    if word.len() > LONGEST_WORD {
        let whole = (0..=LONGEST_WORD)
            .rev()
            .find(|&at| word.is_char_boundary(at));
        word.truncate(whole.unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(language: Language, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        Analyzer::new(language, true).words(text, |word| {
            found.push(word.text.to_owned());
            true
        });
        found
    }

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        assert_eq!(
            words(Language::Unstemmed, "St. John's, Xeraco,Jaraco C-3PO"),
            ["st", "john", "s", "xeraco", "jaraco", "c", "3po"]
        );
        assert!(words(Language::Unstemmed, " \0 -- \"*' . + # \u{200b}\u{fe0f} ").is_empty());
    }

    #[test]
    fn signs_of_names_and_emoji_are_words() {
        assert_eq!(
            words(
                Language::English,
                "C++ is C#, and .NET; notepad++, a+b #1 ASP.NET"
            ),
            [
                "c", "++", "is", "c", "#", "and", ".", "net", "notepad", "++", "a", "b", "1",
                "asp", "net"
            ]
        );
        assert_eq!(
            words(
                Language::English,
                "café🗝\u{fe0f}thé 👍🏽👍 👩\u{200d}💻 🇩🇪🇫🇷 ❤\u{fe0f}C#"
            ),
            [
                "cafe", "🗝", "the", "👍", "👍", "👩", "💻", "🇩🇪", "🇫🇷", "❤", "c", "#"
            ]
        );
    }

    #[test]
    fn compatibility_forms_separate_words_and_ignorable_characters_do_not() {
        assert_eq!(
            words(Language::Unstemmed, "2½ cups"),
            ["2", "1", "2", "cups"]
        );
        assert_eq!(words(Language::Unstemmed, "½"), ["1", "2"]);
        assert_eq!(words(Language::Unstemmed, "⑴"), ["1"]);
        assert_eq!(words(Language::Unstemmed, "ﷺ").len(), 4);
        assert_eq!(words(Language::Unstemmed, "x² ﬁne Ⅳ"), ["x2", "fine", "iv"]);
        for hidden in [
            "\u{ad}",
            "\u{200b}",
            "\u{2060}",
            "\u{feff}",
            "\u{fe0f}",
            "\u{180e}",
            "\u{e0100}",
        ] {
            assert_eq!(
                words(Language::Unstemmed, &format!("co{hidden}op{hidden}")),
                ["coop"]
            );
            assert_eq!(
                words(Language::Unstemmed, &format!("{hidden}東{hidden}京")),
                ["東京", "京"]
            );
        }
        // Korean syllables and the Thai vowel am have two spellings.
        assert_eq!(
            words(Language::Unstemmed, "한국"),
            words(
                Language::Unstemmed,
                "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}"
            )
        );
    }

    #[test]
    fn accents_are_folded_and_letters_with_strokes_too() {
        assert_eq!(
            words(Language::Unstemmed, "Ñuñoa SÃO Ørsted Łódź İstanbul Straße"),
            ["nunoa", "sao", "orsted", "lodz", "istanbul", "strasse"]
        );
        // Composed or not, full-width or not, it is the same word.
        assert_eq!(
            words(Language::Unstemmed, "sa\u{303}o ｓão"),
            ["sao", "sao"]
        );
        // Marks that form a different letter are kept.
        assert_eq!(words(Language::Unstemmed, "がき"), ["がき", "き"]);
        assert_eq!(words(Language::Unstemmed, "हिन्दी"), ["हिन्दी"]);
        let kept = |text: &str| {
            let mut found = Vec::new();
            Analyzer::new(Language::Unstemmed, false).words(text, |word| {
                found.push(word.text.to_owned());
                true
            });
            found
        };
        assert_eq!(kept("SÃO sa\u{303}o"), ["são", "são"]);
    }

    #[test]
    fn scripts_without_spaces_become_pairs_and_a_last_one() {
        assert_eq!(
            words(Language::English, "東京タワー2024"),
            ["東京", "京タ", "タワ", "ワー", "ー", "2024"]
        );
        assert_eq!(words(Language::English, "ﾀﾜｰ"), ["タワ", "ワー", "ー"]);
        assert_eq!(words(Language::English, "ﾊﾞｽ"), ["バス", "ス"]);
    }

    #[test]
    fn stems_are_those_of_the_language() {
        assert_eq!(
            words(Language::English, "Running cities, connected"),
            ["run", "citi", "connect"]
        );
        assert_eq!(
            words(Language::English, "Résumé resume Straße strasse"),
            ["resum", "resum", "strass", "strass"]
        );
        assert_eq!(words(Language::German, "Häuser"), ["haus"]);
        assert_eq!(words(Language::Unstemmed, "Running"), ["running"]);
    }

    #[test]
    fn long_words_are_cut() {
        let long = words(Language::English, &"é".repeat(1_000_000));
        assert_eq!(long, ["e".repeat(255)]);
    }
}

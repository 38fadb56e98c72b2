//! The first words of a document, by which the documents that a query names come first.

use super::analysis::{Analyzer, Unit};

/// The maximum length of a lead in bytes.
const LONGEST: usize = 256;
/// The end of a lead that does not contain all words, so that no query equals it: a space follows each
/// word. Every encoding of a server has it.
const CUT: &str = ".";

/// Returns the first words of a text in the form in which they are stored: unstemmed, each followed
/// by a space. Returns `None` if the text has no words.
pub(super) fn lead(analyzer: &Analyzer, text: &str) -> Option<String> {
    let mut lead = String::new();
    analyzer.words(text, |word| {
        let fits = lead.len() + word.text.len() + 1 + CUT.len() <= LONGEST;
        if fits {
            lead.push_str(word.text);
            lead.push(' ');
        } else {
            lead.push_str(CUT);
        }
        fits
    });
    (!lead.is_empty()).then_some(lead)
}

/// The leads of the documents that a query names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedLead {
    /// The lead of a document that consists of the query's words.
    pub(crate) whole: String,
    /// The beginning of the lead of a document that begins with them.
    pub(crate) beginning: String,
}

impl NamedLead {
    /// Reads the parts of a query. If `open`, its last word is only the beginning of a word. Returns
    /// `None` if no lead is so long.
    pub(super) fn new<'q>(
        analyzer: &Analyzer,
        parts: impl Iterator<Item = &'q str>,
        open: bool,
    ) -> Option<Self> {
        let mut whole = String::new();
        let mut last = Unit::Word;
        for part in parts {
            analyzer.words(part, |word| {
                whole.push_str(word.text);
                whole.push(' ');
                last = word.unit;
                whole.len() <= LONGEST
            });
        }
        if whole.is_empty() || whole.len() > LONGEST {
            return None;
        }
        let mut beginning = whole.clone();
        // The last character of a script without spaces may be the first one of a pair.
        if open || last == Unit::Last {
            beginning.pop();
        }
        Some(Self { whole, beginning })
    }
}

#[cfg(test)]
mod tests {
    use super::super::analysis::Language;
    use super::*;

    fn of(text: &str) -> Option<String> {
        lead(&Analyzer::new(Language::English, true).unstemmed(), text)
    }

    #[test]
    fn a_lead_has_whole_words_of_at_most_256_bytes() {
        assert_eq!(of("Ñuñoa, Running!").as_deref(), Some("nunoa running "));
        assert_eq!(of(" -- "), None);
        let long = of(&"東京".repeat(100)).unwrap();
        assert!(long.len() <= LONGEST && long.ends_with(" ."), "{long}");
        let word = "w".repeat(LONGEST);
        assert_eq!(of(&word).as_deref(), Some("."));
        let fits = "w".repeat(LONGEST - 2);
        assert_eq!(of(&format!("{fits} x")).unwrap(), format!("{fits} ."));
    }

    #[test]
    fn a_query_names_what_it_equals_and_what_begins_with_it() {
        let analyzer = Analyzer::new(Language::Unstemmed, true);
        let named = |query: &str, open| NamedLead::new(&analyzer, query.split(' '), open);
        let begins = |query: &str, text: &str, open| {
            let (named, lead) = (named(query, open).unwrap(), of(text).unwrap());
            lead.starts_with(&named.beginning)
        };
        assert_eq!(named("New york", false).unwrap().whole, "new york ");
        assert!(begins("new york", "New York City", false));
        assert!(!begins("new", "Newark", false));
        assert!(begins("new", "Newark", true));
        assert!(!begins("new", "Old", true));
        assert!(begins("東京", "東京タワー", false));
        assert!(!begins("東京", "京都", false));
        assert_eq!(named(&"w ".repeat(LONGEST), false), None);
        assert_eq!(named("-", false), None);
    }
}

//! Parsing of a query into the phrases to search for in each field.

use std::ops::Range;

use unicode_normalization::char::is_combining_mark;

use super::analysis::{Analyzer, Language, Unit, is_ignorable};
use super::definition::{AnalyzerKey, Field, IndexDefinition};
use super::error::SearchError;
use super::joins::Parts;
use super::lead::NamedLead;
use super::query::SearchQuery;
use super::spelling::{NearWord, NearWords, is_learned, most_edits};

/// The maximum number of words in a query, in all its parts together.
const MOST_WORDS: usize = 512;

/// The quotation marks around a phrase: those of keyboards, of telephones and of word processors in
/// any language. Each ends what any of them begins, as “ does both.
const QUOTES: [char; 8] = ['"', '“', '”', '„', '‟', '«', '»', '＂'];

/// A part of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Clause<'q> {
    text: &'q str,
    /// `true` if its last word is only the beginning of a word.
    prefix: bool,
    excluded: bool,
    /// `true` if it is between quotation marks.
    quoted: bool,
}

/// A word of a query that may be misspelt.
#[derive(Debug)]
pub(super) struct TypedWord {
    /// The word as the index has it, unstemmed.
    pub(super) word: String,
    /// Its place in the query.
    pub(super) place: Range<usize>,
}

/// A query that contains words.
#[derive(Debug)]
pub(super) struct Terms<'q> {
    /// The parts that contain words, each once.
    clauses: Vec<Clause<'q>>,
    /// The parts that are not excluded, as they were typed.
    typed: Vec<&'q str>,
    /// `true` if the last of these ends in the beginning of a word.
    open: bool,
    /// The words near those of the query that may be misspelt.
    near: NearWords,
}

impl<'q> Terms<'q> {
    /// Parses a query, and returns `None` when there is nothing to search for.
    pub(super) fn parse(query: &'q SearchQuery) -> Result<Option<Self>, SearchError> {
        let mut clauses = Vec::new();
        if query.syntax {
            parse(&query.query, &mut clauses);
        } else {
            clauses.extend(query.query.split_whitespace().map(Clause::new));
        }
        if let (true, Some(last)) = (query.as_you_type, clauses.last_mut()) {
            last.prefix |= !last.excluded && is_unfinished(&query.query, last.text);
        }
        let wanted = || clauses.iter().filter(|clause| !clause.excluded);
        let typed = wanted().map(|clause| clause.text).collect();
        let open = wanted().next_back().is_some_and(|clause| clause.prefix);
        let analyzer = Analyzer::new(Language::Unstemmed, true);
        let mut words = 0;
        let mut kept: Vec<Clause<'q>> = Vec::new();
        for clause in clauses {
            let before = words;
            analyzer.words(clause.text, |_| {
                words += 1;
                words <= MOST_WORDS
            });
            if words > MOST_WORDS {
                return Err(SearchError::TooManyWords { most: MOST_WORDS });
            }
            if words > before && !kept.contains(&clause) {
                kept.push(clause);
            }
        }
        let some = kept.iter().any(|clause| !clause.excluded);
        Ok(some.then_some(Self {
            clauses: kept,
            typed,
            open,
            near: NearWords::new(),
        }))
    }

    /// Returns the words that may be misspelt.
    pub(super) fn words_in(&self, query: &SearchQuery) -> Vec<TypedWord> {
        let analyzer = Analyzer::new(Language::Unstemmed, true);
        let clauses = self.clauses.iter();
        let words = clauses.filter_map(|clause| clause.typed_word(&analyzer, &query.query));
        words.collect()
    }

    /// Also finds these words.
    pub(super) fn add_near(&mut self, near: NearWords) {
        self.near = near;
    }

    pub(super) fn has_near(&self) -> bool {
        !self.near.is_empty()
    }

    /// Returns the leads of the documents that the query names, if the lead has words of this
    /// field.
    pub(super) fn named(&self, field: &Field) -> Option<NamedLead> {
        let analyzer = field.analyzer().unstemmed();
        NamedLead::new(&analyzer, self.typed.iter().copied(), self.open)
    }

    /// Returns the phrases to match in these fields, given by their numbers among the searched
    /// fields. With `near` they are also those of words near the typed ones.
    pub(super) fn in_fields(
        &self,
        definition: &IndexDefinition,
        slots: &[usize],
        near: bool,
    ) -> Matching {
        let searched: Vec<_> = definition.searched().map(|(_, field)| field).collect();
        let mut groups: Vec<(AnalyzerKey, Analyzer, Vec<usize>)> = Vec::new();
        for &slot in slots {
            let Some(field) = searched.get(slot) else {
                continue;
            };
            let key = field.analyzer_key();
            match groups.iter_mut().find(|(known, ..)| *known == key) {
                Some((.., members)) => members.push(slot),
                None => groups.push((key, field.analyzer(), vec![slot])),
            }
        }
        let mut matching = Matching::default();
        for clause in &self.clauses {
            let mut phrases = Vec::new();
            let others = if near { clause.near(&self.near) } else { &[] };
            for ((.., joined), analyzer, slots) in &groups {
                clause.phrases(analyzer, slots, &mut phrases);
                if *joined {
                    clause.other_forms(analyzer, slots, &mut phrases);
                }
                let fuzzy = slots.iter().copied();
                let fuzzy = fuzzy.filter(|slot| searched.get(*slot).is_some_and(|f| f.is_fuzzy()));
                let fuzzy: Vec<usize> = fuzzy.collect();
                for other in others.iter().filter(|_| !fuzzy.is_empty()) {
                    Clause::new(&other.word).phrases(analyzer, &fuzzy, &mut phrases);
                }
            }
            let phrases = united(phrases);
            if clause.excluded {
                matching.excluded.push(phrases);
            } else {
                matching.required.push(phrases);
            }
        }
        matching
    }
}

/// The phrases that must and must not match. One phrase of each inner list suffices.
#[derive(Debug, Default)]
pub(crate) struct Matching {
    pub(crate) required: Vec<Vec<Phrase>>,
    pub(crate) excluded: Vec<Vec<Phrase>>,
}

/// Adjacent words in one of several fields, and a beginning of another word there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Phrase {
    /// The numbers of the fields, among the searched fields.
    pub(crate) slots: Vec<usize>,
    /// The words. They consist of letters, digits and marks, or are signs: emoji, or `+`, `#`
    /// and `.`.
    pub(crate) words: Vec<String>,
    /// `true` if the last word is only the beginning of a word.
    pub(crate) prefix: bool,
    /// A word that is not in its place in the text, at any distance.
    pub(crate) beginning: Option<Beginning>,
}

/// The beginning of a word that its stem does not tell, or of another form of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Beginning {
    pub(crate) text: String,
    /// `true` if it is the whole word.
    pub(crate) whole: bool,
}

/// Unites the phrases with the same words in several fields: an engine counts for each phrase in how
/// many documents it occurs, and a word is as rare as it is in all fields together.
fn united(phrases: Vec<Phrase>) -> Vec<Phrase> {
    let mut united: Vec<Phrase> = Vec::with_capacity(phrases.len());
    for phrase in phrases {
        let same = |known: &&mut Phrase| {
            known.words == phrase.words
                && known.prefix == phrase.prefix
                && known.beginning == phrase.beginning
        };
        match united.iter_mut().find(same) {
            Some(known) => {
                known.slots.extend(phrase.slots);
                known.slots.sort_unstable();
                known.slots.dedup();
            }
            None => united.push(phrase),
        }
    }
    united
}

impl<'q> Clause<'q> {
    fn new(text: &'q str) -> Self {
        Self {
            text,
            prefix: false,
            excluded: false,
            quoted: false,
        }
    }

    /// Returns its word if it has one only and that may be misspelt.
    fn typed_word(&self, analyzer: &Analyzer, query: &str) -> Option<TypedWord> {
        if self.prefix || self.excluded || self.quoted {
            return None;
        }
        let start = self
            .text
            .as_ptr()
            .addr()
            .checked_sub(query.as_ptr().addr())?;
        let mut words = Vec::new();
        analyzer.words(self.text, |word| {
            let place = start + word.range.start..start + word.range.end;
            let is_word = word.unit == Unit::Word && is_learned(word.text);
            let typed = TypedWord {
                word: word.text.to_owned(),
                place,
            };
            words.push(is_word.then_some(typed));
            words.len() < 2
        });
        let typed = words.pop()?.filter(|_| words.is_empty())?;
        (most_edits(typed.word.chars().count()) > 0).then_some(typed)
    }

    /// Returns the words near its word.
    fn near<'n>(&self, near: &'n NearWords) -> &'n [NearWord] {
        let analyzer = Analyzer::new(Language::Unstemmed, true);
        let typed = self.typed_word(&analyzer, self.text);
        let near = typed.and_then(|typed| near.get(&typed.word));
        near.map_or(&[], Vec::as_slice)
    }

    fn phrases(&self, analyzer: &Analyzer, slots: &[usize], phrases: &mut Vec<Phrase>) {
        let mut words: Vec<(String, Unit)> = Vec::new();
        analyzer.words(self.text, |word| {
            words.push((word.text.to_owned(), word.unit));
            true
        });
        let mut prefix = self.prefix;
        match words.as_slice() {
            // The preceding pairs already require this last character.
            [.., (_, Unit::Pair), (_, Unit::Last)] => {
                words.pop();
                prefix = false;
            }
            // In the document it may be the first character of a pair.
            [.., (_, Unit::Last)] => prefix = true,
            _ => {}
        }
        let is_word = words.last().is_some_and(|(_, unit)| *unit == Unit::Word);
        let words: Vec<String> = words.into_iter().map(|(word, _)| word).collect();
        let phrase = Phrase {
            slots: slots.to_vec(),
            words,
            prefix,
            beginning: None,
        };
        if prefix && is_word && analyzer.stems() {
            phrases.extend(self.beginnings(analyzer, &phrase));
        } else if !phrase.words.is_empty() {
            phrases.push(phrase);
        }
    }

    /// Returns the same part with another text.
    fn with<'t>(&self, text: &'t str) -> Clause<'t> {
        Clause {
            prefix: self.prefix,
            ..Clause::new(text)
        }
    }

    /// Adds the phrases for its words joined or split in another way.
    fn other_forms(&self, analyzer: &Analyzer, slots: &[usize], phrases: &mut Vec<Phrase>) {
        if self.text.contains(char::is_whitespace) {
            return;
        }
        let parts = Parts::of(&analyzer.unstemmed(), self.text);
        let joined = parts.joined();
        if let Some(joined) = &joined {
            self.with(joined).phrases(analyzer, slots, phrases);
        }
        if !parts.split().is_empty() {
            let split = parts.split().join("-");
            self.with(&split).phrases(analyzer, slots, phrases);
        }
        let form = joined.as_deref().or_else(|| parts.only());
        phrases.extend(form.map(|form| Phrase {
            slots: slots.to_vec(),
            words: Vec::new(),
            prefix: false,
            beginning: Some(Beginning {
                text: form.to_owned(),
                whole: !self.prefix,
            }),
        }));
    }

    /// Returns the phrases for the beginning of a word where words are stemmed. It may be the
    /// beginning of a stem, have itself the stem of the word, or neither.
    fn beginnings(&self, analyzer: &Analyzer, phrase: &Phrase) -> impl Iterator<Item = Phrase> {
        let mut last = None;
        analyzer.unstemmed().words(self.text, |word| {
            last = Some(word.text.to_owned());
            true
        });
        let before: Vec<String> = phrase.words.iter().rev().skip(1).rev().cloned().collect();
        let of = |words, prefix, beginning| Phrase {
            slots: phrase.slots.clone(),
            words,
            prefix,
            beginning,
        };
        let begun = before.iter().cloned().chain(last.clone()).collect();
        [
            of(begun, true, None),
            of(phrase.words.clone(), false, None),
            of(before, false, last.map(begins)),
        ]
        .into_iter()
    }
}

fn begins(text: String) -> Beginning {
    Beginning { text, whole: false }
}

/// Returns whether a query may go on within the last word of its last part.
fn is_unfinished(query: &str, part: &str) -> bool {
    let is_in_word = |c: char| c.is_alphanumeric() || is_combining_mark(c) || is_ignorable(c);
    query.ends_with(part) && part.ends_with(is_in_word)
}

/// Parses `"phrases"`, `beginnings*` and `-exclusions`; all other text consists of words.
fn parse<'q>(mut rest: &'q str, clauses: &mut Vec<Clause<'q>>) {
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return;
        }
        let after_minus = rest.strip_prefix('-');
        let excluded = after_minus.is_some();
        let body = after_minus.unwrap_or(rest);
        let quoted = body.strip_prefix(QUOTES);
        let (text, behind) = match quoted {
            Some(quoted) => quoted.split_once(QUOTES).unwrap_or((quoted, "")),
            None => {
                let end = body.find(|c: char| c.is_whitespace() || QUOTES.contains(&c));
                body.split_at(end.unwrap_or(body.len()))
            }
        };
        let (text, star) = match text.strip_suffix('*') {
            Some(text) if quoted.is_none() => (text, true),
            _ => (text, false),
        };
        let (star, behind) = match behind.strip_prefix('*') {
            Some(behind) => (true, behind),
            None => (star, behind),
        };
        // A star must follow a word: `a-*` is `a`.
        let goes_on = text.ends_with(|c: char| c.is_alphanumeric());
        clauses.push(Clause {
            text,
            prefix: star && goes_on,
            excluded,
            quoted: quoted.is_some(),
        });
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(query: &str) -> Vec<(&str, bool, bool)> {
        let mut clauses = Vec::new();
        parse(query, &mut clauses);
        let clauses = clauses.into_iter();
        clauses.map(|c| (c.text, c.prefix, c.excluded)).collect()
    }

    #[test]
    fn phrases_beginnings_and_exclusions() {
        assert_eq!(
            parsed(r#"a "b c" d* -e -"f g" "h i"* -j*"#),
            [
                ("a", false, false),
                ("b c", false, false),
                ("d", true, false),
                ("e", false, true),
                ("f g", false, true),
                ("h i", true, false),
                ("j", true, true),
            ]
        );
    }

    #[test]
    fn typographic_quotation_marks_enclose_phrases() {
        for quoted in [
            "“new york”",
            "„new york“",
            "«new york»",
            "»new york«",
            "＂new york＂",
        ] {
            assert_eq!(
                parsed(&format!("a -{quoted}* b")),
                [
                    ("a", false, false),
                    ("new york", true, true),
                    ("b", false, false)
                ]
            );
        }
        assert_eq!(parsed("“open").len(), 1);
    }

    #[test]
    fn anything_can_be_read() {
        assert_eq!(parsed(r#""open"#), [("open", false, false)]);
        assert_eq!(parsed(r#"a"b"c"#).len(), 3);
        assert_eq!(parsed("--a"), [("-a", false, true)]);
        assert_eq!(parsed("a-*"), [("a-", false, false)]);
        assert_eq!(parsed("- * \" \"\"").len(), 4);
        let nothing = |query: &str, syntax| {
            let query = SearchQuery {
                syntax,
                ..SearchQuery::new(query)
            };
            matches!(Terms::parse(&query), Ok(None))
        };
        assert!(nothing("- * \" \"\"", true));
        assert!(nothing("-only -not", true));
        assert!(!nothing("-only -not", false));
    }
}

//! From what somebody typed to what is looked for in which field.

use super::analysis::{Analyzer, Language, Unit};
use super::definition::IndexDefinition;
use super::error::SearchError;

/// Most words of a query, all its parts together.
const MOST_WORDS: usize = 512;

/// A part of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Clause<'q> {
    text: &'q str,
    /// Whether its last word may go on.
    prefix: bool,
    excluded: bool,
}

/// A query that has words.
#[derive(Debug)]
pub(super) struct Terms<'q>(Vec<Clause<'q>>);

impl<'q> Terms<'q> {
    /// `None` when there is nothing to look for.
    pub(super) fn parse(query: &'q str, syntax: bool) -> Result<Option<Self>, SearchError> {
        let mut clauses = Vec::new();
        if syntax {
            parse(query, &mut clauses);
        } else {
            clauses.extend(query.split_whitespace().map(|text| Clause {
                text,
                prefix: false,
                excluded: false,
            }));
        }
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
        Ok(some.then_some(Self(kept)))
    }

    /// What the query means in these fields, given by their number among the searched.
    pub(super) fn in_fields(&self, definition: &IndexDefinition, slots: &[usize]) -> Matching {
        let searched: Vec<_> = definition.searched().map(|(_, field)| field).collect();
        let mut groups: Vec<((Language, bool), Analyzer, Vec<usize>)> = Vec::new();
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
        for clause in &self.0 {
            let mut phrases = Vec::new();
            for (_, analyzer, slots) in &groups {
                clause.phrases(analyzer, slots, &mut phrases);
            }
            if clause.excluded {
                matching.excluded.push(phrases);
            } else {
                matching.required.push(phrases);
            }
        }
        matching
    }
}

/// What must be found and what must not. Of each inner list one phrase is enough.
#[derive(Debug, Default)]
pub(crate) struct Matching {
    pub(crate) required: Vec<Vec<Phrase>>,
    pub(crate) excluded: Vec<Vec<Phrase>>,
}

/// Words that stand side by side in one of some fields.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Phrase {
    /// Numbers among the searched fields.
    pub(crate) slots: Vec<usize>,
    /// At least one. They are made of letters, digits and marks.
    pub(crate) words: Vec<String>,
    /// Whether the last word may go on.
    pub(crate) prefix: bool,
}

impl Clause<'_> {
    fn phrases(&self, analyzer: &Analyzer, slots: &[usize], phrases: &mut Vec<Phrase>) {
        let mut words: Vec<(String, Unit)> = Vec::new();
        analyzer.words(self.text, |word| {
            words.push((word.text.to_owned(), word.unit));
            true
        });
        let mut prefix = self.prefix;
        match words.as_slice() {
            // Every pair but the one that would begin with it has been asked for.
            [.., (_, Unit::Pair), (_, Unit::Last)] => {
                words.pop();
                prefix = false;
            }
            // It may be the first of a pair there.
            [.., (_, Unit::Last)] => prefix = true,
            _ => {}
        }
        let words: Vec<String> = words.into_iter().map(|(word, _)| word).collect();
        if prefix && analyzer.stems() {
            // The beginning of a word has no stem; but as a whole word it has.
            let mut last = None;
            analyzer.unstemmed().words(self.text, |word| {
                last = Some(word.text.to_owned());
                true
            });
            let unstemmed = words.iter().rev().skip(1).rev().cloned().chain(last);
            phrases.push(Phrase {
                slots: slots.to_vec(),
                words: unstemmed.collect(),
                prefix: true,
            });
            prefix = false;
        }
        let phrase = Phrase {
            slots: slots.to_vec(),
            words,
            prefix,
        };
        if !phrase.words.is_empty() && !phrases.contains(&phrase) {
            phrases.push(phrase);
        }
    }
}

/// Reads `"phrases"`, `beginnings*` and `-exclusions`; whatever else there is are words.
fn parse<'q>(mut rest: &'q str, clauses: &mut Vec<Clause<'q>>) {
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return;
        }
        let after_minus = rest.strip_prefix('-');
        let excluded = after_minus.is_some();
        let body = after_minus.unwrap_or(rest);
        let (text, behind) = match body.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => {
                let end = body.find(|c: char| c.is_whitespace() || c == '"');
                body.split_at(end.unwrap_or(body.len()))
            }
        };
        let (text, star) = match text.strip_suffix('*') {
            Some(text) if !body.starts_with('"') => (text, true),
            _ => (text, false),
        };
        let (star, behind) = match behind.strip_prefix('*') {
            Some(behind) => (true, behind),
            None => (star, behind),
        };
        // A star goes on with a word, not with a sign: `a-*` is `a`.
        let goes_on = text.ends_with(|c: char| c.is_alphanumeric());
        clauses.push(Clause {
            text,
            prefix: star && goes_on,
            excluded,
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
    fn anything_can_be_read() {
        assert_eq!(parsed(r#""open"#), [("open", false, false)]);
        assert_eq!(parsed(r#"a"b"c"#).len(), 3);
        assert_eq!(parsed("--a"), [("-a", false, true)]);
        assert_eq!(parsed("a-*"), [("a-", false, false)]);
        assert_eq!(parsed("- * \" \"\"").len(), 4);
        let nothing = |query, syntax| matches!(Terms::parse(query, syntax), Ok(None));
        assert!(nothing("- * \" \"\"", true));
        assert!(nothing("-only -not", true));
        assert!(!nothing("-only -not", false));
    }
}

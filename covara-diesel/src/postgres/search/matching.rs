//! The translation of a query to a `tsquery`.

use super::words::{BEGINNING, prefix};
use crate::search::Phrase;
use crate::search::terms::Matching;

pub(super) const ALL: &str = " & ";
pub(super) const ANY: &str = " | ";

/// Returns the `tsquery`, with `operator` between the phrases that are required. Words are letters,
/// digits and marks, or signs that are no operators, so nothing in them is syntax.
pub(super) fn expression(matching: &Matching, operator: &str) -> String {
    let required: Vec<String> = matching.required.iter().map(|all| clause(all)).collect();
    let required = format!("({})", required.join(operator));
    let excluded = matching.excluded.iter().map(|all| clause(all));
    let excluded = excluded.map(|words| format!("!{words}"));
    let clauses: Vec<String> = [required].into_iter().chain(excluded).collect();
    clauses.join(" & ")
}

/// Returns the `tsquery` of phrases of which one suffices.
pub(super) fn clause(phrases: &[Phrase]) -> String {
    let mut words = Vec::new();
    for phrase in phrases {
        push_phrase(phrase, |_| true, &mut words);
    }
    format!("({})", words.join(" | "))
}

/// Adds a phrase for each of its fields.
pub(super) fn push_phrase(
    phrase: &Phrase,
    wanted: impl Fn(usize) -> bool,
    found: &mut Vec<String>,
) {
    for &slot in phrase.slots.iter().filter(|&&slot| wanted(slot)) {
        let field = prefix(slot);
        let words = phrase.words.iter().map(|word| format!("{field}{word}"));
        let mut text = words.collect::<Vec<_>>().join(" <-> ");
        if phrase.prefix {
            text.push_str(":*");
        }
        if let Some(beginning) = &phrase.beginning {
            let and = if text.is_empty() { "" } else { " & " };
            let star = if beginning.whole { "" } else { ":*" };
            text.push_str(&format!("{and}{field}{BEGINNING}{}{star}", beginning.text));
        }
        if phrase.words.len() + usize::from(phrase.beginning.is_some()) > 1 {
            text = format!("({text})");
        }
        found.push(text);
    }
}

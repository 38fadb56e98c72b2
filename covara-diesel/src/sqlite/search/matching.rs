//! The translation of a query to FTS5's query language.

use crate::search::Phrase;
use crate::search::terms::Matching;

/// Returns the expression for `MATCH`.
///
/// Words consist of letters, digits and marks, and are enclosed in quotation marks, so they contain
/// no syntax.
pub(super) fn expression(matching: &Matching, searched: usize) -> String {
    let mut text = String::new();
    for (at, phrases) in matching.required.iter().enumerate() {
        text.push_str(if at == 0 { "(" } else { " AND (" });
        any(phrases, searched, &mut text);
        text.push(')');
    }
    if matching.excluded.is_empty() {
        return text;
    }
    let mut text = format!("({text}) NOT (");
    for (at, phrases) in matching.excluded.iter().enumerate() {
        if at > 0 {
            text.push_str(" OR ");
        }
        any(phrases, searched, &mut text);
    }
    text.push(')');
    text
}

fn any(phrases: &[Phrase], searched: usize, text: &mut String) {
    for (at, phrase) in phrases.iter().enumerate() {
        if at > 0 {
            text.push_str(" OR ");
        }
        // Restricting the search to columns takes time, even if it names all of them.
        if phrase.slots.len() < searched {
            text.push('{');
            for slot in &phrase.slots {
                text.push_str(&format!(" t{slot}"));
            }
            text.push_str(" } : ");
        }
        text.push('"');
        text.push_str(&phrase.words.join(" "));
        text.push('"');
        if phrase.prefix {
            text.push('*');
        }
    }
}

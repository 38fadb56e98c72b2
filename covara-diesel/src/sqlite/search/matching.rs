//! The translation of a query to FTS5's query language.

use super::{BEGINNING, token};
use crate::search::Phrase;
use crate::search::terms::Matching;

/// Returns the expression for `MATCH`. `operator` is between the phrases that are required.
///
/// Tokens consist of letters, digits, marks and other characters beyond ASCII, and are enclosed in
/// quotation marks, so they contain no syntax.
pub(super) fn expression(matching: &Matching, operator: &str, searched: usize) -> String {
    let mut text = String::new();
    for (at, phrases) in matching.required.iter().enumerate() {
        text.push_str(if at == 0 { "" } else { operator });
        text.push('(');
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
        let words = phrase.words.iter().map(|word| token(word));
        let words = words.collect::<Vec<_>>().join(" ");
        let star = if phrase.prefix { "*" } else { "" };
        let begun = phrase.beginning.as_ref().map(|begun| {
            let star = if begun.whole { "" } else { "*" };
            format!("\"{BEGINNING}{}\"{star}", begun.text)
        });
        text.push_str(&match begun {
            None => format!("\"{words}\"{star}"),
            Some(begun) if words.is_empty() => begun,
            Some(begun) => format!("(\"{words}\" AND {begun})"),
        });
    }
}

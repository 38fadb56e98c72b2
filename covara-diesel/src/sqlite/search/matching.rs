//! What is looked for, in the language of FTS5.

use crate::search::Phrase;
use crate::search::terms::Matching;

/// The expression for `MATCH`.
///
/// Words are letters, digits and marks, and stand in quotation marks: nothing in them is
/// syntax.
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
        // Looking only in some columns takes time, even if they are all there are.
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

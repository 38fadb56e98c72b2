//! Finds the foreign keys that a table's definition defers. SQLite tells it only in the text of the
//! definition.

use super::tokens::{Kind, Tokens};

/// Returns for each foreign key of a `CREATE TABLE` statement, in its order, whether it is
/// INITIALLY DEFERRED. As for SQLite, that belongs to the last key before it, even behind the
/// constraints of another column, and neither `REFERENCES` nor `DEFERRABLE` is a name without quotes.
pub(super) fn deferred_keys(definition: &str) -> Vec<bool> {
    let tokens = Tokens::new(definition);
    let tokens = tokens.filter(|(kind, _)| *kind != Kind::Space);
    let tokens: Vec<_> = tokens
        .map(|(kind, range)| match kind {
            Kind::Word => &definition[range],
            _ => "",
        })
        .collect();
    let is = |at: Option<usize>, word: &str| {
        let token = at.and_then(|at| tokens.get(at));
        token.is_some_and(|token| token.eq_ignore_ascii_case(word))
    };
    let mut keys = Vec::new();
    for at in 0..tokens.len() {
        if is(Some(at), "REFERENCES") {
            keys.push(false);
        }
        if let (true, Some(last)) = (is(Some(at), "DEFERRABLE"), keys.last_mut()) {
            *last = is(Some(at + 1), "INITIALLY")
                && is(Some(at + 2), "DEFERRED")
                && !is(at.checked_sub(1), "NOT");
        }
    }
    keys
}

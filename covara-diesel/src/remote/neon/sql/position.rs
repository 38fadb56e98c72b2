//! Positions in statements to which the types of values have been added.

use super::tokens::{Kind, Tokens};

/// Returns the position in a statement that corresponds to one in what was sent for it, both in
/// characters from 1. What was sent has a cast around some placeholders.
pub(crate) fn original_position(original: &str, sent: &str, position: usize) -> usize {
    let (mut before, mut before_sent) = (0, 0);
    let mut rest = sent;
    for (kind, range) in Tokens::new(original) {
        let text = &original[range];
        let length = text.chars().count();
        let cast = match kind {
            Kind::Placeholder => length_of_cast(rest, text),
            _ => None,
        };
        let end = cast.unwrap_or(text.len());
        let (Some(part), Some(after)) = (rest.get(..end), rest.get(end..)) else {
            return position;
        };
        let length_sent = part.chars().count();
        if position <= before_sent + length_sent {
            let within = position.saturating_sub(before_sent);
            return before + if cast.is_some() { 1 } else { within };
        }
        before += length;
        before_sent += length_sent;
        rest = after;
    }
    // At the end.
    before + position.saturating_sub(before_sent)
}

/// Returns the length of the cast around a placeholder with which the SQL begins, if it does.
fn length_of_cast(sql: &str, placeholder: &str) -> Option<usize> {
    let inner = sql.strip_prefix('(')?.strip_prefix(placeholder)?;
    inner.strip_prefix("::")?;
    let start = sql.len() - inner.len();
    let end = Tokens::new(inner).find(|(_, range)| &inner[range.clone()] == ")")?;
    Some(start + end.1.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_those_of_the_original() {
        let original = "SELECT 'ä', $1, $2 + $10, oops FROM t WHERE $1";
        let sent = "SELECT 'ä', ($1::int), ($2::a.\"b)\") + $10, oops FROM t WHERE ($1::int)";
        for text in ["SELECT", "'ä'", "$1", "$2", "$10", "oops", "FROM", "WHERE"] {
            let at = |sql: &str| sql[..sql.find(text).unwrap()].chars().count() + 1;
            let found = original_position(original, sent, at(sent));
            assert_eq!(found, at(original), "{text}");
        }
        let end = |sql: &str| sql.chars().count() + 1;
        assert_eq!(original_position(original, sent, end(sent)), end(original));
        assert_eq!(original_position(original, original, 3), 3);
    }
}

//! Splits scripts into statements.

use super::MARK;
use crate::sqlite::tokens::{Kind, Tokens};

/// A state in recognizing the definition of a trigger, whose body contains semicolons: `[EXPLAIN
/// [QUERY PLAN]] CREATE [TEMP | TEMPORARY] TRIGGER`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TriggerHead {
    Start,
    Explain,
    Query,
    Plan,
    Create,
    Temporary,
    Trigger,
    Other,
}

impl TriggerHead {
    /// Returns the state after the statement's next token, given if it is a word.
    fn after(self, word: Option<&str>) -> Self {
        let is = |keyword: &str| word.is_some_and(|word| word.eq_ignore_ascii_case(keyword));
        match self {
            Self::Trigger => Self::Trigger,
            Self::Start if is("EXPLAIN") => Self::Explain,
            Self::Explain if is("QUERY") => Self::Query,
            Self::Query if is("PLAN") => Self::Plan,
            Self::Start | Self::Explain | Self::Plan if is("CREATE") => Self::Create,
            Self::Create if is("TEMP") || is("TEMPORARY") => Self::Temporary,
            Self::Create | Self::Temporary if is("TRIGGER") => Self::Trigger,
            _ => Self::Other,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Semicolon,
    End,
    Other,
}

/// Returns the statements of a script, each with the semicolon that ends it. Without it, SQLite
/// reports incomplete input for a statement that breaks off.
pub(in crate::remote) fn statements(script: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut head = TriggerHead::Start;
    // The last two tokens: only «; END ;» ends a trigger.
    let mut last = [Last::Other; 2];
    for (kind, range) in Tokens::new(script) {
        let this = match kind {
            Kind::Space => continue,
            Kind::Semicolon
                if head != TriggerHead::Trigger || last == [Last::Semicolon, Last::End] =>
            {
                if head != TriggerHead::Start {
                    found.push(without_margin(&script[start..range.end]));
                }
                start = range.end;
                head = TriggerHead::Start;
                last = [Last::Other; 2];
                continue;
            }
            Kind::Semicolon => Last::Semicolon,
            Kind::Word => {
                let word = &script[range];
                head = head.after(Some(word));
                if word.eq_ignore_ascii_case("END") {
                    Last::End
                } else {
                    Last::Other
                }
            }
            Kind::Quoted | Kind::Placeholder | Kind::Other => {
                head = head.after(None);
                Last::Other
            }
        };
        last = [last[1], this];
    }
    if head != TriggerHead::Start {
        found.push(without_margin(&script[start..]));
    }
    found
}

/// Removes what SQLite considers a space before a statement; comments stay.
fn without_margin(sql: &str) -> &str {
    sql.trim_start_matches([' ', '\t', '\n', '\r', '\x0c', MARK])
}

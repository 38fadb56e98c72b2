//! Scripts in statements.

use super::tokens::{Kind, MARK, Tokens};

/// Where a statement is on its way to be the definition of a trigger, whose body has semicolons
/// of its own: `[EXPLAIN [QUERY PLAN]] CREATE [TEMP | TEMPORARY] TRIGGER`.
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
    /// After the statement's next token, if it is a word.
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

/// The statements of a script, each with the semicolon that ends it: without, SQLite says of one
/// that breaks off that the input is incomplete.
pub(in crate::remote) fn statements(script: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut head = TriggerHead::Start;
    // The last two tokens: a trigger ends with «; END ;» only.
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

/// Without what is a space to SQLite before a statement; comments stay.
fn without_margin(sql: &str) -> &str {
    sql.trim_start_matches([' ', '\t', '\n', '\r', '\x0c', MARK])
}

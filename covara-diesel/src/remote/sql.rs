//! As much of SQLite's syntax as sending a statement takes.

use std::ops::Range;

use super::value::Statement;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Space,
    Word,
    Quoted,
    Placeholder,
    Semicolon,
    Other,
}

/// Splits SQL into tokens, as SQLite's own tokenizer does where it matters here.
struct Tokens<'a> {
    sql: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    fn new(sql: &'a str) -> Self {
        Self { sql, at: 0 }
    }

    fn length(&self) -> (Kind, usize) {
        let rest = &self.sql.as_bytes()[self.at..];
        let run = |from: usize, is: fn(u8) -> bool| {
            rest[from..]
                .iter()
                .position(|byte| !is(*byte))
                .map_or(rest.len(), |length| from + length)
        };
        let until = |from: usize, end: &[u8]| {
            rest[from..]
                .windows(end.len())
                .position(|part| part == end)
                .map_or(rest.len(), |length| from + length + end.len())
        };
        match rest {
            [b' ' | b'\t' | b'\n' | b'\r' | 0x0c, ..] => (
                Kind::Space,
                run(1, |byte| {
                    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c)
                }),
            ),
            [b'-', b'-', ..] => (Kind::Space, until(2, b"\n")),
            [b'/', b'*', ..] => (Kind::Space, until(2, b"*/")),
            // Doubled quotes come out as two tokens side by side, which does no harm here.
            [quote @ (b'\'' | b'"' | b'`'), ..] => (Kind::Quoted, until(1, &[*quote])),
            [b'[', ..] => (Kind::Quoted, until(1, b"]")),
            [b'?', ..] => (Kind::Placeholder, run(1, |byte| byte.is_ascii_digit())),
            [b':' | b'@' | b'$', next, ..] if is_of_word(*next) => {
                (Kind::Placeholder, run(1, is_of_word))
            }
            [b';', ..] => (Kind::Semicolon, 1),
            [first, ..] if is_of_word(*first) => (Kind::Word, run(1, is_of_word)),
            _ => (Kind::Other, 1),
        }
    }
}

/// Every byte of a character beyond ASCII counts as a letter, as in SQLite.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

impl Iterator for Tokens<'_> {
    type Item = (Kind, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.sql.len() {
            return None;
        }
        let (kind, length) = self.length();
        let range = self.at..self.at + length;
        self.at = range.end;
        Some((kind, range))
    }
}

/// The statements of a script, without the semicolons between them.
pub(super) fn statements(script: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut words: usize = 0;
    let mut creates = false;
    let mut is_trigger = false;
    // The last two tokens: a trigger ends with «; END ;» only.
    let mut last = [Last::Other; 2];
    for (kind, range) in Tokens::new(script) {
        let this = match kind {
            Kind::Space => continue,
            Kind::Semicolon if !is_trigger || last == [Last::Semicolon, Last::End] => {
                if words > 0 {
                    found.push(script[start..range.start].trim());
                }
                start = range.end;
                (words, creates, is_trigger) = (0, false, false);
                last = [Last::Other; 2];
                continue;
            }
            Kind::Semicolon => Last::Semicolon,
            Kind::Word => {
                let word = &script[range];
                let is = |keyword| word.eq_ignore_ascii_case(keyword);
                creates |= words == 0 && is("CREATE");
                // CREATE [TEMP | TEMPORARY] TRIGGER
                is_trigger |= creates && words <= 2 && is("TRIGGER");
                if is("END") { Last::End } else { Last::Other }
            }
            Kind::Quoted | Kind::Placeholder | Kind::Other => Last::Other,
        };
        words += 1;
        last = [last[1], this];
    }
    if words > 0 {
        found.push(script[start..].trim());
    }
    found
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Semicolon,
    End,
    Other,
}

/// Whether this certainly is one statement that changes nothing, so that it may be sent twice.
pub(super) fn only_reads(sql: &str) -> bool {
    let mut first = None;
    let mut ended = false;
    let mut writes = false;
    for (kind, range) in Tokens::new(sql) {
        match kind {
            Kind::Space => continue,
            Kind::Semicolon => ended = true,
            // Servers may run what follows, too.
            _ if ended => return false,
            Kind::Word => {
                let word = &sql[range];
                writes |= is_among(word, &["INSERT", "UPDATE", "DELETE", "REPLACE"]);
                first.get_or_insert(word);
            }
            _ if first.is_none() => return false,
            _ => {}
        }
    }
    first.is_some_and(|first| {
        is_among(first, &["SELECT", "VALUES", "EXPLAIN"]) || is_among(first, &["WITH"]) && !writes
    })
}

fn is_among(word: &str, keywords: &[&str]) -> bool {
    keywords
        .iter()
        .any(|keyword| word.eq_ignore_ascii_case(keyword))
}

/// How many values the placeholders of a statement stand for, if each is a bare `?`.
pub(super) fn placeholders(sql: &str) -> Option<usize> {
    let mut count = 0;
    for (kind, range) in Tokens::new(sql) {
        if kind == Kind::Placeholder {
            if range.len() > 1 {
                return None;
            }
            count += 1;
        }
    }
    Some(count)
}

/// Rewrites each placeholder, given the position of its value, counted from 0.
pub(super) fn rewrite_placeholders(sql: &str, mut rewrite: impl FnMut(usize) -> String) -> String {
    let mut written = String::with_capacity(sql.len() + 64);
    let mut names: Vec<(&str, usize)> = Vec::new();
    let mut most = 0;
    for (kind, range) in Tokens::new(sql) {
        let text = &sql[range];
        if kind != Kind::Placeholder {
            written.push_str(text);
            continue;
        }
        let number = match (text, text.strip_prefix('?').map(str::parse)) {
            ("?", _) => most + 1,
            (_, Some(number)) => number.unwrap_or(usize::MAX),
            (name, None) => match names.iter().find(|(known, _)| *known == name) {
                Some((_, number)) => *number,
                None => {
                    names.push((name, most + 1));
                    most + 1
                }
            },
        };
        most = most.max(number);
        written.push_str(&rewrite(number.saturating_sub(1)));
    }
    written
}

/// The statement `INSERT … VALUES (…), (…) …` for each of its rows alone, if it is one whose
/// rows all look the same.
pub(super) fn rows_apart(statement: &Statement, rows: usize) -> Option<Vec<Statement>> {
    let sql = statement.sql.as_str();
    let width = statement.arguments.len().checked_div(rows)?;
    let mut tokens = Tokens::new(sql);
    tokens.find(|(_, range)| sql[range.clone()].eq_ignore_ascii_case("VALUES"))?;
    let head = sql.get(..tokens.at)?;
    let mut depth = 0_usize;
    let (_, end) = tokens.find(|(_, range)| {
        match &sql[range.clone()] {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && &sql[range.clone()] == ")"
    })?;
    let row = sql.get(head.len()..end.end)?.trim();
    let all = vec![row; rows].join(", ");
    let tail = sql.get(head.len()..)?.trim_start().strip_prefix(&all)?;
    let single = format!("{head} {row}{tail}");
    (width * rows == statement.arguments.len() && width > 0).then(|| {
        let arguments = statement.arguments.chunks_exact(width);
        arguments
            .map(|arguments| Statement {
                sql: single.clone(),
                arguments: arguments.to_vec(),
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_split_where_sqlite_splits_them() {
        let trigger = "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN \
             UPDATE a SET b = CASE WHEN 1 THEN ';' END; DELETE FROM c; END";
        let script = format!(
            "-- first; \nSELECT ';', \"a;b\", [c;d], `e;f`; /* ; */ ;;\n{trigger} ;\n\
             INSERT INTO x VALUES ('it''s; so') ; SELECT 1"
        );
        assert_eq!(
            statements(&script),
            [
                "-- first; \nSELECT ';', \"a;b\", [c;d], `e;f`",
                trigger,
                "INSERT INTO x VALUES ('it''s; so')",
                "SELECT 1",
            ]
        );
        assert!(statements(" ; -- nothing\n").is_empty());
        assert_eq!(statements("SELECT 'open; "), ["SELECT 'open;"]);
    }

    #[test]
    fn what_writes_is_told_from_what_reads() {
        for sql in [
            "SELECT 1",
            " /* x */ values (1)",
            "WITH a AS (SELECT 'DELETE') SELECT * FROM a",
            "SELECT ';' ; -- ; DELETE\n ;",
        ] {
            assert!(only_reads(sql), "{sql}");
        }
        for sql in [
            "INSERT INTO a VALUES (1)",
            "WITH a AS (SELECT 1) INSERT INTO b SELECT * FROM a",
            "PRAGMA user_version = 1",
            // Some servers run all of it.
            "SELECT 1; DELETE FROM a",
            "WITH a AS (SELECT 1) SELECT * FROM a; DROP TABLE b",
            ";DELETE FROM a",
            "",
        ] {
            assert!(!only_reads(sql), "{sql}");
        }
    }

    #[test]
    fn placeholders_are_found_where_sqlite_finds_them() {
        let sql = "SELECT ?, '?', $name, \"?\", ?2, $name, ?, a -- ?\n, [?], :x::y";
        let numbered = rewrite_placeholders(sql, |position| format!("<{position}>"));
        assert_eq!(
            numbered,
            "SELECT <0>, '?', <1>, \"?\", <1>, <1>, <2>, a -- ?\n, [?], <3>:<4>"
        );
    }
}

//! The part of PostgreSQL's syntax that sending a statement requires.

use std::convert::Infallible;
use std::ops::Range;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Space,
    Word,
    Quoted,
    Placeholder,
    Semicolon,
    Other,
}

/// An iterator over the tokens of SQL, split as PostgreSQL's scanner does where it matters here, with
/// `standard_conforming_strings`.
struct Tokens<'a> {
    sql: &'a str,
    at: usize,
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

impl Tokens<'_> {
    fn length(&self) -> (Kind, usize) {
        let rest = &self.sql.as_bytes()[self.at..];
        let run = |from: usize, is: fn(u8) -> bool| {
            let found = rest[from..].iter().position(|byte| !is(*byte));
            found.map_or(rest.len(), |length| from + length)
        };
        match rest {
            [first, ..] if first.is_ascii_whitespace() || *first == 0x0b => (
                Kind::Space,
                run(1, |byte| byte.is_ascii_whitespace() || byte == 0x0b),
            ),
            [b'-', b'-', ..] => (Kind::Space, run(2, |byte| byte != b'\n' && byte != b'\r')),
            [b'/', b'*', ..] => (Kind::Space, comment(rest)),
            [b'e' | b'E', b'\'', ..] => (Kind::Quoted, 1 + quoted(&rest[1..], true)),
            [b'\'' | b'"', ..] => (Kind::Quoted, quoted(rest, false)),
            [b'$', digit, ..] if digit.is_ascii_digit() => {
                (Kind::Placeholder, run(1, |byte| byte.is_ascii_digit()))
            }
            [b'$', ..] => match dollar_quoted(rest) {
                Some(length) => (Kind::Quoted, length),
                None => (Kind::Other, 1),
            },
            [b';', ..] => (Kind::Semicolon, 1),
            [digit, ..] if digit.is_ascii_digit() => {
                (Kind::Other, run(1, |byte| byte.is_ascii_digit()))
            }
            [first, ..] if is_of_word(*first) => (Kind::Word, run(1, is_of_word)),
            _ => (Kind::Other, 1),
        }
    }
}

/// Returns the length of a text in quotes. A doubled quote becomes two texts, which does no harm.
fn quoted(rest: &[u8], has_escapes: bool) -> usize {
    let mut at = 1;
    while let Some(byte) = rest.get(at) {
        at += match byte {
            b'\\' if has_escapes => 2,
            byte if *byte == rest[0] => return at + 1,
            _ => 1,
        };
    }
    rest.len()
}

/// Returns the length of a comment, which may contain others.
fn comment(rest: &[u8]) -> usize {
    let mut depth = 1;
    let mut at = 2;
    while depth > 0 && at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    at
}

/// Returns the length of a text between dollars, `$tag$…$tag$`; `None` if it is none.
fn dollar_quoted(rest: &[u8]) -> Option<usize> {
    let tag = 1 + rest[1..].iter().position(|byte| *byte == b'$')?;
    let name = &rest[1..tag];
    let is_name =
        name.iter().all(|byte| is_of_word(*byte)) && !name.first().is_some_and(u8::is_ascii_digit);
    let tag = &rest[..=tag];
    let end = || {
        rest[tag.len()..]
            .windows(tag.len())
            .position(|part| part == tag)
    };
    is_name.then(|| end().map_or(rest.len(), |end| end + 2 * tag.len()))
}

impl Iterator for Tokens<'_> {
    type Item = (Kind, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.sql.len() {
            return None;
        }
        let (kind, length) = self.length();
        let mut end = (self.at + length).min(self.sql.len());
        while !self.sql.is_char_boundary(end) {
            end += 1;
        }
        let range = self.at..end;
        self.at = end;
        Some((kind, range))
    }
}

/// Replaces each placeholder with the result of `rewrite` for its number.
pub(super) fn rewrite_placeholders<E>(
    sql: &str,
    mut rewrite: impl FnMut(usize) -> Result<String, E>,
) -> Result<String, E> {
    let mut written = String::with_capacity(sql.len() + 64);
    for (kind, range) in (Tokens { sql, at: 0 }) {
        let text = &sql[range];
        match text.get(1..).map(str::parse) {
            Some(Ok(number)) if kind == Kind::Placeholder => written.push_str(&rewrite(number)?),
            _ => written.push_str(text),
        }
    }
    Ok(written)
}

/// An insert of one row, split where other rows may follow.
pub(super) struct RowInsert<'s> {
    before: &'s str,
    row: &'s str,
    after: &'s str,
}

impl<'s> RowInsert<'s> {
    /// Finds the row, which is in parentheses after `VALUES` and has the first placeholder.
    pub(super) fn of(sql: &'s str) -> Option<Self> {
        let mut previous = "";
        let mut open = Vec::new();
        let mut start = None;
        for (kind, range) in (Tokens { sql, at: 0 }) {
            let text = &sql[range.clone()];
            match (kind, text) {
                (Kind::Space, _) => continue,
                (Kind::Other, "(") => {
                    open.push((range.start, previous.eq_ignore_ascii_case("VALUES")));
                }
                (Kind::Other, ")") => {
                    let (opened, _) = open.pop()?;
                    if start == Some(opened) {
                        let (before, rest) = sql.split_at(opened);
                        let (row, after) = rest.split_at(range.end - opened);
                        return Some(Self { before, row, after });
                    }
                }
                (Kind::Placeholder, _) if start.is_none() => {
                    let values = open.iter().find(|(_, is_row)| *is_row);
                    start = Some(values?.0);
                }
                _ => {}
            }
            previous = text;
        }
        None
    }

    /// Returns the number of values of a row.
    fn width(&self) -> usize {
        let tokens = Tokens {
            sql: self.row,
            at: 0,
        };
        let is_placeholder = |(kind, _): &(Kind, Range<usize>)| *kind == Kind::Placeholder;
        tokens.filter(is_placeholder).count()
    }

    /// Returns an insert of the rows of these values as one statement with the values in its text.
    pub(super) fn all(&self, values: &[Option<String>]) -> String {
        let mut sql = self.before.to_owned();
        for (position, row) in values.chunks(self.width().max(1)).enumerate() {
            if position > 0 {
                sql.push_str(", ");
            }
            let literal = |number: usize| {
                let value = number.checked_sub(1).and_then(|at| row.get(at)?.as_ref());
                Ok::<_, Infallible>(match value {
                    Some(value) => format!("'{}'", value.replace('\'', "''")),
                    None => "NULL".to_owned(),
                })
            };
            let Ok(written) = rewrite_placeholders(self.row, literal);
            sql.push_str(&written);
        }
        sql.push_str(self.after);
        sql
    }
}

/// Returns the statements of a script, without their semicolons.
pub(super) fn statements(script: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut is_empty = true;
    // `BEGIN ATOMIC … END` is the body of a function, and has semicolons.
    let mut depth = 0_usize;
    let mut previous = "";
    for (kind, range) in (Tokens { sql: script, at: 0 }) {
        let text = &script[range.clone()];
        match kind {
            Kind::Space => continue,
            Kind::Semicolon if depth == 0 => {
                if !is_empty {
                    found.push(script[start..range.start].trim());
                }
                (start, is_empty) = (range.end, true);
            }
            Kind::Word => {
                is_empty = false;
                let is = |keyword: &str| text.eq_ignore_ascii_case(keyword);
                if is("ATOMIC") && previous.eq_ignore_ascii_case("BEGIN") || is("CASE") && depth > 0
                {
                    depth += 1;
                } else if is("END") {
                    depth = depth.saturating_sub(1);
                }
            }
            _ => is_empty = false,
        }
        previous = text;
    }
    if !is_empty {
        found.push(script[start..].trim());
    }
    found
}

/// What a statement may be part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Anywhere,
    /// Only in a batch: its effect ends with the transaction.
    Batch,
    /// Nowhere: it begins or ends a transaction, or needs a session.
    Nowhere,
}

/// Properties of a statement, seen in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) place: Place,
    /// `true` if it certainly changes nothing, so that it may be sent twice.
    pub(super) only_reads: bool,
}

impl Facts {
    pub(super) fn of(sql: &str) -> Self {
        let mut words = Vec::new();
        let mut only_reads = true;
        let mut ended = false;
        let mut called = None;
        for (kind, range) in (Tokens { sql, at: 0 }) {
            let text = &sql[range];
            if kind == Kind::Space {
                continue;
            }
            only_reads &= !ended;
            match kind {
                Kind::Word => {
                    let word = text.to_ascii_uppercase();
                    only_reads &= !WRITES.contains(&word.as_str());
                    called = Some(word.clone());
                    if words.len() < 4 {
                        words.push(word);
                    }
                    continue;
                }
                Kind::Semicolon => ended = true,
                Kind::Other if text == "(" => {
                    if let Some(called) = &called {
                        only_reads &= HARMLESS.contains(&called.as_str());
                    }
                }
                // The name of a function may be in quotes.
                Kind::Quoted if text.starts_with('"') => {
                    called = Some(String::new());
                    continue;
                }
                _ => {}
            }
            called = None;
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        only_reads &= matches!(
            words.first(),
            Some(&("SELECT" | "VALUES" | "TABLE" | "WITH"))
        );
        Self {
            place: place(&words),
            only_reads,
        }
    }
}

fn place(words: &[&str]) -> Place {
    match words {
        ["ROLLBACK", "TO", ..] | ["ROLLBACK", "WORK" | "TRANSACTION", "TO", ..] => Place::Batch,
        ["BEGIN" | "COMMIT" | "END" | "ROLLBACK" | "ABORT", ..]
        | ["START", "TRANSACTION", ..]
        | [
            "PREPARE" | "EXECUTE" | "DEALLOCATE" | "LISTEN" | "UNLISTEN" | "DISCARD" | "RESET",
            ..,
        ]
        | ["LOAD" | "COPY", ..] => Place::Nowhere,
        ["SET", "LOCAL" | "CONSTRAINTS" | "TRANSACTION", ..]
        | [
            "SAVEPOINT" | "RELEASE" | "DECLARE" | "FETCH" | "MOVE" | "CLOSE" | "LOCK",
            ..,
        ]
        | ["CREATE", "TEMP" | "TEMPORARY", ..]
        | ["CREATE", "LOCAL" | "GLOBAL", "TEMP" | "TEMPORARY", ..]
        | ["CREATE", "OR", "REPLACE", "TEMP" | "TEMPORARY"] => Place::Batch,
        ["SET", ..] => Place::Nowhere,
        _ => Place::Anywhere,
    }
}

const WRITES: [&str; 7] = [
    "INSERT", "UPDATE", "DELETE", "MERGE", "INTO", "SHARE", "NEXTVAL",
];

/// Words before a parenthesis that call no function, and functions that change nothing.
const HARMLESS: [&str; 37] = [
    "ALL",
    "AND",
    "ANY",
    "ARRAY",
    "AS",
    "BETWEEN",
    "BY",
    "CASE",
    "DISTINCT",
    "ELSE",
    "EXCEPT",
    "EXISTS",
    "FILTER",
    "FROM",
    "IN",
    "INTERSECT",
    "JOIN",
    "LATERAL",
    "LIMIT",
    "NOT",
    "OFFSET",
    "ON",
    "OR",
    "OVER",
    "SELECT",
    "SOME",
    "THEN",
    "UNION",
    "VALUES",
    "WHEN",
    "WHERE",
    "COUNT",
    "SUM",
    "MIN",
    "MAX",
    "AVG",
    "COALESCE",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_found_where_postgresql_finds_them() {
        let sql = "SELECT $1, '$2', E'\\'$3', \"$4\", $$ $5 $$, $a$ $6 $$ $a$, a$7, $12::int8 -- $8\n\
             /* $9 /* $9 */ $9 */ + $2";
        let rewritten = rewrite_placeholders(sql, |number| Ok::<_, ()>(format!("<{number}>")));
        assert_eq!(
            rewritten.unwrap(),
            "SELECT <1>, '$2', E'\\'$3', \"$4\", $$ $5 $$, $a$ $6 $$ $a$, a$7, <12>::int8 -- $8\n\
             /* $9 /* $9 */ $9 */ + <2>"
        );
    }

    #[test]
    fn rows_are_joined_with_their_values() {
        let one = "INSERT INTO \"values (\" (a, b) VALUES (($1::int8), ($2::text)) ON CONFLICT (a) \
             DO NOTHING";
        let insert = RowInsert::of(one).unwrap();
        let values = ["1", "it's $1", "2"].map(|text| Some(text.to_owned()));
        let values = [values.to_vec(), vec![None]].concat();
        assert_eq!(
            insert.all(&values),
            "INSERT INTO \"values (\" (a, b) VALUES (('1'::int8), ('it''s $1'::text)), \
             (('2'::int8), (NULL::text)) ON CONFLICT (a) DO NOTHING"
        );
        assert!(RowInsert::of("SELECT $1").is_none());
    }

    #[test]
    fn scripts_are_split_where_postgresql_splits_them() {
        let function = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 \
             END; SELECT 2; END";
        let script = format!(
            "-- first;\nSELECT ';';; {function};\nDO $x$ BEGIN PERFORM 1; END $x$; SELECT 'ä;' "
        );
        assert_eq!(
            statements(&script),
            [
                "-- first;\nSELECT ';'",
                function,
                "DO $x$ BEGIN PERFORM 1; END $x$",
                "SELECT 'ä;'",
            ]
        );
        assert!(statements(" ; -- nothing\n").is_empty());
    }

    #[test]
    fn what_may_be_sent_twice_only_reads() {
        for sql in [
            "SELECT a FROM b WHERE (c = $1) AND d IN ($2)",
            "SELECT count(*) FROM \"a\"",
            "WITH x AS (SELECT 1) SELECT * FROM x;",
        ] {
            assert!(Facts::of(sql).only_reads, "{sql}");
        }
        for sql in [
            "SELECT nextval('a')",
            "SELECT f()",
            "SELECT \"count\"(a) FROM b",
            "SELECT * INTO a FROM b",
            "WITH x AS (DELETE FROM a RETURNING *) SELECT * FROM x",
            "SELECT 1; DELETE FROM a",
            "SELECT * FROM a FOR UPDATE",
            "INSERT INTO a VALUES (1)",
            "",
        ] {
            assert!(!Facts::of(sql).only_reads, "{sql}");
        }
    }

    #[test]
    fn statements_of_sessions_are_known() {
        for (sql, expected) in [
            ("set search_path to a", Place::Nowhere),
            ("/* x */ BEGIN", Place::Nowhere),
            ("LISTEN a", Place::Nowhere),
            ("COPY a FROM STDIN", Place::Nowhere),
            ("SET LOCAL work_mem = 1", Place::Batch),
            ("CREATE TEMP TABLE a ()", Place::Batch),
            ("ROLLBACK TO a", Place::Batch),
            ("CREATE TABLE a ()", Place::Anywhere),
            ("UPDATE a SET b = 1", Place::Anywhere),
        ] {
            assert_eq!(Facts::of(sql).place, expected, "{sql}");
        }
    }
}

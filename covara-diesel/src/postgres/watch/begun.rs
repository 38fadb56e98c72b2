//! Tracks whether a transaction is open that was begun with SQL, and recognizes a `COPY` that
//! Diesel cannot end.
//!
//! libpq knows it, but neither Diesel nor r2d2 exposes it when a connection goes back to its pool.
//! So the SQL of a connection's statements is parsed. In doubt a transaction counts as open, which
//! costs a connection, and never as ended.

use std::fmt::{self, Write};

use diesel::connection::DebugQuery;

/// The transaction of a connection.
#[derive(Debug, Default)]
pub(super) struct OpenTransaction {
    open: Option<BegunBy>,
    /// `true` if Diesel has announced that the next statement begins one.
    is_next_counted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BegunBy {
    /// Diesel counts the transaction, and r2d2 asks Diesel.
    Diesel,
    Sql,
}

impl OpenTransaction {
    pub(super) fn counts(&mut self) {
        self.is_next_counted = true;
    }

    /// Forgets an announcement of Diesel's whose statement a panic prevented.
    pub(super) fn counts_nothing(&mut self) {
        self.is_next_counted = false;
    }

    /// Returns whether a transaction is open that Diesel does not count.
    pub(super) fn is_uncounted(&self) -> bool {
        self.open == Some(BegunBy::Sql)
    }

    /// Applies the changes of a statement that succeeded or failed.
    pub(super) fn apply(&mut self, changes: &[Change], succeeded: bool) {
        let begins = match std::mem::take(&mut self.is_next_counted) {
            true => BegunBy::Diesel,
            false => BegunBy::Sql,
        };
        for change in changes {
            match change {
                // The only statement with which Diesel begins a transaction.
                Change::Begins if !succeeded && begins == BegunBy::Diesel => {}
                Change::Begins => self.open = self.open.or(Some(begins)),
                // A failed script may not have reached this statement.
                Change::Ends if succeeded || self.open == Some(BegunBy::Diesel) => self.open = None,
                Change::Ends => {}
                Change::EndsAndBegins => self.open = Some(BegunBy::Sql),
                Change::Copies => {}
            }
        }
    }
}

/// The effect of a statement on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum Change {
    Begins,
    Ends,
    EndsAndBegins,
    /// Opens a `COPY` from or to the client.
    Copies,
}

/// The SQL of a query, without the values that Diesel shows after it.
pub(super) struct QuerySql {
    sql: String,
    /// `true` if it is a text for `batch_execute`, which Diesel shows without values.
    is_text: bool,
}

impl QuerySql {
    pub(super) fn of(query: &dyn DebugQuery) -> Self {
        let mut sql = Self {
            sql: String::new(),
            is_text: true,
        };
        // Writing ends with an error where the values begin.
        let _ = write!(sql, "{query}");
        sql
    }

    /// Returns the effects of the statements, in their order.
    pub(super) fn changes(&self) -> Vec<Change> {
        of_script(&self.sql)
    }

    pub(super) fn is_text(&self) -> bool {
        self.is_text
    }

    /// Returns whether it is Diesel's own lookup of a type's number, in the middle of a statement
    /// that binds a value of it.
    pub(super) fn is_lookup(&self) -> bool {
        self.sql.contains(r#""pg_type"."typarray""#)
    }
}

impl Write for QuerySql {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        if part == " -- binds: " {
            self.is_text = false;
            return Err(fmt::Error);
        }
        self.sql.push_str(part);
        Ok(())
    }
}

pub(in crate::postgres) fn of_script(sql: &str) -> Vec<Change> {
    // Each statement of the program comes here, so one that stands alone is not read to its end.
    let is_alone = !sql.trim_end().trim_end_matches(';').contains(';');
    let mut changes = Vec::new();
    let mut words: Vec<&str> = Vec::with_capacity(MOST_WORDS);
    let mut body = Body::default();
    let mut ends = Ends::default();
    let mut rest = sql;
    while let Some(token) = next(&mut rest) {
        match token {
            Token::Word(word) => {
                body.read(word, &words);
                ends.read(word);
                if words.len() < MOST_WORDS {
                    words.push(word);
                }
                if is_alone && !may_change(words[0]) {
                    return changes;
                }
            }
            Token::Open => ends.depth += 1,
            Token::Close => ends.depth = ends.depth.saturating_sub(1),
            Token::Other => {}
            Token::End if body.is_inside => body.at_start = true,
            Token::End => {
                changes.extend(of_statement(&words, &ends));
                words.clear();
                body = Body::default();
                ends = Ends::default();
            }
        }
    }
    changes.extend(of_statement(&words, &ends));
    changes
}

/// The source or target of a `COPY`. In parentheses are columns, or a query that may read a table
/// with the name `stdin`.
#[derive(Default)]
struct Ends {
    depth: usize,
    after_direction: bool,
    is_client: bool,
}

impl Ends {
    fn read(&mut self, word: &str) {
        if self.depth == 0 {
            let is_client = is(word, "STDIN") || is(word, "STDOUT");
            self.is_client |= self.after_direction && is_client;
            self.after_direction = is(word, "FROM") || is(word, "TO");
        }
    }
}

/// The body of a function that is not a string, `BEGIN ATOMIC … END`. It contains semicolons, and
/// an `END` that ends no transaction.
#[derive(Default)]
struct Body {
    after_begin: bool,
    is_inside: bool,
    /// `true` before the first word of a statement in the body. Elsewhere `END` is that of a `CASE`,
    /// or the name of a column.
    at_start: bool,
}

impl Body {
    /// Reads a word of a statement that began with `words`.
    fn read(&mut self, word: &str, words: &[&str]) {
        if self.is_inside {
            self.is_inside = !(self.at_start && is(word, "END"));
            self.at_start = false;
        } else if self.after_begin && is(word, "ATOMIC") && creates_function(words) {
            self.is_inside = true;
            self.at_start = true;
        }
        self.after_begin = is(word, "BEGIN");
    }
}

fn creates_function(words: &[&str]) -> bool {
    let kind = match words {
        [create, or, replace, kind, ..] if is(or, "OR") && is(replace, "REPLACE") => {
            is(create, "CREATE").then_some(kind)
        }
        [create, kind, ..] => is(create, "CREATE").then_some(kind),
        _ => None,
    };
    kind.is_some_and(|kind| is(kind, "FUNCTION") || is(kind, "PROCEDURE"))
}

fn is(word: &str, wanted: &str) -> bool {
    word.eq_ignore_ascii_case(wanted)
}

/// The number of words in `COMMIT WORK AND NO CHAIN`.
const MOST_WORDS: usize = 5;

/// The first words of the statements that end a transaction.
const ENDS: [&str; 4] = ["COMMIT", "END", "ROLLBACK", "ABORT"];

/// Returns whether a statement with this first word may have an effect on the connection.
fn may_change(first: &str) -> bool {
    ["BEGIN", "START", "PREPARE", "COPY"]
        .iter()
        .chain(&ENDS)
        .any(|word| is(first, word))
}

fn of_statement(words: &[&str], copy: &Ends) -> Option<Change> {
    let is =
        |position: usize, wanted: &str| words.get(position).is_some_and(|word| is(word, wanted));
    let begins = is(0, "BEGIN") || is(0, "START") && is(1, "TRANSACTION");
    let ends = ENDS.iter().any(|end| is(0, end));
    let options = if is(1, "WORK") || is(1, "TRANSACTION") {
        2
    } else {
        1
    };
    if is(0, "COPY") {
        copy.is_client.then_some(Change::Copies)
    } else if begins {
        Some(Change::Begins)
    } else if ends && is(options, "AND") && is(options + 1, "CHAIN") {
        Some(Change::EndsAndBegins)
    } else if ends && !is(options, "TO") && !is(1, "PREPARED")
        || is(0, "PREPARE") && is(1, "TRANSACTION")
    {
        Some(Change::Ends)
    } else {
        None
    }
}

enum Token<'a> {
    Word(&'a str),
    /// A semicolon outside of strings and comments.
    End,
    /// Parentheses.
    Open,
    Close,
    Other,
}

/// Takes the next token of PostgreSQL's SQL; `None` at the end.
fn next<'a>(rest: &mut &'a str) -> Option<Token<'a>> {
    let sql = *rest;
    let first = sql.chars().next()?;
    let (token, length) = match first {
        ';' => (Token::End, 1),
        '(' => (Token::Open, 1),
        ')' => (Token::Close, 1),
        '\'' => (Token::Other, quoted(sql, '\'', false)),
        '"' => (Token::Other, quoted(sql, '"', false)),
        'e' | 'E' if sql[1..].starts_with('\'') => (Token::Other, 1 + escaped(&sql[1..])),
        '-' if sql.starts_with("--") => (Token::Other, sql.find(['\n', '\r']).unwrap_or(sql.len())),
        '/' if sql.starts_with("/*") => (Token::Other, comment(sql)),
        '$' => (Token::Other, dollar_quoted(sql)),
        _ if is_of_word(first) => {
            let length = sql
                .find(|c| !is_of_word(c) && c != '$')
                .unwrap_or(sql.len());
            (Token::Word(&sql[..length]), length)
        }
        _ => (Token::Other, first.len_utf8()),
    };
    *rest = &sql[length..];
    Some(token)
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || !c.is_ascii()
}

/// Returns the length of a quoted text, in which quotes are doubled, or escaped by a backslash.
fn quoted(sql: &str, quote: char, has_escapes: bool) -> usize {
    let mut chars = sql.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && has_escapes {
            chars.next();
        } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return at + 1;
        }
    }
    sql.len()
}

/// Returns the length of a string with escapes, which may continue after a line break.
fn escaped(sql: &str) -> usize {
    let mut length = quoted(sql, '\'', true);
    while let Some(at) = continuation(&sql[length..]) {
        length += at;
        length += quoted(&sql[length..], '\'', true);
    }
    length
}

/// Returns where the string before `sql` continues: at a quote after white space and comments, with
/// a line break among them.
fn continuation(sql: &str) -> Option<usize> {
    let mut has_break = false;
    let mut at = 0;
    loop {
        let rest = &sql[at..];
        at += match rest.chars().next()? {
            '\n' | '\r' => {
                has_break = true;
                1
            }
            ' ' | '\t' | '\x0b' | '\x0c' => 1,
            '-' if rest.starts_with("--") => rest.find(['\n', '\r'])?,
            '\'' if has_break => return Some(at),
            _ => return None,
        };
    }
}

/// Returns the length of a comment, which may contain nested ones.
fn comment(sql: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(found) = sql[at..].find(['/', '*']) {
        at += found;
        if sql[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if sql[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    sql.len()
}

/// Returns the length of a string between `$tag$`, or of a placeholder's sign.
fn dollar_quoted(sql: &str) -> usize {
    let tag = sql[1..].find(|c| !is_of_word(c)).map_or(0, |at| at + 1);
    let is_tag = tag > 0
        && sql[tag..].starts_with('$')
        && !sql[1..].starts_with(|c: char| c.is_ascii_digit());
    if !is_tag {
        return 1;
    }
    let tag = &sql[..=tag];
    let body = &sql[tag.len()..];
    body.find(tag)
        .map_or(sql.len(), |at| tag.len() + at + tag.len())
}

#[cfg(test)]
mod tests;

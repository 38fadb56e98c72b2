//! Properties of statements, seen in their text.

use super::tokens::{Kind, Tokens};

/// What a statement may be part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Anywhere,
    /// Only in a batch: its effect ends with the transaction.
    Batch,
    /// Nowhere: it begins or ends a transaction, or needs a session.
    Nowhere,
}

/// Properties of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) place: Place,
    /// `true` if it certainly changes nothing, so that it may be sent twice.
    pub(crate) only_reads: bool,
    /// `true` if it reads or writes rows, so that it may be in a transaction and its values depend
    /// on settings.
    pub(crate) has_rows: bool,
    /// `true` if it sets properties of its transaction, and so must precede what reads.
    pub(crate) sets_transaction: bool,
}

/// Number of words that tell what a statement is.
const HEAD: usize = 4;

impl Facts {
    pub(crate) fn of(sql: &str) -> Self {
        let mut head = [""; HEAD];
        let mut length = 0;
        let mut only_reads = true;
        let mut ended = false;
        let mut called = None;
        let mut is_qualified = false;
        let mut temporary = Temporary::default();
        for (kind, range) in Tokens::new(sql) {
            let text = &sql[range];
            if kind == Kind::Space {
                continue;
            }
            only_reads &= !ended;
            let was_schema = std::mem::take(&mut temporary.is_schema);
            temporary.is_found |= was_schema && text == ".";
            let was_dot = std::mem::replace(&mut is_qualified, text == ".");
            match kind {
                Kind::Word => {
                    only_reads &= !is_one_of(text, &WRITES);
                    temporary.add(text);
                    // A function in a schema may be anybody's.
                    called = Some(if was_dot { "" } else { text });
                    if let Some(word) = head.get_mut(length) {
                        *word = text;
                        length += 1;
                    }
                    continue;
                }
                Kind::Semicolon => ended = true,
                Kind::Other if text == "(" => {
                    only_reads &= called.is_none_or(|called| is_one_of(called, &HARMLESS));
                }
                // The name of a function may be in quotes.
                Kind::Quoted if text.starts_with('"') => {
                    temporary.add(text.trim_matches('"'));
                    called = Some("");
                    continue;
                }
                _ => {}
            }
            called = None;
        }
        let head: Vec<String> = head[..length]
            .iter()
            .map(|word| word.to_ascii_uppercase())
            .collect();
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        let reads = matches!(
            head.first(),
            Some(&("SELECT" | "VALUES" | "TABLE" | "WITH"))
        );
        let writes = matches!(
            head.first(),
            Some(&("INSERT" | "UPDATE" | "DELETE" | "MERGE"))
        );
        let place = match place(&head) {
            Place::Anywhere if temporary.is_found => Place::Batch,
            place => place,
        };
        Self {
            place,
            only_reads: only_reads && reads,
            has_rows: reads || writes,
            sets_transaction: head.starts_with(&["SET", "TRANSACTION"]),
        }
    }
}

/// Looks for a temporary table that a statement makes or uses.
#[derive(Default)]
struct Temporary {
    is_found: bool,
    selects: bool,
    is_into: bool,
    /// `true` if the last token names the schema of temporary tables, which may be in a search path.
    is_schema: bool,
}

impl Temporary {
    fn add(&mut self, word: &str) {
        let is = |known: &str| word.eq_ignore_ascii_case(known);
        match word.len() {
            4 | 9 if self.is_into && (is("TEMP") || is("TEMPORARY")) => self.is_found = true,
            // A table that rows are inserted into may have that name.
            5 | 6 if is("MERGE") || is("INSERT") => self.selects = false,
            6 if is("SELECT") => self.selects = true,
            _ => {}
        }
        self.is_into = self.selects && is("INTO");
        self.is_schema = is("PG_TEMP");
    }
}

fn is_one_of(word: &str, known: &[&str]) -> bool {
    known.iter().any(|known| word.eq_ignore_ascii_case(known))
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
    fn what_may_be_sent_twice_only_reads() {
        for sql in [
            "SELECT a FROM b WHERE (c = $1) AND b.d IN ($2)",
            "SELECT count(*) FROM \"a\"",
            "WITH x AS (SELECT 1) SELECT * FROM x;",
        ] {
            assert!(Facts::of(sql).only_reads, "{sql}");
        }
        for sql in [
            "SELECT nextval('a')",
            "SELECT f()",
            "SELECT \"count\"(a) FROM b",
            "SELECT a.count(1) FROM b",
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
            ("SELECT * INTO TEMP a FROM b", Place::Batch),
            (
                "WITH c AS (SELECT 1) SELECT * INTO temporary a FROM c",
                Place::Batch,
            ),
            ("CREATE TABLE pg_temp.a ()", Place::Batch),
            ("CREATE TABLE \"pg_temp\".a ()", Place::Batch),
            (
                "CREATE FUNCTION f() RETURNS int SET search_path = pg_catalog, pg_temp AS ''",
                Place::Anywhere,
            ),
            ("INSERT INTO temp VALUES (1)", Place::Anywhere),
            ("INSERT INTO temp SELECT 1", Place::Anywhere),
            ("SELECT temp FROM a", Place::Anywhere),
            ("CREATE TABLE a ()", Place::Anywhere),
            ("UPDATE a SET b = 1", Place::Anywhere),
        ] {
            assert_eq!(Facts::of(sql).place, expected, "{sql}");
        }
    }

    #[test]
    fn statements_with_rows_are_known() {
        for sql in [
            "(SELECT 1)",
            "with a as (select 1) table a",
            "DELETE FROM a",
        ] {
            assert!(Facts::of(sql).has_rows, "{sql}");
        }
        for sql in [
            "VACUUM",
            "CREATE TABLE a AS SELECT 1",
            "SET LOCAL a = 1",
            "",
        ] {
            assert!(!Facts::of(sql).has_rows, "{sql}");
        }
        assert!(Facts::of("set /* x */ transaction read only").sets_transaction);
        assert!(!Facts::of("SET LOCAL transaction_read_only = on").sets_transaction);
    }
}

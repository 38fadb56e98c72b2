//! The part of SQLite's syntax that sending a statement requires.

mod error;
mod facts;
mod script;

pub(super) use error::statement_error;
#[cfg(feature = "libsql")]
pub(super) use facts::Ending;
use facts::Numbers;
pub(super) use facts::{Done, Facts};
pub(super) use script::statements;

use crate::sqlite::tokens::{Kind, Tokens};

/// The byte order mark, which SQLite considers a space wherever a token may begin.
pub(super) const MARK: char = '\u{feff}';

/// Rewrites each placeholder, given the position of its value, counted from 0.
pub(super) fn rewrite_placeholders(sql: &str, mut rewrite: impl FnMut(usize) -> String) -> String {
    let mut written = String::with_capacity(sql.len() + 64);
    let mut numbers = Numbers::default();
    for (kind, range) in Tokens::new(sql) {
        let text = &sql[range];
        if kind == Kind::Placeholder {
            written.push_str(&rewrite(numbers.next(text).saturating_sub(1)));
        } else {
            written.push_str(text);
        }
    }
    written
}

/// Replaces byte order marks, which libSQL's own parser does not know, with spaces.
pub(super) fn without_marks(sql: &str) -> String {
    let mut written = String::with_capacity(sql.len());
    for (kind, range) in Tokens::new(sql) {
        match &sql[range] {
            "\u{feff}" if kind == Kind::Space => written.push(' '),
            text => written.push_str(text),
        }
    }
    written
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
                "-- first; \nSELECT ';', \"a;b\", [c;d], `e;f`;",
                &format!("{trigger} ;"),
                "INSERT INTO x VALUES ('it''s; so') ;",
                "SELECT 1",
            ]
        );
        assert!(statements(" ; -- nothing\n").is_empty());
        // SQLite does not consider these the definition of a trigger.
        for head in [
            "EXPLAIN QUERY",
            "EXPLAIN QUERY WHAT",
            "EXPLAIN PLAN",
            "QUERY PLAN",
        ] {
            let script = format!("{head} CREATE TRIGGER t; SELECT 1");
            assert_eq!(statements(&script).len(), 2, "{script}");
        }
        assert_eq!(statements("SELECT 'open; "), ["SELECT 'open; "]);
    }

    #[test]
    fn what_writes_is_told_from_what_reads() {
        for sql in [
            "SELECT 1",
            " /* x */ values (1)",
            "WITH a AS (SELECT 'DELETE') SELECT * FROM a",
            "SELECT ';' ; -- ; DELETE\n ;",
        ] {
            assert!(Facts::of(sql).only_reads, "{sql}");
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
            assert!(!Facts::of(sql).only_reads, "{sql}");
        }
    }

    #[test]
    fn placeholders_are_found_where_sqlite_finds_them() {
        let sql = "SELECT ?, '?', $name, \"?\", ?2, $name, ?, a -- ?\n, [?], :x::y";
        let numbered = rewrite_placeholders(sql, |position| format!("<{position}>"));
        assert_eq!(
            numbered,
            "SELECT <0>, '?', <1>, \"?\", <1>, <1>, <2>, a -- ?\n, [?], <3>"
        );
    }

    /// SQLite rejects them all, whatever follows.
    #[test]
    fn numbers_of_placeholders_have_no_end() {
        for number in ["18446744073709551615", "99999999999999999999"] {
            let sql = format!("SELECT ?{number}, ?, :name");
            assert!(Facts::of(&sql).placeholders > 32_766, "{sql}");
        }
    }
}

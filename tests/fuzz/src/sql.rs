//! SQL as remote connections take it apart, beside what SQLite itself makes of it.

use covara_diesel::__fuzz as library;
use rusqlite::Connection;
use rusqlite::fallible_iterator::FallibleIterator;

fn memory() -> Connection {
    let conn = Connection::open_in_memory().expect("memory");
    let tables = "CREATE TABLE a (b, c); CREATE TABLE t (a, b); CREATE TABLE c (d);";
    conn.execute_batch(tables).expect("tables");
    conn
}

thread_local! {
    static CONN: Connection = memory();
}

fn text(data: &[u8]) -> Option<&str> {
    // Neither goes to a server: SQLite ends at a NUL.
    std::str::from_utf8(data)
        .ok()
        .filter(|sql| !sql.contains('\0'))
}

pub(crate) fn scripts(data: &[u8]) {
    let Some(script) = text(data) else { return };
    // To SQLite they are no spaces; no statement begins or ends with one.
    if script
        .chars()
        .any(|c| c.is_whitespace() && !c.is_ascii_whitespace() || c == '\x0b')
    {
        return;
    }
    let found = library::statements(script);
    for statement in &found {
        assert!(script.contains(statement));
        assert_eq!(library::statements(statement), [*statement]);
    }
    CONN.with(|conn| {
        if let Some(expected) = prepared(conn, script) {
            assert_eq!(found.len(), expected, "{found:?}");
        }
    });
}

/// Counts the statements that SQLite sees, if each compiles.
fn prepared(conn: &Connection, script: &str) -> Option<usize> {
    let mut batch = rusqlite::Batch::new(conn, script);
    let mut count = 0;
    loop {
        match batch.next() {
            Ok(Some(_)) => count += 1,
            Ok(None) => return Some(count),
            Err(_) => return None,
        }
    }
}

pub(crate) fn statement(data: &[u8]) {
    let Some(sql) = text(data) else { return };
    let only_reads = library::only_reads(sql);
    let mut rewritten = 0;
    let numbered = library::rewrite_placeholders(sql, |position| {
        rewritten = rewritten.max(position.saturating_add(1));
        format!("?{}", position.saturating_add(1))
    });
    CONN.with(|conn| {
        // One statement, that SQLite can compile.
        if prepared(conn, sql) != Some(1) {
            return;
        }
        let Ok(statement) = conn.prepare(sql) else {
            return;
        };
        // Or it would be done twice when its answer is lost.
        assert!(!only_reads || statement.readonly(), "{sql}");
        let count = statement.parameter_count();
        assert_eq!(rewritten, count, "{numbered}");
        let again = conn.prepare(&numbered).expect("the same statement");
        assert_eq!(again.parameter_count(), count, "{numbered}");
    });
}

//! Finds migrations that turn foreign keys off where that does nothing.
//!
//! SQLite ignores `PRAGMA foreign_keys` inside a transaction. A migration that drops a table to
//! rebuild it then deletes the rows that refer to it, if they are `ON DELETE CASCADE`.

use diesel::migration::Migration;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sqlite::Sqlite;

use super::tokens::{Kind, Tokens};
use crate::migrate::recorded::RecordedSql;

/// A database in which nothing can be written, nor in one that is attached to it.
const NOWHERE: &str = "file::memory:?mode=ro";

/// Returns whether a migration turns foreign keys off.
pub(super) fn turns_off(migration: &dyn Migration<Sqlite>) -> QueryResult<bool> {
    Ok(scripts(migration)?.iter().any(|script| has_pragma(script)))
}

/// Returns the SQL of a migration, which is recorded before it is executed; here that fails at the
/// first statement that writes.
fn scripts(migration: &dyn Migration<Sqlite>) -> QueryResult<Vec<String>> {
    let mut conn = SqliteConnection::establish(NOWHERE)
        .map_err(|error| Error::QueryBuilderError(error.into()))?;
    let recorded = RecordedSql::of(&mut conn);
    let _ = migration.run(&mut conn);
    Ok(recorded.take())
}

/// Returns whether a script has the PRAGMA with any value but one that SQLite takes for on.
fn has_pragma(script: &str) -> bool {
    let tokens = Tokens::new(script).filter(|(kind, _)| *kind != Kind::Space);
    let tokens: Vec<String> = tokens
        .map(|(_, range)| {
            let is_quote = |c| matches!(c, '\'' | '"' | '`' | '[' | ']');
            script[range].trim_matches(is_quote).to_ascii_lowercase()
        })
        .collect();
    let mut statements = tokens.split(|token| token == ";");
    statements.any(|statement| {
        let words: Vec<&str> = statement.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["pragma", "foreign_keys", "=" | "(", value, ..]
            | ["pragma", _, ".", "foreign_keys", "=" | "(", value, ..] => {
                !matches!(*value, "on" | "true" | "yes" | "1")
            }
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pragma_is_found_however_it_is_written() {
        for script in [
            "PRAGMA foreign_keys=OFF;--> statement-breakpoint\nDROP TABLE a",
            "CREATE TABLE a (b TEXT DEFAULT ';'); pragma /* x */ Foreign_Keys = 0",
            "PRAGMA main.foreign_keys('off')",
            "\u{feff}PRAGMA \"foreign_keys\" = no;",
        ] {
            assert!(has_pragma(script), "{script}");
        }
        for script in [
            "",
            "PRAGMA foreign_keys = ON",
            "PRAGMA foreign_keys",
            "PRAGMA defer_foreign_keys = OFF",
            "-- PRAGMA foreign_keys = OFF\nSELECT 1",
            "INSERT INTO a VALUES ('; PRAGMA foreign_keys = OFF;')",
        ] {
            assert!(!has_pragma(script), "{script}");
        }
    }
}

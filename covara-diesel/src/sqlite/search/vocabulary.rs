//! The table of words.

use super::list;
use crate::backend::sql::{Bind, Sql};
use crate::search::{DocumentBatch, Entry, START};

/// Returns the statements that create the table.
pub(super) fn create(entry: &Entry) -> [Sql<'static>; 2] {
    let (table, name) = (entry.vocabulary(), entry.vocabulary_name());
    [
        Sql::once(format!(
            "CREATE TABLE {table} (word TEXT PRIMARY KEY) WITHOUT ROWID"
        )),
        Sql::once(format!(
            "CREATE INDEX {table}_start ON {name} (substr(word, 1, {START}))"
        )),
    ]
}

/// Returns the statement that adds the words of documents, if they have any.
pub(super) fn learn(entry: &Entry, documents: DocumentBatch<'_>) -> Option<Sql<'static>> {
    let words = documents.vocabulary();
    if words.is_empty() {
        return None;
    }
    let words: Vec<Bind<'_>> = words.into_iter().map(Bind::from).collect();
    let mut sql = Sql::new();
    sql.push(format!(
        "INSERT OR IGNORE INTO {} (word) SELECT value FROM json_each(",
        entry.vocabulary()
    ));
    sql.bind(list::json(&words)).push(")");
    Some(sql)
}

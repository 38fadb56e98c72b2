//! The table of words.

use std::borrow::Cow;

use crate::backend::sql::{Bind, Sql};
use crate::search::{DocumentBatch, Entry, START};

/// Returns the statements that create the table. Its words are not unique, so that transactions that
/// add the same one do not wait for each other.
pub(super) fn create(entry: &Entry) -> [Sql<'static>; 3] {
    let (table, name) = (entry.vocabulary(), entry.vocabulary_name());
    [
        Sql::once(format!(
            "CREATE TABLE {table} (word TEXT COLLATE \"C\" NOT NULL)"
        )),
        Sql::once(format!("CREATE INDEX {name}_word ON {table} (word)")),
        Sql::once(format!(
            "CREATE INDEX {name}_start ON {table} (substr(word, 1, {START}))"
        )),
    ]
}

/// Pushes what precedes a statement that writes documents, so that it also adds their words to the
/// table, if they have any.
pub(super) fn push_learning<'d>(entry: &Entry, documents: DocumentBatch<'d>, sql: &mut Sql<'d>) {
    let words = documents.vocabulary();
    if words.is_empty() {
        return;
    }
    let table = entry.vocabulary();
    let words = words.into_iter().map(|word| Some(Cow::Borrowed(word)));
    sql.push(format!(
        "WITH learned AS (INSERT INTO {table} (word) SELECT w.word FROM unnest("
    ));
    sql.bind(Bind::Texts(words.collect()));
    sql.push(format!(
        ") AS w (word) WHERE NOT EXISTS (SELECT FROM {table} AS v WHERE v.word = w.word)) "
    ));
}

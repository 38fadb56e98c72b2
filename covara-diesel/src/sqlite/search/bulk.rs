//! Bulk writes of documents.

use diesel::QueryResult;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Double, Nullable, Text, Untyped};
use diesel::sqlite::Sqlite;

use super::write::word_columns;
use super::{tables, vocabulary};
use crate::backend::connection::BackendConnection;
use crate::backend::sql::{Sql, integer};
use crate::search::{DocumentBatch, Documents, Entry, FieldValue, Guard, WriteEngine, batches};

/// The number of bytes of words that FTS5 can flush without a noticeable cost.
const FEW_WORDS: usize = 128 << 10;

/// Writes documents in a transaction that excludes other writers. If all documents are new, their
/// keys are consecutive; otherwise the keys are looked up.
pub(super) fn write<C>(conn: &mut C, entry: &Entry, documents: &mut Documents) -> QueryResult<()>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let first = next_key(conn, entry)?;
    let head = NewRows::head(entry);
    let between = format!(", {}, ", entry.definition.row_version());
    let mut new = 0;
    for documents in batches::<Sqlite>(entry, documents.all(), conn.most_binds()) {
        new += conn.execute_returning_count(&NewRows {
            head: &head,
            between: &between,
            documents,
        })?;
    }
    if new == documents.all().len() {
        new_words(conn, entry, documents.all(), first)?;
        if let Some(learn) = vocabulary::learn(entry, documents.all()) {
            conn.execute_returning_count(&learn)?;
        }
        return Ok(());
    }
    documents.keep_last_of_each();
    for now in batches::<Sqlite>(entry, documents.all(), conn.most_binds()) {
        for statement in Sqlite::write(entry, now, &Guard::None) {
            conn.execute_returning_count(&statement)?;
        }
    }
    Ok(())
}

/// Returns the key that SQLite assigns to the next document: one more than the highest key.
fn next_key<C>(conn: &mut C, entry: &Entry) -> QueryResult<i64>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let mut sql = Sql::new();
    sql.push(format!("SELECT max(key) FROM {}", entry.documents()));
    let mut rows = conn.load(sql)?;
    let last = rows.next().transpose()?.and_then(|row| integer(&row, 0));
    Ok(last.unwrap_or(0) + 1)
}

/// Inserts the words of new documents, with keys from `first` on.
///
/// Before a statement with several rows FTS5 flushes its buffered words. With many words, that
/// costs more than a statement per document; over a network, it always costs less than a round trip
/// per document.
fn new_words<C>(
    conn: &mut C,
    entry: &Entry,
    documents: DocumentBatch<'_>,
    first: i64,
) -> QueryResult<()>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let words = documents.iter().flat_map(|document| document.words());
    let bytes: usize = words.flatten().map(str::len).sum();
    let together = conn.is_remote() || bytes < FEW_WORDS;
    let limit = conn.most_binds();
    let head = NewWords::head(entry);
    let keys: Vec<i64> = (first..).take(documents.len()).collect();
    let mut keys = keys.as_slice();
    let insert = |documents: DocumentBatch<'_>| {
        let (now, later) = keys.split_at(documents.len());
        keys = later;
        conn.execute_returning_count(&NewWords {
            head: &head,
            keys: now,
            documents,
        })
        .map(drop)
    };
    if together {
        batches::<Sqlite>(entry, documents, limit).try_for_each(insert)
    } else {
        documents.parts(|_| 1).try_for_each(insert)
    }
}

/// A statement that inserts the documents that do not exist yet.
///
/// Built for each document, and therefore without [`Sql`], which stores its pieces in lists.
struct NewRows<'d> {
    head: &'d str,
    /// The SQL of the version, between id and source.
    between: &'d str,
    documents: DocumentBatch<'d>,
}

impl NewRows<'_> {
    /// Returns the beginning of the statement. It uses `OR FAIL`, because no row can make it fail;
    /// otherwise SQLite would journal every page it touches to undo the statement.
    fn head(entry: &Entry) -> String {
        format!(
            "INSERT OR FAIL INTO {} (id, version, source{}) VALUES (",
            entry.documents(),
            entry.column_list("")
        )
    }
}

impl QueryFragment<Sqlite> for NewRows<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        for (at, document) in self.documents.iter().enumerate() {
            out.push_sql(if at == 0 { self.head } else { "), (" });
            out.push_bind_param::<Text, _>(document.id())?;
            out.push_sql(self.between);
            out.push_bind_param::<Text, _>(document.source())?;
            for value in document.columns() {
                out.push_sql(", ");
                match value {
                    FieldValue::Text(text) => push_text(&mut out, text)?,
                    FieldValue::Integer(number) => {
                        out.push_bind_param::<Nullable<BigInt>, _>(number)?;
                    }
                    FieldValue::Double(number) => {
                        out.push_bind_param::<Nullable<Double>, _>(number)?;
                    }
                }
            }
        }
        out.push_sql(") ON CONFLICT (id) DO NOTHING");
        Ok(())
    }
}

/// A statement that inserts the words of documents.
struct NewWords<'d> {
    head: &'d str,
    keys: &'d [i64],
    documents: DocumentBatch<'d>,
}

impl NewWords<'_> {
    fn head(entry: &Entry) -> String {
        let names = word_columns(entry);
        format!(
            "INSERT INTO {} (rowid{names}) VALUES (",
            tables::words(entry)
        )
    }
}

impl QueryFragment<Sqlite> for NewWords<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        for (at, (key, document)) in self.keys.iter().zip(self.documents.iter()).enumerate() {
            out.push_sql(if at == 0 { self.head } else { "), (" });
            out.push_bind_param::<BigInt, _>(key)?;
            for words in document.words() {
                out.push_sql(", ");
                push_text(&mut out, words)?;
            }
        }
        out.push_sql(")");
        Ok(())
    }
}

fn push_text<'b>(out: &mut AstPass<'_, 'b, Sqlite>, text: Option<&'b str>) -> QueryResult<()> {
    const NULL: &Option<&str> = &None;
    match text {
        Some(text) => out.push_bind_param::<Text, _>(text),
        None => out.push_bind_param::<Nullable<Text>, _>(NULL),
    }
}

/// The text of these statements depends on the index.
macro_rules! written_at_run_time {
    ($($statement:ident),*) => { $(
        impl QueryId for $statement<'_> {
            type QueryId = ();

            const HAS_STATIC_QUERY_ID: bool = false;
        }

        impl Query for $statement<'_> {
            type SqlType = Untyped;
        }
    )* };
}

written_at_run_time!(NewRows, NewWords);

//! Writes many documents.

use diesel::QueryResult;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Double, Nullable, Text, Untyped};
use diesel::sqlite::Sqlite;

use super::tables;
use super::write::word_columns;
use crate::backend::connection::DatabaseConnection;
use crate::search::{
    DocumentBatch, Documents, Entry, FieldValue, Guard, SearchEngine, Sql, batches, integer,
};

/// How many bytes of words FTS5 can write out without it being noticed.
const FEW_WORDS: usize = 128 << 10;

/// In a transaction that keeps other writers out. Documents that are all new get the next keys;
/// those of others are looked up.
pub(super) fn write<C>(conn: &mut C, entry: &Entry, documents: &mut Documents) -> QueryResult<()>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let first = next_key(conn, entry)?;
    let head = NewRows::head(entry);
    let between = format!(", {}, ", entry.definition.row_version());
    let mut new = 0;
    for documents in batches::<Sqlite>(entry, documents.all(), conn.bind_limit()) {
        new += conn.execute_returning_count(&NewRows {
            head: &head,
            between: &between,
            documents,
        })?;
    }
    if new == documents.all().len() {
        return new_words(conn, entry, documents.all(), first);
    }
    documents.keep_last_of_each();
    for now in batches::<Sqlite>(entry, documents.all(), conn.bind_limit()) {
        for statement in Sqlite::write(entry, now, &Guard::None) {
            conn.execute_returning_count(&statement)?;
        }
    }
    Ok(())
}

/// The key that SQLite gives the next document: no row has a higher one.
fn next_key<C>(conn: &mut C, entry: &Entry) -> QueryResult<i64>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let mut sql = Sql::new();
    sql.push(format!("SELECT max(key) FROM {}", entry.documents()));
    let mut rows = conn.load(sql)?;
    let last = rows.next().transpose()?.and_then(|row| integer(&row, 0));
    Ok(last.unwrap_or(0) + 1)
}

/// Inserts the words of new documents, with keys from `first` on.
///
/// Before a statement with several rows FTS5 writes out what it has gathered. That costs more
/// than a statement for each document where there are many words, and less than a round trip
/// for each anyway.
fn new_words<C>(
    conn: &mut C,
    entry: &Entry,
    documents: DocumentBatch<'_>,
    first: i64,
) -> QueryResult<()>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let words = documents.iter().flat_map(|document| document.words());
    let bytes: usize = words.flatten().map(str::len).sum();
    let together = conn.is_remote() || bytes < FEW_WORDS;
    let limit = conn.bind_limit();
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

/// Inserts the documents that are not there.
///
/// A statement of its own, as it is built for each document: [`Sql`] keeps its pieces in lists.
struct NewRows<'d> {
    head: &'d str,
    /// The version, between id and source.
    between: &'d str,
    documents: DocumentBatch<'d>,
}

impl NewRows<'_> {
    /// OR FAIL, as it fails for no row: without it SQLite would keep every page it touches for
    /// undoing the statement.
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

/// Inserts the words of documents.
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

/// Their texts depend on the index.
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

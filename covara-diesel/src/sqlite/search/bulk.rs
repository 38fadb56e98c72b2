//! Writes many documents.

use diesel::QueryResult;
use diesel::sqlite::Sqlite;

use crate::connection::DatabaseConnection;
use crate::search::{Document, Entry, Guard, SearchEngine, Sql, batches, integer};

/// How many bytes of words FTS5 can write out without it being noticed.
const FEW_WORDS: usize = 128 << 10;

/// In a transaction that keeps other writers out. Documents that are all new get keys that
/// are known before; others are looked up.
pub(super) fn write<C>(conn: &mut C, entry: &Entry, documents: &[Document]) -> QueryResult<()>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let first = next_key(conn, entry)?;
    let mut next = first;
    let mut new = 0;
    for now in batches::<Sqlite>(entry, documents, conn.bind_limit()) {
        new += conn.execute_returning_count(&new_rows(entry, now, next))?;
        next += key_count(now);
    }
    if new == documents.len() {
        return new_words(conn, entry, documents, first);
    }
    for now in batches::<Sqlite>(entry, documents, conn.bind_limit()) {
        for statement in Sqlite::write(entry, now, &Guard::None) {
            conn.execute_returning_count(&statement)?;
        }
    }
    Ok(())
}

fn key_count(documents: &[Document]) -> i64 {
    i64::try_from(documents.len()).unwrap_or(i64::MAX)
}

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

/// Inserts the documents that are not there, with keys from `key` on.
///
/// OR FAIL, as it fails for no row: without it SQLite would keep every page it touches for
/// undoing the statement.
fn new_rows<'d>(entry: &Entry, documents: &'d [Document], key: i64) -> Sql<'d> {
    let version = entry.definition.version;
    let mut sql = Sql::new();
    sql.push(format!(
        "INSERT OR FAIL INTO {} (key, id, version, source{}) VALUES ",
        entry.documents(),
        entry.column_list("")
    ));
    for (at, (document, key)) in documents.iter().zip(key..).enumerate() {
        sql.push(if at > 0 { ", (" } else { "(" });
        sql.bind(key).push(", ");
        sql.bind(document.id.as_str());
        sql.push(format!(", {version}, "));
        sql.bind(document.source.as_str());
        for value in &document.columns {
            sql.push(", ").bind(value.clone());
        }
        sql.push(")");
    }
    sql.push(" ON CONFLICT (id) DO NOTHING");
    sql
}

/// Inserts the words of new documents, with keys from `first` on.
///
/// Before a statement with several rows FTS5 writes out what it has gathered. That costs more
/// than a statement for each document where there are many words, and less than a round trip
/// for each anyway.
fn new_words<C>(conn: &mut C, entry: &Entry, documents: &[Document], first: i64) -> QueryResult<()>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let slots = entry.definition.searched().count();
    let names: String = (0..slots).map(|slot| format!(", t{slot}")).collect();
    let head = format!("INSERT INTO {} (rowid{names}) VALUES ", entry.words());
    let mut key = first;
    let mut insert = |conn: &mut C, documents: &[Document]| -> QueryResult<()> {
        let mut sql = Sql::new();
        sql.push(head.as_str());
        for (at, document) in documents.iter().enumerate() {
            sql.push(if at > 0 { ", (" } else { "(" });
            sql.bind(key);
            for words in &document.words {
                sql.push(", ");
                sql.bind(words.as_deref());
            }
            sql.push(")");
            key += 1;
        }
        conn.execute_returning_count(&sql).map(drop)
    };
    let words = documents.iter().flat_map(|document| &document.words);
    let bytes: usize = words.flatten().map(String::len).sum();
    if conn.is_remote() || bytes < FEW_WORDS {
        batches::<Sqlite>(entry, documents, conn.bind_limit()).try_for_each(|now| insert(conn, now))
    } else {
        documents.chunks(1).try_for_each(|now| insert(conn, now))
    }
}

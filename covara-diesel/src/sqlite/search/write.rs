//! Writing of documents and their words.

use diesel::QueryResult;
use diesel::sqlite::Sqlite;

use super::refresh::Notes;
use super::{bulk, list, tables, vocabulary};
use crate::backend::connection::BackendConnection;
use crate::backend::sql::{Bind, Sql};
use crate::search::{DocumentBatch, Documents, Entry, Guard, WriteEngine};

/// A condition that selects which of a statement's documents are written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Only<'g> {
    All,
    /// Those indexed by an older definition.
    Older,
    /// Those whose notes are unchanged since they were read.
    Noted(&'g Notes),
}

impl From<&Guard> for Only<'_> {
    fn from(guard: &Guard) -> Self {
        match guard {
            Guard::None => Self::All,
            Guard::Older => Self::Older,
        }
    }
}

/// The numbers of documents in a statement. There are few, so that each statement is prepared once
/// per connection, and some are large, because FTS5 flushes its buffered words before each
/// statement.
const SIZES: [usize; 6] = [1_024, 256, 64, 16, 4, 1];

impl WriteEngine for Sqlite {
    fn batch(entry: &Entry, waiting: usize, bind_limit: usize) -> usize {
        // The id and the source also take a bind each.
        let columns = entry.columns().count() + 2;
        let words = entry.definition.searched().count() + 1;
        // The guard takes one bind.
        let most = bind_limit.saturating_sub(1) / columns.max(words);
        let sizes = SIZES.iter();
        let fits = |size: &&usize| **size <= waiting.min(most);
        sizes.copied().find(|size| fits(&size)).unwrap_or(1)
    }

    fn write<'d>(entry: &Entry, documents: DocumentBatch<'d>, guard: &Guard) -> Vec<Sql<'d>> {
        write(entry, documents, guard.into())
    }

    fn write_many<C>(conn: &mut C, entry: &Entry, documents: &mut Documents) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>,
    {
        bulk::write(conn, entry, documents)
    }

    fn delete<'d>(entry: &Entry, ids: &'d [&'d str]) -> Vec<Sql<'d>> {
        delete(entry, ids, Only::All)
    }
}

/// Returns the statements that write documents. A document keeps its key when it is written again.
/// The rows of the full-text table are inserted in the order of their keys, because FTS5 flushes
/// its buffered words whenever a key is lower than the previous one.
pub(super) fn write<'d>(
    entry: &Entry,
    documents: DocumentBatch<'d>,
    only: Only<'_>,
) -> Vec<Sql<'d>> {
    let rows = rows(entry, documents, only);
    let words = words(entry, documents, only);
    let mut statements = match only {
        // Once the rows are written, they no longer show that they are older.
        Only::Older => vec![words, rows],
        Only::All | Only::Noted(_) => vec![rows, words],
    };
    statements.extend(vocabulary::learn(entry, documents));
    statements
}

fn rows<'d>(entry: &Entry, documents: DocumentBatch<'d>, only: Only<'_>) -> Sql<'d> {
    let table = entry.documents();
    let version = entry.definition.row_version();
    let mut sql = Sql::new();
    sql.push(format!(
        "INSERT INTO {table} (id, version, source{}) ",
        entry.column_list("")
    ));
    let some = !matches!(only, Only::All);
    if some {
        sql.push("SELECT * FROM (");
    }
    sql.push("VALUES ");
    for (at, document) in documents.iter().enumerate() {
        sql.push(if at > 0 { ", (" } else { "(" });
        sql.bind(document.id());
        sql.push(format!(", {version}, "));
        sql.bind(document.source());
        for value in document.columns() {
            sql.push(", ").bind(value);
        }
        sql.push(")");
    }
    if some {
        sql.push(") AS v WHERE ");
        push_only(entry, only, documents, &mut sql);
    }
    sql.push(format!(
        " ON CONFLICT (id) DO UPDATE SET {}",
        entry.replacements()
    ));
    sql
}

/// Returns the columns of its words, each after a comma.
pub(super) fn word_columns(entry: &Entry) -> String {
    let slots = 0..entry.definition.searched().count();
    slots.map(|slot| format!(", t{slot}")).collect()
}

fn words<'d>(entry: &Entry, documents: DocumentBatch<'d>, only: Only<'_>) -> Sql<'d> {
    let table = entry.documents();
    let slots = entry.definition.searched().count();
    let names = word_columns(entry);
    let values: String = (0..slots)
        .map(|slot| format!(", v.column{}", slot + 2))
        .collect();
    let mut sql = Sql::new();
    sql.push(format!(
        "INSERT OR REPLACE INTO {} (rowid{names}) SELECT d.key{values} FROM (VALUES ",
        tables::words(entry)
    ));
    for (at, document) in documents.iter().enumerate() {
        sql.push(if at > 0 { ", (" } else { "(" });
        sql.bind(document.id());
        for words in document.words() {
            sql.push(", ").bind(words);
        }
        sql.push(")");
    }
    // SQLite does not reorder a CROSS JOIN.
    sql.push(format!(
        ") AS v CROSS JOIN {table} AS d ON d.id = v.column1"
    ));
    if !matches!(only, Only::All) {
        sql.push(" WHERE ");
        push_only(entry, only, documents, &mut sql);
    }
    sql.push(" ORDER BY d.key");
    sql
}

/// Appends the condition, on rows `v` whose first column is the id.
fn push_only(entry: &Entry, only: Only<'_>, documents: DocumentBatch<'_>, sql: &mut Sql<'_>) {
    match only {
        Only::All => {
            sql.push("true");
        }
        Only::Older => {
            sql.push(format!(
                "EXISTS (SELECT 1 FROM {} AS o WHERE o.id = v.column1 AND o.version < {})",
                entry.documents(),
                entry.definition.row_version()
            ));
        }
        Only::Noted(notes) => {
            sql.push("v.column1 IN ");
            let ids = documents.iter().map(|document| document.id());
            notes.push_current(entry, ids, sql);
        }
    }
}

pub(super) fn delete<'d>(entry: &Entry, ids: &'d [&'d str], only: Only<'_>) -> Vec<Sql<'d>> {
    let documents = entry.documents();
    // A single bind holds any number of ids; otherwise each number of ids would need its own
    // prepared statement.
    let list: Vec<Bind<'_>> = ids.iter().map(|id| Bind::from(*id)).collect();
    let list = list::json(&list);
    let condition = |start: String| {
        let mut sql = Sql::new();
        sql.push(start).push("id");
        match ids {
            [id] => sql.push(" IN (").bind(*id).push(")"),
            _ => {
                let (before, after) = list::ONE_OF;
                sql.push(before).bind(list.clone()).push(after)
            }
        };
        if let Only::Noted(notes) = only {
            sql.push(" AND id IN ");
            notes.push_current(entry, ids.iter().copied(), &mut sql);
        }
        sql
    };
    let mut words = condition(format!(
        "DELETE FROM {} WHERE rowid IN (SELECT key FROM {documents} WHERE ",
        tables::words(entry)
    ));
    words.push(")");
    vec![words, condition(format!("DELETE FROM {documents} WHERE "))]
}

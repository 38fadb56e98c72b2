//! Indexes the noted rows.
//!
//! One transaction at a time, holding an advisory lock, takes notes, reads their rows and indexes
//! them. A note that commits later is not taken, whatever its number, and stays for the next
//! transaction.

use std::borrow::Cow;

use diesel::QueryResult;
use diesel::pg::Pg;

use super::apart;
use super::lookup::{self, IndexKey};
use super::tables::{lock_key, quoted};
use super::write;
use crate::backend::connection::BackendConnection;
use crate::backend::sql::{Sql, text};
use crate::backend::transaction::Transaction;
use crate::search::{
    BATCH, Entry, FollowedTable, Guard, Noted, Patience, RefreshEngine, Refreshed, SearchError,
    WriteEngine,
};

/// Milliseconds that a search waits for a lock that is held only briefly, such as by another
/// connection that writes one of the documents.
const MOMENT: &str = "50";

/// Maximum number of documents without a row that one search removes.
const MOST_SWEPT: usize = 10_000;

/// The rows of an index: those of the table with the triggers. In this connection another table,
/// such as a temporary one, may hide it.
pub(super) struct RowSource<'e> {
    watched: &'e FollowedTable,
    /// The quoted name of the table.
    followed: Cow<'e, str>,
}

impl RefreshEngine for Pg {
    fn refresh<C>(conn: &mut C, entry: &Entry, patience: Patience) -> Result<Refreshed, SearchError>
    where
        C: BackendConnection<Backend = Self>,
    {
        let source = match (&entry.definition.table, followed(conn, entry, patience)?) {
            (Some(watched), Some(followed)) => RowSource { watched, followed },
            _ if patience == Patience::Try => return Ok(Refreshed::default()),
            _ => {
                return Err(SearchError::FollowsNothing {
                    index: entry.name.clone(),
                });
            }
        };
        let source = &source;
        if !has_notes(conn, entry, source)? {
            return Ok(Refreshed::default());
        }
        if !conn.is_transactional() {
            return Ok(apart::refresh(conn, entry, source, patience)?);
        }
        let begin = |conn: &mut C| conn.begin_read_committed();
        let mut transaction = Transaction::begin(conn, begin)?;
        let is_nested = transaction.is_savepoint();
        let work = |conn: &mut C| -> QueryResult<_> {
            let Some(previous) = take_lock(conn, entry, patience)? else {
                return Ok(None);
            };
            let refreshed = index_noted(conn, entry, source, patience)?;
            if is_nested {
                // Releasing a savepoint keeps the settings made in it.
                conn.execute_returning_count(&previous.restore())?;
            }
            Ok(Some(refreshed))
        };
        let refreshed = work(transaction.conn())?;
        // If nothing was to be done, rolling back releases the lock for others.
        let Some(refreshed) = refreshed.filter(|refreshed| refreshed.notes > 0) else {
            return Ok(Refreshed::default());
        };
        transaction.commit()?;
        Ok(refreshed)
    }
}

/// Returns the table with the triggers. Another process may have created them since the index was
/// looked up, so a caller that waits looks it up again.
fn followed<'e, C>(
    conn: &mut C,
    entry: &'e Entry,
    patience: Patience,
) -> Result<Option<Cow<'e, str>>, SearchError>
where
    C: BackendConnection<Backend = Pg>,
{
    if let Some(followed) = &entry.home.followed {
        return Ok(Some(followed.into()));
    }
    if patience == Patience::Try {
        return Ok(None);
    }
    let found = lookup::find(conn, IndexKey::Number(entry.number))?;
    let index = found.and_then(|found| found.index);
    Ok(index.and_then(|(_, row)| row.home.followed).map(Cow::Owned))
}

/// Returns whether there are notes to index. If row security hides rows from the connection, it
/// must not decide which rows are gone.
fn has_notes<C>(conn: &mut C, entry: &Entry, source: &RowSource<'_>) -> QueryResult<bool>
where
    C: BackendConnection<Backend = Pg>,
{
    let mut sql = Sql::new();
    sql.push(format!(
        "SELECT 1 WHERE EXISTS (SELECT FROM {} WHERE number >= 0)
             AND pg_catalog.row_security_active(CAST(pg_catalog.to_regclass(",
        entry.notes()
    ));
    sql.bind(source.followed.clone().into_owned());
    sql.push(") AS oid)) IS NOT TRUE");
    let mut rows = conn.load(sql)?;
    Ok(rows.next().transpose()?.is_some())
}

/// The settings that apply to the caller's transaction.
struct CallersSettings {
    lock_timeout: String,
    digits: String,
}

impl CallersSettings {
    fn restore(self) -> Sql<'static> {
        let mut sql = Sql::new();
        sql.push("SELECT set_config('lock_timeout', ");
        sql.bind(self.lock_timeout);
        sql.push(", true), set_config('extra_float_digits', ");
        sql.bind(self.digits).push(", true)");
        sql
    }
}

/// Keeps other indexers out, and returns the settings that apply otherwise; `None` if another
/// connection is indexing. Texts of floating-point numbers have all digits until the end of the
/// transaction.
fn take_lock<C>(
    conn: &mut C,
    entry: &Entry,
    patience: Patience,
) -> QueryResult<Option<CallersSettings>>
where
    C: BackendConnection<Backend = Pg>,
{
    let mut sql = Sql::new();
    sql.push(
        "SELECT current_setting('lock_timeout'), current_setting('extra_float_digits'),
             set_config('extra_float_digits', '1', true)",
    );
    sql.push(match patience {
        Patience::Wait => Cow::Borrowed(" FROM pg_advisory_xact_lock("),
        Patience::Try => Cow::Owned(format!(
            ", set_config('lock_timeout', '{MOMENT}', true) WHERE pg_try_advisory_xact_lock("
        )),
    });
    lock_key(entry.number, &mut sql);
    sql.push(")");
    let mut rows = conn.load(sql)?;
    let row = rows.next().transpose()?;
    Ok(row.and_then(|row| {
        Some(CallersSettings {
            lock_timeout: text(&row, 0)?,
            digits: text(&row, 1)?,
        })
    }))
}

fn index_noted<C>(
    conn: &mut C,
    entry: &Entry,
    source: &RowSource<'_>,
    patience: Patience,
) -> QueryResult<Refreshed>
where
    C: BackendConnection<Backend = Pg>,
{
    let mut notes = 0;
    let noted = Noted::load(conn, entry, take(entry, source), |column, _| {
        notes = column(2).and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    })?;
    if noted.documents.all().len() > 0 {
        for statement in Pg::write(entry, noted.documents.all(), &Guard::None) {
            conn.execute_returning_count(&statement)?;
        }
    }
    if !noted.gone.is_empty() {
        let gone = noted.gone();
        conn.execute_returning_count(&write::delete(entry, &gone))?;
    }
    if noted.sweep {
        let swept = conn.execute_returning_count(&sweep(entry, source, patience))?;
        if patience == Patience::Try && swept == MOST_SWEPT {
            // There may be more.
            let again = Sql::once(format!("INSERT INTO {} (key) VALUES (NULL)", entry.notes()));
            conn.execute_returning_count(&again)?;
            notes = notes.max(BATCH);
        }
    }
    Ok(Refreshed {
        notes,
        rows: noted.rows(),
    })
}

/// Takes notes and reads their rows as id and JSON, NULL if the row is gone, with the number of
/// notes. Notes and rows are read at the same moment, so a row that is written later has a note
/// that is not taken.
///
/// Rows are found by the table's index on the key. A row is the noted one if the texts of the keys
/// are equal, because documents are identified by the text: `A` and `a`, or 1.0 and 1.00, may be
/// equal.
fn take(entry: &Entry, source: &RowSource<'_>) -> Sql<'static> {
    let notes = entry.notes();
    let taken = format!(
        "DELETE FROM {notes} WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM {notes} WHERE number >= 0 ORDER BY number LIMIT {BATCH}
         )) RETURNING key"
    );
    rows_of(entry, source, &taken)
}

/// Reads the rows of the notes that the statement `taken` returns the keys of.
pub(super) fn rows_of(entry: &Entry, source: &RowSource<'_>, taken: &str) -> Sql<'static> {
    let (FollowedTable { key, columns, .. }, table) = (source.watched, &source.followed);
    let key = quoted(key);
    let fields = entry.definition.fields().zip(columns);
    let pairs: Vec<String> = fields
        .map(|((name, _), column)| format!("t.{} AS {}", quoted(column), quoted(name)))
        .collect();
    let mut sql = Sql::new();
    sql.push(format!(
        "WITH taken AS ({taken})
         SELECT CAST(n.key AS TEXT), CASE WHEN t.{key} IS NOT NULL THEN
             (SELECT CAST(row_to_json(v) AS TEXT) FROM (SELECT {}) AS v) END,
             (SELECT count(*) FROM taken)
         FROM (
             SELECT DISTINCT ON (CAST(key AS TEXT) COLLATE \"C\") key FROM taken
         ) AS n LEFT JOIN {table} AS t ON t.{key} {equals} n.key
             AND CAST(t.{key} AS TEXT) COLLATE \"C\" OPERATOR(pg_catalog.=) CAST(n.key AS TEXT)",
        pairs.join(", "),
        equals = entry.equals,
    ));
    sql
}

/// Removes documents without a row. Each call compares all documents with the table, so a caller
/// that waits removes all of them at once.
pub(super) fn sweep(entry: &Entry, source: &RowSource<'_>, patience: Patience) -> Sql<'static> {
    let (table, key) = (&source.followed, quoted(&source.watched.key));
    let documents = entry.documents();
    let limit = match patience {
        Patience::Try => format!(" LIMIT {MOST_SWEPT}"),
        Patience::Wait => String::new(),
    };
    let mut sql = Sql::new();
    sql.push(format!(
        "DELETE FROM {documents} WHERE id = ANY (ARRAY(
             SELECT d.id FROM {documents} AS d WHERE NOT EXISTS (
                 SELECT FROM {table} AS t WHERE CAST(t.{key} AS TEXT) COLLATE \"C\" = d.id
             ){limit}
         ))"
    ));
    sql
}

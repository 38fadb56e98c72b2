//! Indexes the noted rows where there are no transactions that span several calls: notes and rows
//! are read first, and one batch removes the notes and writes the documents.
//!
//! The batch fails if any of the notes is gone, because another connection may have indexed a newer
//! state of its row. A row that is written after its note was read has another note, which stays.

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::QueryFragment;

use super::refresh::{RowSource, rows_of, sweep};
use super::tables::{lock, lock_key};
use super::write;
use crate::backend::connection::{BackendConnection, message};
use crate::backend::sql::{Sql, text};
use crate::search::{BATCH, Entry, Guard, Noted, Patience, Refreshed, WriteEngine};

/// Part of the message of a batch that finds another connection indexing.
const BUSY: &str = "covara_busy";
/// The same for one that finds notes gone.
const STALE: &str = "covara_stale";

pub(super) fn refresh<C>(
    conn: &mut C,
    entry: &Entry,
    source: &RowSource<'_>,
    patience: Patience,
) -> QueryResult<Refreshed>
where
    C: BackendConnection<Backend = Pg>,
{
    let notes = Notes::read(conn, entry)?;
    if notes.count == 0 {
        return Ok(Refreshed::default());
    }
    let taken = format!(
        "SELECT key FROM {} WHERE {}",
        entry.notes(),
        notes.condition()
    );
    let noted = Noted::load(conn, entry, rows_of(entry, source, &taken), |_, _| {})?;
    let mut statements = vec![take_lock(entry, patience), notes.forget(entry)];
    if noted.documents.all().len() > 0 {
        statements.extend(Pg::write(entry, noted.documents.all(), &Guard::None));
    }
    let gone = noted.gone();
    if !gone.is_empty() {
        statements.push(write::delete(entry, &gone));
    }
    if noted.sweep {
        statements.push(sweep(entry, source, Patience::Wait));
    }
    let statements: Vec<&dyn QueryFragment<Pg>> = statements
        .iter()
        .map(|statement| statement as &dyn QueryFragment<Pg>)
        .collect();
    let written = match patience {
        Patience::Wait => conn.atomically(&statements),
        Patience::Try => conn.try_atomically(&statements),
    };
    match written {
        Ok(_) => Ok(Refreshed {
            notes: notes.count,
            rows: noted.rows(),
        }),
        Err(error) if message(&error).contains(BUSY) => Ok(Refreshed::default()),
        // There may be more, so the caller tries again.
        Err(error) if message(&error).contains(STALE) => Ok(Refreshed {
            notes: BATCH,
            rows: 0,
        }),
        Err(error) => Err(error),
    }
}

/// Keeps other indexers out until the end of the batch, or fails if one is at work.
fn take_lock(entry: &Entry, patience: Patience) -> Sql<'static> {
    if patience == Patience::Wait {
        return lock(entry);
    }
    let mut sql = Sql::new();
    sql.push("SELECT CAST(CASE WHEN pg_try_advisory_xact_lock(");
    lock_key(entry.number, &mut sql);
    sql.push(format!(") THEN '0' ELSE '{BUSY}' END AS integer)"));
    sql
}

/// Notes by their numbers and places.
#[derive(Default)]
struct Notes {
    count: usize,
    numbers: String,
    places: String,
}

impl Notes {
    fn read<C>(conn: &mut C, entry: &Entry) -> QueryResult<Self>
    where
        C: BackendConnection<Backend = Pg>,
    {
        let query = Sql::once(format!(
            "SELECT CAST(number AS text), CAST(ctid AS text) FROM {}
             WHERE number >= 0 ORDER BY number LIMIT {BATCH}",
            entry.notes()
        ));
        let mut notes = Self::default();
        for row in conn.load(query)? {
            let row = row?;
            if let (Some(number), Some(place)) = (text(&row, 0), text(&row, 1)) {
                let comma = if notes.count > 0 { "," } else { "" };
                notes.numbers.push_str(&format!("{comma}{number}"));
                notes.places.push_str(&format!("{comma}\"{place}\""));
                notes.count += 1;
            }
        }
        Ok(notes)
    }

    fn condition(&self) -> String {
        format!(
            "number = ANY (CAST('{{{}}}' AS bigint[])) \
             AND CAST(ctid AS text) = ANY (CAST('{{{}}}' AS text[]))",
            self.numbers, self.places
        )
    }

    /// Removes the notes, and fails if any is gone.
    fn forget(&self, entry: &Entry) -> Sql<'static> {
        Sql::once(format!(
            "WITH forgotten AS (DELETE FROM {} WHERE {} RETURNING 1)
             SELECT CAST(CASE WHEN (SELECT count(*) FROM forgotten) = {} THEN '0'
                         ELSE '{STALE}' END AS integer)",
            entry.notes(),
            self.condition(),
            self.count
        ))
    }
}

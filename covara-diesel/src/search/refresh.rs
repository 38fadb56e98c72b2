//! Indexing of the rows that triggers noted.

use std::collections::HashSet;

use diesel::QueryResult;
use diesel::row::Row;
use serde_json::Value;

use super::document::{Documents, check_id};
use super::engine::{Patience, RefreshEngine, SearchEngine};
use super::entry::Entry;
use super::error::SearchError;
use super::row_value::as_serialized;
use super::values::SearchValues;
use crate::backend::connection::BackendConnection;
use crate::backend::sql::{Sql, integer, text};

/// The maximum number of notes processed in one transaction.
pub(crate) const BATCH: usize = 1_000;

/// The maximum number of notes that one search processes, which bounds its time: about half a
/// second if rows are short. Looking for documents whose rows were removed without a note, as by
/// TRUNCATE, takes longer the more documents and rows there are.
const MOST_PER_SEARCH: usize = 10_000;

/// The rows that notes refer to.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    pub(crate) documents: Documents,
    /// The ids of rows that no longer exist or cannot be indexed.
    pub(crate) gone: Vec<String>,
    /// `true` to look for documents whose rows were removed without a note.
    pub(crate) sweep: bool,
}

impl Noted {
    /// Adds a row: its id, which is NULL in a note about all rows, and the row as JSON, which is
    /// NULL if the row no longer exists.
    pub(crate) fn add<'r, DB: SearchValues>(&mut self, entry: &Entry, row: &impl Row<'r, DB>) {
        let Some(id) = text(row, 0) else {
            self.sweep = true;
            return;
        };
        // A row with an invalid key cannot be found by it, and does not affect others.
        if check_id(&id).is_err() {
            return;
        }
        let source = text(row, 1).and_then(|source| serde_json::from_str::<Value>(&source).ok());
        let added = source.map(|mut source| {
            as_serialized(&entry.definition, &mut source);
            self.documents.push_row::<DB>(entry, &id, &source)
        });
        if let Some(Err(error)) = &added {
            log::warn!("a row is left out of the index {}: {error}", entry.name);
        }
        if !matches!(added, Some(Ok(()))) {
            self.gone.push(id);
        }
    }

    /// Reads rows of id and JSON. Also calls `also` for each, with a function that reads a number
    /// from a column.
    pub(crate) fn load<C>(
        conn: &mut C,
        entry: &Entry,
        sql: Sql<'_>,
        mut also: impl FnMut(&dyn Fn(usize) -> Option<i64>, Option<&str>),
    ) -> QueryResult<Self>
    where
        C: BackendConnection<Backend: SearchEngine>,
    {
        let mut noted = Self::default();
        for row in conn.load(sql)? {
            let row = row?;
            let number = |column| {
                let as_text = || text(&row, column)?.parse().ok();
                integer(&row, column).or_else(as_text)
            };
            also(&number, text(&row, 0).as_deref());
            noted.add(entry, &row);
        }
        // Of two rows with one key, keep the last. The database may not enforce that the key is
        // unique.
        noted.documents.keep_last_of_each();
        noted.keep_those_with_a_row();
        Ok(noted)
    }

    /// Removes ids that still have a row. Different keys can have the same text, as 1 and `1` on
    /// SQLite, where only one of them has a row.
    fn keep_those_with_a_row(&mut self) {
        if self.gone.is_empty() {
            return;
        }
        let documents = self.documents.all();
        let rows: HashSet<&str> = documents.iter().map(|document| document.id()).collect();
        self.gone.retain(|id| !rows.contains(id.as_str()));
    }

    pub(crate) fn rows(&self) -> usize {
        self.documents.all().len() + self.gone.len()
    }

    pub(crate) fn gone(&self) -> Vec<&str> {
        self.gone.iter().map(String::as_str).collect()
    }
}

/// Indexes noted rows before a search, without waiting. A failure does not fail the search, which
/// then uses the index as it is: the connection may not have the right to write, or the disk may be
/// full. [`all`] returns the error.
pub(super) fn before_search<C>(conn: &mut C, entry: &Entry)
where
    C: BackendConnection<Backend: SearchEngine>,
{
    if entry.definition.table.is_some() && entry.may_refresh {
        let _ = run(conn, entry, Patience::Try, MOST_PER_SEARCH);
    }
}

/// Indexes all noted rows and returns how many.
pub(super) fn all<C>(conn: &mut C, entry: &Entry) -> Result<usize, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    if entry.definition.table.is_none() {
        return Ok(0);
    }
    run(conn, entry, Patience::Wait, usize::MAX)
}

fn run<C>(
    conn: &mut C,
    entry: &Entry,
    patience: Patience,
    most: usize,
) -> Result<usize, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    let (mut notes, mut rows) = (0, 0);
    while notes < most {
        let refreshed = C::Backend::refresh(conn, entry, patience)?;
        notes += refreshed.notes;
        rows += refreshed.rows;
        if refreshed.notes < BATCH {
            break;
        }
    }
    Ok(rows)
}

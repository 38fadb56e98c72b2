//! Indexes the rows that triggers noted.

use std::collections::HashSet;

use diesel::QueryResult;
use diesel::row::Row;
use serde_json::Value;

use super::document::{Documents, check_id};
use super::engine::{Patience, SearchEngine};
use super::entry::{Entry, integer, text};
use super::error::SearchError;
use super::sql::Sql;
use super::values::SearchValues;
use crate::backend::connection::DatabaseConnection;

/// Most notes that are worked through in one transaction.
pub(crate) const BATCH: usize = 1_000;

/// Most notes that one search works through, so that it takes a bounded time: about half a
/// second where rows are short. Looking for documents whose rows went without a note, as by
/// TRUNCATE, takes longer the more documents and rows there are.
const MOST_PER_SEARCH: usize = 10_000;

/// The rows that notes are about.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    pub(crate) documents: Documents,
    /// Ids of rows that are gone, or that cannot be indexed.
    pub(crate) gone: Vec<String>,
    /// Whether documents must be looked for whose rows went without a note.
    pub(crate) sweep: bool,
}

impl Noted {
    /// Adds a row: its id, which a note about all rows has not, and the row as JSON, unless it
    /// is gone.
    pub(crate) fn add<'r, DB: SearchValues>(&mut self, entry: &Entry, row: &impl Row<'r, DB>) {
        let Some(id) = text(row, 0) else {
            self.sweep = true;
            return;
        };
        // A row with an unusable key cannot be found by it, and spoils no other.
        if check_id(&id).is_err() {
            return;
        }
        let source = text(row, 1).and_then(|source| serde_json::from_str::<Value>(&source).ok());
        let added = source.map(|source| self.documents.push_row::<DB>(entry, &id, &source));
        if let Some(Err(error)) = &added {
            log::warn!("a row is left out of the index {}: {error}", entry.name);
        }
        if !matches!(added, Some(Ok(()))) {
            self.gone.push(id);
        }
    }

    /// Reads rows of id and JSON, and shows each to `also`, by a function that reads numbers.
    pub(crate) fn load<C>(
        conn: &mut C,
        entry: &Entry,
        sql: Sql<'_>,
        mut also: impl FnMut(&dyn Fn(usize) -> Option<i64>, Option<&str>),
    ) -> QueryResult<Self>
    where
        C: DatabaseConnection<Backend: SearchEngine>,
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
        // Of two rows with one key, the last: the key may be no key to the database.
        noted.documents.keep_last_of_each();
        noted.keep_those_with_a_row();
        Ok(noted)
    }

    /// Keys that differ may have one text, as 1 and `1` on SQLite, where only one has a row.
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

/// Indexes what was noted before a search, as far as that takes no waiting. Failing at it does
/// not fail the search, which finds what is indexed: the connection may have no right to write,
/// or the disk be full. [`all`] says why.
pub(super) fn before_search<C>(conn: &mut C, entry: &Entry)
where
    C: DatabaseConnection<Backend: SearchEngine>,
{
    if entry.definition.table.is_some() && entry.may_refresh {
        let _ = run(conn, entry, Patience::Try, MOST_PER_SEARCH);
    }
}

/// Indexes all that was noted, and returns how many rows that were.
pub(super) fn all<C>(conn: &mut C, entry: &Entry) -> Result<usize, SearchError>
where
    C: DatabaseConnection<Backend: SearchEngine>,
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
    C: DatabaseConnection<Backend: SearchEngine>,
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

//! Processing of notes.
//!
//! Notes and rows are read before the write, so that the write is short; on D1 the two are never in
//! one transaction. Another writer changes the numbers of the notes meanwhile, and another process
//! that indexes removes them. In both cases the document made from the row is not written.

use std::collections::HashMap;

use diesel::QueryResult;
use diesel::query_builder::QueryFragment;
use diesel::sqlite::Sqlite;
use serde_json::{Value, json};

use super::tables::{self, key_text, quoted};
use super::write::{Only, delete, write};
use crate::backend::connection::BackendConnection;
use crate::backend::sql::Sql;
use crate::search::{
    BATCH, Entry, FollowedTable, Noted, Patience, RefreshEngine, Refreshed, SearchError, batches,
};

/// The notes that were read: the position and number of each, and the same by the id of its row.
#[derive(Debug, Default)]
pub(super) struct Notes {
    all: Vec<(i64, i64)>,
    by_id: HashMap<String, (i64, i64)>,
}

impl Notes {
    fn add(&mut self, id: Option<&str>, place: i64, number: i64) {
        self.all.push((place, number));
        if let Some(id) = id {
            self.by_id.insert(id.to_owned(), (place, number));
        }
    }

    /// Appends a list of those ids whose notes are unchanged since they were read.
    pub(super) fn push_current<'i>(
        &self,
        entry: &Entry,
        ids: impl Iterator<Item = &'i str>,
        sql: &mut Sql<'_>,
    ) {
        let notes: Vec<Value> = ids
            .filter_map(|id| {
                let (place, number) = self.by_id.get(id)?;
                Some(json!([place, number, id]))
            })
            .collect();
        push_current("json_extract(j.value, '$[2]')", entry, notes, sql);
    }

    /// Returns a statement that removes the notes that are unchanged since they were read.
    fn forget(&self, entry: &Entry) -> Sql<'static> {
        let notes = self
            .all
            .iter()
            .map(|(place, number)| json!([place, number]));
        let mut sql = Sql::new();
        sql.push(format!("DELETE FROM {} WHERE id IN ", entry.notes()));
        push_current("n.id", entry, notes.collect(), &mut sql);
        sql
    }
}

/// Appends a subquery of unchanged notes. SQLite does not reorder a CROSS JOIN.
fn push_current(column: &str, entry: &Entry, notes: Vec<Value>, sql: &mut Sql<'_>) {
    sql.push(format!("(SELECT {column} FROM json_each("));
    sql.bind(Value::from(notes).to_string());
    sql.push(format!(
        ") AS j CROSS JOIN {} AS n ON n.id = json_extract(j.value, '$[0]') \
         AND n.number = json_extract(j.value, '$[1]'))",
        entry.notes()
    ));
}

impl RefreshEngine for Sqlite {
    fn refresh<C>(conn: &mut C, entry: &Entry, patience: Patience) -> Result<Refreshed, SearchError>
    where
        C: BackendConnection<Backend = Self>,
    {
        if !has_notes(conn, entry)? {
            return Ok(Refreshed::default());
        }
        let (notes, noted) = read(conn, entry)?;
        let bind_limit = conn.most_binds();
        let only = Only::Noted(&notes);
        let documents = batches::<Self>(entry, noted.documents.all(), bind_limit);
        let mut statements: Vec<Sql<'_>> =
            documents.flat_map(|now| write(entry, now, only)).collect();
        let gone = noted.gone();
        // The guard takes one bind.
        for ids in gone.chunks(bind_limit.saturating_sub(1).clamp(1, BATCH)) {
            statements.extend(delete(entry, ids, only));
        }
        if noted.sweep {
            statements.extend(sweep(entry));
        }
        statements.push(notes.forget(entry));
        let statements: Vec<&dyn QueryFragment<Self>> = statements
            .iter()
            .map(|statement| statement as &dyn QueryFragment<Self>)
            .collect();
        match patience {
            Patience::Wait => conn.atomically(&statements),
            Patience::Try => conn.try_atomically(&statements),
        }?;
        Ok(Refreshed {
            notes: notes.all.len(),
            rows: noted.rows(),
        })
    }
}

/// Returns whether there are notes. Most searches find none, so this is cheaper than reading them.
fn has_notes<C>(conn: &mut C, entry: &Entry) -> QueryResult<bool>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let mut sql = Sql::new();
    sql.push(format!("SELECT 1 FROM {} LIMIT 1", entry.notes()));
    let mut rows = conn.load(sql)?;
    Ok(rows.next().transpose()?.is_some())
}

/// Returns an expression for a column's value in JSON. Any column may hold a value of any type, and
/// JSON has neither bytes nor infinity. `quote` writes all digits of a number, and `json_object`,
/// before SQLite 3.52, only 15.
fn jsonable(column: &str) -> String {
    format!(
        "CASE typeof(t.{column}) WHEN 'blob' THEN NULL
             WHEN 'real' THEN CASE WHEN abs(t.{column}) <= 1.7976931348623157e308
                 THEN json(quote(t.{column})) END
             ELSE t.{column} END"
    )
}

fn read<C>(conn: &mut C, entry: &Entry) -> QueryResult<(Notes, Noted)>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let mut notes = Notes::default();
    let Some(watched) = &entry.definition.table else {
        return Ok((notes, Noted::default()));
    };
    let FollowedTable { key, columns, .. } = watched;
    let (table, key) = (tables::followed(watched), quoted(key));
    let fields = entry.definition.fields().zip(columns);
    let pairs: Vec<String> = fields
        .map(|((name, _), column)| format!("'{name}', {}", jsonable(&quoted(column))))
        .collect();
    let mut sql = Sql::new();
    // Positions are read as texts, because D1 sends numbers as doubles.
    sql.push(format!(
        "SELECT n.document,
                CASE WHEN t.{key} IS NOT NULL THEN json_object({}) END,
                CAST(n.id AS TEXT), n.number
         FROM (SELECT id, key, document, number FROM {} ORDER BY id LIMIT {BATCH}) AS n
         LEFT JOIN {table} AS t ON t.{key} = n.key
             AND {} = n.document COLLATE BINARY",
        pairs.join(", "),
        entry.notes(),
        key_text(&format!("t.{key}")),
    ));
    let noted = Noted::load(conn, entry, sql, |column, id| {
        if let (Some(place), Some(number)) = (column(2), column(3)) {
            notes.add(id, place, number);
        }
    })?;
    // If the database does not enforce that the key is unique, a note is returned once for each
    // row.
    notes.all.dedup();
    Ok((notes, noted))
}

/// Returns statements that remove documents without a row.
fn sweep(entry: &Entry) -> Vec<Sql<'static>> {
    let Some(watched) = &entry.definition.table else {
        return Vec::new();
    };
    let (table, key) = (tables::followed(watched), quoted(&watched.key));
    let (documents, words) = (entry.documents(), tables::words(entry));
    let gone = format!(
        "id NOT IN (SELECT {} FROM {table} AS t WHERE t.{key} IS NOT NULL)",
        key_text(&format!("t.{key}"))
    );
    vec![
        Sql::once(format!(
            "DELETE FROM {words} WHERE rowid IN (SELECT key FROM {documents} WHERE {gone})"
        )),
        Sql::once(format!("DELETE FROM {documents} WHERE {gone}")),
    ]
}

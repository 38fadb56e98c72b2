//! Indexes that follow a table.

use diesel::QueryResult;
use diesel::query_builder::{QueryBuilder, QueryFragment};
use serde_json::Value;

use super::catalogue::{self, atomically, of};
use super::definition::{WatchedTable, check_name};
use super::document::{Documents, check_id};
use super::engine::{Guard, SearchEngine};
use super::entry::{Entry, integer, text};
use super::error::SearchError;
use super::searchable::Searchable;
use super::sql::Sql;
use super::write::statements;
use crate::connection::DatabaseConnection;

/// How many notes are worked through at a time.
const BATCH: usize = 1_000;

pub(super) fn follow<C, T>(conn: &mut C) -> Result<bool, SearchError>
where
    C: DatabaseConnection<Backend: SearchEngine>,
    T: Searchable,
    T::Table: QueryFragment<C::Backend>,
{
    let mut sql = <C::Backend as diesel::backend::Backend>::QueryBuilder::default();
    T::Table::default()
        .to_sql(&mut sql, &<C::Backend as crate::engine::Engine>::backend())
        .map_err(of::<C>)?;
    let mut definition = T::definition();
    definition.table = Some(WatchedTable {
        table: sql.finish(),
        key: T::key().to_owned(),
        columns: T::columns().into_iter().map(str::to_owned).collect(),
    });
    check_name(T::INDEX, "index")?;
    definition.check()?;
    let (entry, new) = catalogue::create(conn, T::INDEX, &definition)?;
    refresh(conn, &entry)?;
    Ok(new)
}

/// What a search does first. A connection that may not write, or not in time, searches what is
/// indexed.
pub(super) fn refresh_if_possible<C>(conn: &mut C, entry: &Entry) -> Result<(), SearchError>
where
    C: DatabaseConnection<Backend: SearchEngine>,
{
    if entry.definition.table.is_none() {
        return Ok(());
    }
    match refresh(conn, entry) {
        Ok(_) | Err(SearchError::ReadOnly { .. } | SearchError::Locked { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Indexes what was noted, oldest first, and returns how many rows that were.
///
/// The rows are read before the write: if another process has indexed them meanwhile, and
/// perhaps newer ones, their notes are gone, and the write does nothing.
pub(super) fn refresh<C>(conn: &mut C, entry: &Entry) -> Result<usize, SearchError>
where
    C: DatabaseConnection<Backend: SearchEngine>,
{
    if entry.definition.table.is_none() {
        return Ok(0);
    }
    let mut rows = 0;
    while let Some(upto) = last_of_batch(conn, entry)? {
        let (documents, gone) = noted(conn, entry, upto)?;
        let guard = Guard::Noted(upto);
        let bind_limit = conn.bind_limit();
        let mut batch: Vec<Sql<'_>> = C::Backend::lock(entry).into_iter().collect();
        batch.extend(statements::<C::Backend>(
            entry,
            documents.all(),
            guard,
            bind_limit,
        ));
        let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
        // One bind is the guard's.
        for ids in gone.chunks(bind_limit.saturating_sub(1).clamp(1, BATCH)) {
            batch.extend(C::Backend::delete(entry, ids, &guard));
        }
        let mut forget = Sql::new();
        forget.push(format!("DELETE FROM {} WHERE number <= ", entry.notes()));
        forget.bind(upto);
        batch.push(forget);
        atomically(conn, &batch)?;
        rows += documents.all().len() + gone.len();
    }
    Ok(rows)
}

/// The number of the last note to work through now, if there are any and the connection may
/// write.
fn last_of_batch<C>(conn: &mut C, entry: &Entry) -> Result<Option<i64>, SearchError>
where
    C: DatabaseConnection<Backend: SearchEngine>,
{
    let sql = format!(
        "SELECT max(number) FROM (SELECT number FROM {} WHERE {} ORDER BY number LIMIT {BATCH}) AS n",
        entry.notes(),
        C::Backend::MAY_WRITE,
    );
    let mut statement = Sql::new();
    statement.push(sql);
    let mut rows = conn.load(statement).map_err(of::<C>)?;
    let row = rows.next().transpose().map_err(of::<C>)?;
    Ok(row.and_then(|row| integer(&row, 0)))
}

/// The rows that were noted: as documents, and the ids of those that are gone.
fn noted<C>(conn: &mut C, entry: &Entry, upto: i64) -> Result<(Documents, Vec<String>), SearchError>
where
    C: DatabaseConnection<Backend: SearchEngine>,
{
    let rows: Vec<(Option<String>, Option<String>)> = {
        let rows = conn.load(C::Backend::noted(entry, upto)).map_err(of::<C>)?;
        rows.map(|row| {
            let row = row?;
            Ok((text(&row, 0), text(&row, 1)))
        })
        .collect::<QueryResult<_>>()
        .map_err(of::<C>)?
    };
    let (mut documents, mut gone) = (Documents::default(), Vec::new());
    for (id, source) in rows {
        // A row with an unusable key cannot be found by it, and spoils no other.
        let Some(id) = id.filter(|id| check_id(id).is_ok()) else {
            continue;
        };
        let source = source.and_then(|source| serde_json::from_str::<Value>(&source).ok());
        let added = source.map(|source| documents.push_row::<C::Backend>(entry, &id, &source));
        if let Some(Err(error)) = &added {
            log::warn!("a row is left out of the index {}: {error}", entry.name);
        }
        if !matches!(added, Some(Ok(()))) {
            gone.push(id);
        }
    }
    Ok((documents, gone))
}

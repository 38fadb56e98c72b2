//! Writing and removal of documents.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::Value;

use super::catalogue::{self, atomically, begin_write};
use super::document::{DocumentBatch, Documents, TOO_DEEP, check_id};
use super::engine::{Guard, IndexEngine, SearchEngine, WriteEngine, batches};
use super::entry::Entry;
use super::error::SearchError;
use super::pipeline::{self, Part};
use super::searchable::Searchable;
use crate::backend::connection::BackendConnection;
use crate::backend::sql::Sql;
use crate::surrogates::without_lone_surrogates;

pub(super) fn no_form(id: &str) -> impl FnOnce(serde_json::Error) -> SearchError {
    move |error| SearchError::document(id, format!("it cannot be written as JSON: {error}"))
}

/// Converts a document to JSON. It goes through text, like the documents of [`many`], so that a
/// document is the same whether it is written alone or among others.
pub(super) fn value<D: Serialize + ?Sized>(id: &str, document: &D) -> Result<Value, SearchError> {
    read(id, &serde_json::to_vec(document).map_err(no_form(id))?)
}

/// Parses the output of `serde_json`.
pub(super) fn read(id: &str, json: &[u8]) -> Result<Value, SearchError> {
    serde_json::from_slice(json).map_err(|error| {
        if error.to_string().starts_with("recursion limit") {
            return SearchError::document(id, TOO_DEEP);
        }
        no_form(id)(error)
    })
}

/// Parses JSON text that JavaScript may have written.
pub(super) fn parse(id: &str, json: &str) -> Result<Value, SearchError> {
    serde_json::from_str(&without_lone_surrogates(json))
        .map_err(|error| SearchError::document(id, format!("it is not JSON: {error}")))
}

pub(super) fn one<C>(
    conn: &mut C,
    entry: &Entry,
    id: &str,
    document: &Value,
) -> Result<(), SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    let mut documents = Documents::default();
    documents.push::<C::Backend>(entry, id, document)?;
    let statements = C::Backend::write(entry, documents.all(), &Guard::None);
    atomically(conn, &statements).map(drop)
}

pub(super) fn many<C, I, D>(
    conn: &mut C,
    entry: &Entry,
    documents: impl IntoIterator<Item = (I, D)>,
) -> Result<usize, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
    I: AsRef<str>,
    D: Serialize,
{
    let mut documents = documents.into_iter().fuse();
    all(conn, entry, |part| {
        let Some((id, document)) = documents.next() else {
            return Ok(false);
        };
        part.push(id.as_ref(), &document)?;
        Ok(true)
    })
}

pub(super) fn rows<'r, C, T>(
    conn: &mut C,
    entry: &Entry,
    rows: impl IntoIterator<Item = &'r T>,
) -> Result<usize, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
    T: Searchable + 'r,
{
    let mut rows = rows.into_iter().fuse();
    all(conn, entry, |part| {
        let Some(row) = rows.next() else {
            return Ok(false);
        };
        let id = row.id();
        part.push(&id, &row.document().map_err(no_form(&id))?)?;
        Ok(true)
    })
}

/// Writes the documents in one transaction, if the connection supports transactions.
fn all<C>(
    conn: &mut C,
    entry: &Entry,
    next: impl FnMut(&mut Part) -> Result<bool, SearchError>,
) -> Result<usize, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    if !conn.is_transactional() {
        let mut known = HashSet::new();
        return chunks(conn, entry, next, |conn, documents| {
            documents.leave_out_known(&mut known);
            documents.keep_last_of_each();
            let mut batches = batches::<C::Backend>(entry, documents.all(), conn.most_binds());
            batches.try_for_each(|now| {
                let statements = C::Backend::write(entry, now, &Guard::None);
                atomically(conn, &statements).map(drop)
            })
        });
    }
    let mut transaction = begin_write(conn)?;
    let conn = transaction.conn();
    if let Some(lock) = C::Backend::lock(entry) {
        conn.execute_returning_count(&lock)?;
    }
    let mut known = HashSet::new();
    let written = chunks(conn, entry, next, |conn, documents| {
        documents.leave_out_known(&mut known);
        C::Backend::write_many(conn, entry, documents).map_err(SearchError::from)
    })?;
    transaction.commit()?;
    Ok(written)
}

/// Writes documents in large chunks and counts them.
fn chunks<C>(
    conn: &mut C,
    entry: &Entry,
    next: impl FnMut(&mut Part) -> Result<bool, SearchError>,
    mut write: impl FnMut(&mut C, &mut Documents) -> Result<(), SearchError>,
) -> Result<usize, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    let mut taken = 0;
    pipeline::documents::<C::Backend>(entry, next, |mut documents| {
        taken += documents.all().len();
        write(conn, &mut documents)
    })?;
    Ok(taken)
}

/// Returns the statements that write `documents`, whose ids differ.
pub(super) fn statements<'d, DB: SearchEngine>(
    entry: &Entry,
    documents: DocumentBatch<'d>,
    guard: Guard,
    bind_limit: usize,
) -> Vec<Sql<'d>> {
    batches::<DB>(entry, documents, bind_limit)
        .flat_map(|now| DB::write(entry, now, &guard))
        .collect()
}

pub(super) fn delete<C>(conn: &mut C, index: &str, id: &str) -> Result<bool, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    if check_id(id).is_err() {
        return Ok(false);
    }
    let Some(entry) = catalogue::find(conn, index)? else {
        return Ok(false);
    };
    let changed = atomically(conn, &C::Backend::delete(&entry, &[id]))?;
    Ok(changed.last().is_some_and(|&count| count > 0))
}

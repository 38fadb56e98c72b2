//! Puts documents in and takes them out.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::ahead;
use super::catalogue::{self, atomically, of};
use super::document::{Document, check_id};
use super::engine::{Guard, SearchEngine};
use super::entry::{Entry, text};
use super::error::SearchError;
use super::searchable::Searchable;
use super::sql::Sql;
use crate::connection::{DatabaseConnection, Transaction};

/// Most documents in memory at a time.
const CHUNK: usize = 1_024;
/// About how many bytes of them.
const CHUNK_BYTES: usize = 4 << 20;

fn value<D: Serialize + ?Sized>(id: &str, document: &D) -> Result<Value, SearchError> {
    serde_json::to_value(document)
        .map_err(|error| SearchError::document(id, format!("it has no form in JSON: {error}")))
}

/// Reads JSON text that JavaScript may have written.
pub(super) fn parse(id: &str, json: &str) -> Result<Value, SearchError> {
    serde_json::from_str(&without_halves(json))
        .map_err(|error| SearchError::document(id, format!("it is no JSON: {error}")))
}

/// Replaces the escapes of surrogates that are not one of a pair.
fn without_halves(json: &str) -> Cow<'_, str> {
    if !json.contains("\\ud") && !json.contains("\\uD") {
        return Cow::Borrowed(json);
    }
    let mut mended = String::with_capacity(json.len());
    let mut rest = json;
    while let Some((before, escape)) = rest.find('\\').and_then(|at| rest.split_at_checked(at)) {
        mended.push_str(before);
        let (taken, replacement) = match surrogate(escape) {
            Some(0xd800..=0xdbff) => {
                let second = escape.get(6..).and_then(surrogate);
                match second {
                    Some(0xdc00..=0xdfff) => (12, None),
                    _ => (6, Some("\\ufffd")),
                }
            }
            Some(_) => (6, Some("\\ufffd")),
            // Backslash and what it escapes.
            None => (1 + escape.chars().nth(1).map_or(0, char::len_utf8), None),
        };
        let (escape, behind) = escape.split_at_checked(taken).unwrap_or((escape, ""));
        mended.push_str(replacement.unwrap_or(escape));
        rest = behind;
    }
    mended.push_str(rest);
    Cow::Owned(mended)
}

/// The surrogate whose escape `text` begins with.
fn surrogate(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let code = u32::from_str_radix(digits, 16).ok()?;
    (0xd800..=0xdfff).contains(&code).then_some(code)
}

pub(super) fn one<C, D>(
    conn: &mut C,
    entry: &Entry,
    id: &str,
    document: &D,
) -> Result<(), SearchError>
where
    C: DatabaseConnection<Backend: SearchEngine>,
    D: Serialize + ?Sized,
{
    let document = Document::new::<C::Backend>(entry, id, &value(id, document)?)?;
    let documents = [document];
    let statements = C::Backend::write(entry, &documents, &Guard::None);
    atomically(conn, &statements).map(drop)
}

pub(super) fn many<C, I, D>(
    conn: &mut C,
    entry: &Entry,
    documents: impl IntoIterator<Item = (I, D)>,
) -> Result<usize, SearchError>
where
    C: DatabaseConnection<Backend: SearchEngine>,
    I: AsRef<str>,
    D: Serialize,
{
    all(
        conn,
        entry,
        documents.into_iter().map(|(id, document)| {
            let id = id.as_ref().to_owned();
            let document = value(&id, &document)?;
            Ok((id, document))
        }),
    )
}

pub(super) fn rows<'r, C, T>(
    conn: &mut C,
    entry: &Entry,
    rows: impl IntoIterator<Item = &'r T>,
) -> Result<usize, SearchError>
where
    C: DatabaseConnection<Backend: SearchEngine>,
    T: Searchable + 'r,
{
    all(
        conn,
        entry,
        rows.into_iter().map(|row| {
            let id = row.id();
            let document = row.document().map_err(|error| {
                SearchError::document(&id, format!("it has no form in JSON: {error}"))
            })?;
            Ok((id, document))
        }),
    )
}

/// In one transaction, where the connection has such.
fn all<C>(
    conn: &mut C,
    entry: &Entry,
    values: impl Iterator<Item = Result<(String, Value), SearchError>>,
) -> Result<usize, SearchError>
where
    C: DatabaseConnection<Backend: SearchEngine>,
{
    if !conn.has_transactions() {
        return chunks(conn, entry, values, |conn, documents| {
            let mut batches = batches::<C::Backend>(entry, documents, conn.bind_limit());
            batches.try_for_each(|now| {
                let statements = C::Backend::write(entry, now, &Guard::None);
                atomically(conn, &statements).map(drop)
            })
        });
    }
    // The lock wait the connection has is the one its user wants.
    let begin = |conn: &mut C| conn.begin_write(Duration::ZERO);
    let mut transaction = Transaction::begin(conn, begin).map_err(of::<C>)?;
    let conn = transaction.conn();
    if let Some(lock) = C::Backend::lock(entry) {
        conn.execute_returning_count(&lock).map_err(of::<C>)?;
    }
    let written = chunks(conn, entry, values, |conn, documents| {
        C::Backend::write_many(conn, entry, documents).map_err(of::<C>)
    })?;
    transaction.commit().map_err(of::<C>)?;
    Ok(written)
}

/// Has documents written, many at a time, and counts them.
fn chunks<C>(
    conn: &mut C,
    entry: &Entry,
    values: impl Iterator<Item = Result<(String, Value), SearchError>>,
    mut write: impl FnMut(&mut C, &[Document]) -> Result<(), SearchError>,
) -> Result<usize, SearchError>
where
    C: DatabaseConnection<Backend: SearchEngine>,
{
    let mut chunk = Chunk::default();
    let mut taken = 0;
    ahead::documents::<C::Backend>(entry, values, |document| {
        chunk.push(document);
        taken += 1;
        if chunk.documents.len() == CHUNK || chunk.bytes >= CHUNK_BYTES {
            write(conn, &chunk.documents)?;
            chunk.clear();
        }
        Ok(())
    })?;
    write(conn, &chunk.documents)?;
    Ok(taken)
}

/// Documents with ids that differ: the last of each.
#[derive(Default)]
struct Chunk {
    documents: Vec<Document>,
    places: HashMap<String, usize>,
    bytes: usize,
}

impl Chunk {
    fn push(&mut self, document: Document) {
        self.bytes += document.size();
        match self.places.get(&document.id).copied() {
            Some(place) => {
                if let Some(known) = self.documents.get_mut(place) {
                    *known = document;
                }
            }
            None => {
                self.places
                    .insert(document.id.clone(), self.documents.len());
                self.documents.push(document);
            }
        }
    }

    fn clear(&mut self) {
        self.documents.clear();
        self.places.clear();
        self.bytes = 0;
    }
}

/// The documents in as many parts as they take statements.
pub(crate) fn batches<'d, DB: SearchEngine>(
    entry: &Entry,
    mut documents: &'d [Document],
    bind_limit: usize,
) -> impl Iterator<Item = &'d [Document]> {
    std::iter::from_fn(move || {
        let count = DB::batch(entry, documents.len(), bind_limit);
        let (now, later) = documents.split_at(count.min(documents.len()));
        documents = later;
        (!now.is_empty()).then_some(now)
    })
}

/// The statements that write `documents`, whose ids differ.
pub(super) fn statements<'d, DB: SearchEngine>(
    entry: &Entry,
    documents: &'d [Document],
    guard: Guard,
    bind_limit: usize,
) -> Vec<Sql<'d>> {
    batches::<DB>(entry, documents, bind_limit)
        .flat_map(|now| DB::write(entry, now, &guard))
        .collect()
}

pub(super) fn delete<C>(conn: &mut C, index: &str, id: &str) -> Result<bool, SearchError>
where
    C: DatabaseConnection<Backend: SearchEngine>,
{
    if check_id(id).is_err() {
        return Ok(false);
    }
    let Some(entry) = catalogue::find(conn, index)? else {
        return Ok(false);
    };
    let changed = atomically(conn, &C::Backend::delete(&entry, &[id], &Guard::None))?;
    Ok(changed.last().is_some_and(|&count| count > 0))
}

/// Indexes documents of an older definition again, from where it was left off.
pub(super) fn reindex<C>(conn: &mut C, entry: &Entry, most: usize) -> Result<usize, SearchError>
where
    C: DatabaseConnection<Backend: SearchEngine>,
{
    let Some(done) = &entry.reindexed else {
        return Ok(0);
    };
    let most = most.clamp(1, CHUNK);
    let mut sql = Sql::new();
    sql.push(format!(
        "SELECT id, source FROM {} WHERE id > ",
        entry.documents()
    ));
    sql.bind(done.clone());
    sql.push(format!(
        " AND version < {} ORDER BY id LIMIT {most}",
        entry.definition.version
    ));
    let rows: Vec<(Option<String>, Option<String>)> = {
        let rows = conn.load(sql).map_err(of::<C>)?;
        rows.map(|row| {
            let row = row?;
            Ok((text(&row, 0), text(&row, 1)))
        })
        .collect::<diesel::QueryResult<_>>()
        .map_err(of::<C>)?
    };
    let unreadable = || SearchError::Unreadable {
        what: format!("a document of the index {}", entry.name),
    };
    let mut documents = Vec::with_capacity(rows.len());
    for (id, source) in rows {
        let id = id.ok_or_else(unreadable)?;
        let source: Value =
            serde_json::from_str(&source.ok_or_else(unreadable)?).map_err(|_| unreadable())?;
        documents.push(Document::new::<C::Backend>(entry, &id, &source)?);
    }
    let bind_limit = conn.bind_limit();
    let mut batch: Vec<Sql<'_>> = C::Backend::lock(entry).into_iter().collect();
    batch.extend(statements::<C::Backend>(
        entry,
        &documents,
        Guard::Older,
        bind_limit,
    ));
    let last = documents.last().map(|document| document.id.clone());
    batch.push(entry.set_reindexed(last));
    atomically(conn, &batch)?;
    Ok(documents.len())
}

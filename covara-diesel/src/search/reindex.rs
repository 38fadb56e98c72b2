//! Brings the documents of an index up to date with added fields and with the words that this
//! version produces.

use serde_json::Value;

use super::catalogue::{self, atomically};
use super::document::Documents;
use super::engine::{Guard, IndexEngine, SearchEngine};
use super::entry::Entry;
use super::error::SearchError;
use super::write::statements;
use crate::backend::connection::BackendConnection;
use crate::backend::sql::{Sql, text};

/// The maximum number of documents processed at a time.
const MOST: usize = 1_024;
/// The approximate maximum size of these documents, in bytes.
const MOST_BYTES: usize = 4 << 20;
/// The maximum number of faults that are reported.
const MOST_FAULTS: usize = 100;

/// The result of [`reindex`](super::reindex()).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
#[must_use = "it names the documents that could not be indexed as they should"]
pub struct Reindexed {
    /// The number of documents processed.
    pub documents: usize,
    /// The number of documents that were indexed only in part, or left unchanged.
    pub faulty: usize,
    /// The ids of the first 100 of these, and what is wrong with each.
    pub faults: Vec<(String, String)>,
}

impl Reindexed {
    fn fault(&mut self, index: &str, id: &str, error: &SearchError) {
        log::warn!("index {index}: {error}");
        self.faulty += 1;
        if self.faults.len() < MOST_FAULTS {
            self.faults.push((id.to_owned(), error.to_string()));
        }
    }
}

/// Brings an index up to date, step by step.
pub(super) fn all<C>(conn: &mut C, index: &str) -> Result<Reindexed, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    let mut report = Reindexed::default();
    loop {
        let entry = known(conn, index)?;
        let left = entry.reindexed.is_some() || entry.definition.is_outdated();
        let processed = step(conn, &entry, MOST, Columns::Add, &mut report)?;
        if processed == 0 && !left {
            return Ok(report);
        }
    }
}

/// The choice between adding the column that an index of an earlier version lacks and not: on
/// PostgreSQL that excludes all others from the index until the transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    Add,
    Leave,
}

/// Brings an index created by an earlier version up to date, and returns its new state.
pub(super) fn current<C>(
    conn: &mut C,
    mut entry: Entry,
    columns: Columns,
    report: &mut Reindexed,
) -> Result<Entry, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    while entry.definition.is_outdated() {
        step(conn, &entry, MOST, columns, report)?;
        entry = known(conn, &entry.name)?;
    }
    Ok(entry)
}

fn known<C>(conn: &mut C, index: &str) -> Result<Entry, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    catalogue::find(conn, index)?.ok_or_else(|| SearchError::UnknownIndex {
        index: index.to_owned(),
    })
}

/// Indexes up to `most` documents of an older definition or with older words again, continuing from
/// the stored progress, and returns how many it processed. It returns 0 when none are left.
pub(super) fn step<C>(
    conn: &mut C,
    entry: &Entry,
    most: usize,
    columns: Columns,
    report: &mut Reindexed,
) -> Result<usize, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    let begun = begin(conn, entry, columns)?;
    let entry = begun.as_ref().unwrap_or(entry);
    let Some(done) = &entry.reindexed else {
        return Ok(0);
    };
    let rows = read(conn, entry, done, most.clamp(1, MOST))?;
    let last = rows.last().map(|(id, _)| id.clone());
    let count = rows.len();
    let mut documents = Documents::default();
    for (id, source) in rows {
        add(conn, entry, &mut documents, &id, source, report);
    }
    let documents = documents.all();
    let bind_limit = conn.most_binds();
    let mut batch: Vec<Sql<'_>> = C::Backend::lock(entry).into_iter().collect();
    batch.extend(statements::<C::Backend>(
        entry,
        documents,
        Guard::Older,
        bind_limit,
    ));
    batch.push(match last {
        None if entry.definition.is_becoming_current() => entry.set_current(),
        last => entry.set_reindexed(last),
    });
    atomically(conn, &batch)?;
    report.documents += count;
    Ok(count)
}

/// Marks an index of an earlier version as being brought up to date, unless it is, and returns its
/// new state.
fn begin<C>(conn: &mut C, entry: &Entry, columns: Columns) -> Result<Option<Entry>, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    let definition = &entry.definition;
    let lead = if definition.has_lead() || columns == Columns::Leave {
        None
    } else {
        C::Backend::add_lead(conn, entry)?
    };
    let outdated = definition.is_outdated() && !definition.is_becoming_current();
    if !outdated && lead.is_none() {
        return Ok(None);
    }
    let definition = definition.becoming_current(lead.is_some());
    // In the order in which `add_fields` takes its locks.
    let mut statements: Vec<Sql<'_>> = C::Backend::lock(entry).into_iter().collect();
    statements.push(entry.set_definition(&definition));
    statements.extend(lead.into_iter().flatten());
    let changed = atomically(conn, &statements);
    let now = known(conn, &entry.name)?;
    // If another process has changed the definition meanwhile, that change applies.
    if now.definition == entry.definition {
        changed?;
    }
    Ok(Some(now))
}

/// Adds a document, as far as it can be indexed.
fn add<C>(
    _: &C,
    entry: &Entry,
    documents: &mut Documents,
    id: &str,
    source: Option<String>,
    report: &mut Reindexed,
) where
    C: BackendConnection<Backend: SearchEngine>,
{
    let source = source.and_then(|source| serde_json::from_str::<Value>(&source).ok());
    let Some(source) = source else {
        let error = SearchError::document(id, "its stored text is not JSON");
        return report.fault(&entry.name, id, &error);
    };
    let Err(error) = documents.push::<C::Backend>(entry, id, &source) else {
        return;
    };
    report.fault(&entry.name, id, &error);
    // If that fails too, the document is left unchanged.
    let _ = documents.push_row::<C::Backend>(entry, id, &source);
}

/// Reads the next documents with their ids: as many as fit in a batch, but at least one.
fn read<C>(
    conn: &mut C,
    entry: &Entry,
    after: &str,
    most: usize,
) -> Result<Vec<(String, Option<String>)>, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    let table = entry.documents();
    let mut sql = Sql::new();
    sql.push(format!(
        "SELECT d.id, d.source FROM (
             SELECT id, sum(bytes) OVER (ORDER BY id) - bytes AS before FROM (
                 SELECT id, octet_length(source) AS bytes FROM {table} WHERE id > "
    ));
    sql.bind(after.to_owned());
    sql.push(format!(
        " AND version < {} ORDER BY id LIMIT ",
        entry.definition.row_version()
    ));
    sql.bind(i64::try_from(most).unwrap_or(i64::MAX));
    sql.push(format!(
        ") AS a) AS b JOIN {table} AS d ON d.id = b.id WHERE b.before < {MOST_BYTES} ORDER BY d.id"
    ));
    let mut found = Vec::new();
    for row in conn.load(sql)? {
        let row = row?;
        let id = text(&row, 0).ok_or_else(|| SearchError::Unreadable {
            what: format!("a document of the index {}", entry.name),
        })?;
        found.push((id, text(&row, 1)));
    }
    Ok(found)
}

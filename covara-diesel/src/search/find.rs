//! Searches and look-ups of documents.

use std::collections::BTreeMap;

use diesel::row::Row;
use serde_json::Value;

use super::catalogue;
use super::definition::FieldKind;
use super::document::check_id;
use super::engine::{ReadEngine, SearchEngine};
use super::entry::{Entry, double};
use super::error::SearchError;
use super::facet::{Facet, FacetCount};
use super::highlight::highlights;
use super::plan::Plan;
use super::query::{SearchHit, SearchQuery, SearchResult};
use super::reindex::{self, Columns, Reindexed};
use super::terms::Terms;
use super::{cursor, facet_counts, refresh, suggestion, vocabulary};
use crate::backend::connection::BackendConnection;
use crate::backend::error::ErrorKind;
use crate::backend::sql::{Bind, Sql, integer, text, with_text};

pub(super) fn one<C>(conn: &mut C, index: &str, id: &str) -> Result<Option<Value>, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    if check_id(id).is_err() {
        return Ok(None);
    }
    let Some(entry) = catalogue::find(conn, index)? else {
        return Ok(None);
    };
    refresh::before_search(conn, &entry);
    let mut sql = Sql::new();
    sql.push(format!(
        "SELECT source FROM {} WHERE id = ",
        entry.documents()
    ));
    sql.bind(id);
    let mut rows = conn.load(sql)?;
    let row = rows.next().transpose()?;
    row.map(|row| source(&entry, &row, 0)).transpose()
}

/// Reads a document from a column of a row.
fn source<'r, DB: SearchEngine>(
    entry: &Entry,
    row: &impl Row<'r, DB>,
    column: usize,
) -> Result<Value, SearchError> {
    with_text(row, column, |text| serde_json::from_str(text).ok())
        .flatten()
        .ok_or_else(|| SearchError::Unreadable {
            what: format!("a document of the index {}", entry.name),
        })
}

pub(super) fn search<C>(
    conn: &mut C,
    index: &str,
    query: &SearchQuery,
) -> Result<SearchResult, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    // A query without words needs no access to the database.
    let Some(mut terms) = Terms::parse(query)? else {
        return Ok(nothing(query));
    };
    let Some(entry) = catalogue::find(conn, index)? else {
        return Ok(nothing(query));
    };
    let entry = current(conn, entry)?;
    refresh::before_search(conn, &entry);
    let typed = match query.fuzzy || query.did_you_mean {
        true => terms.words_in(query),
        false => Vec::new(),
    };
    let words = typed.iter().map(|typed| typed.word.clone()).collect();
    let near = vocabulary::near(conn, &entry, words)?;
    let did_you_mean = match query.did_you_mean {
        true => suggestion::suggestion(conn, &entry, query, &typed, &near)?,
        false => None,
    };
    if query.fuzzy {
        terms.add_near(near);
    }
    let mut plan = Plan::new::<C::Backend>(&entry, &terms, query)?;
    let facets = facet_counts::resolve::<C::Backend>(&entry, &query.facets)?;
    if plan.slots.is_empty() {
        return Ok(nothing(query));
    }
    if plan.needs_rarities() {
        plan.rarities = C::Backend::rarities(conn, &entry, &plan)?;
    }
    let mut page = match plan.size {
        0 => Page::default(),
        _ => page(conn, &entry, &plan)?,
    };
    if let Some(highlight) = &query.highlight {
        for hit in &mut page.hits {
            hit.highlights = highlights(&entry.definition, &plan, &hit.source, highlight);
        }
    }
    let total = match page.total {
        Some(total) => total,
        None => total(conn, &entry, &plan, page.hits.len())?,
    };
    let facets = match total {
        0 => no_counts(query),
        _ => facets
            .iter()
            .map(|facet| facet_counts::counts(conn, &entry, &plan, facet))
            .collect::<Result<_, _>>()?,
    };
    Ok(SearchResult {
        facets,
        did_you_mean,
        hits: page.hits,
        total,
        more: query.bound.is_some_and(|bound| total >= bound),
        cursor: page.cursor,
    })
}

/// Returns the result of a query that no document matches.
fn nothing(query: &SearchQuery) -> SearchResult {
    SearchResult {
        facets: no_counts(query),
        ..SearchResult::default()
    }
}

fn no_counts(query: &SearchQuery) -> Vec<Vec<FacetCount>> {
    query.facets.iter().map(Facet::none).collect()
}

/// Tells whether the database refuses this connection to write, rather than being in trouble.
fn may_not(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ReadOnly | ErrorKind::Cancelled | ErrorKind::Other
    )
}

/// Brings an index of an older version up to date. Otherwise a word that is now stemmed differently
/// would match only some of its documents, and nobody would notice that the others are missing.
fn current<C>(conn: &mut C, entry: Entry) -> Result<Entry, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    if !entry.definition.is_outdated() {
        return Ok(entry);
    }
    let index = entry.name.clone();
    match reindex::current(conn, entry, Columns::Leave, &mut Reindexed::default()) {
        Err(SearchError::Database(error)) if may_not(error.kind()) => Err(SearchError::Outdated {
            index,
            source: Box::new(error.into()),
        }),
        result => result,
    }
}

#[derive(Default)]
struct Page {
    hits: Vec<SearchHit>,
    /// The cursor at the end of the page, if the page is full.
    cursor: Option<String>,
    /// The number of hits on all pages, if the engine returns it.
    total: Option<usize>,
}

fn page<C>(conn: &mut C, entry: &Entry, plan: &Plan<'_>) -> Result<Page, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    let mut page = Page::default();
    for row in conn.load(C::Backend::page(entry, plan))? {
        let row = row?;
        let hit = SearchHit {
            id: text(&row, 0).unwrap_or_default(),
            score: double(&row, 1).unwrap_or(0.0),
            source: source(entry, &row, 2)?,
            highlights: BTreeMap::new(),
        };
        if page.hits.is_empty() {
            page.total = integer(&row, 3).and_then(|total| usize::try_from(total).ok());
        }
        if page.hits.len() + 1 == plan.query().size {
            let values = sort_values(plan, &row, hit.score);
            page.cursor = Some(cursor::write(&values, &hit.id, &plan.rarities));
        }
        page.hits.push(hit);
    }
    Ok(page)
}

/// Returns the values by which a row of a page is sorted.
fn sort_values<'r, DB: SearchEngine>(
    plan: &Plan<'_>,
    row: &impl Row<'r, DB>,
    score: f64,
) -> Vec<Bind<'static>> {
    let mut columns = 4..;
    let values = plan.orders.iter().map(|order| {
        let Some((_, kind)) = order.column else {
            return Bind::Double(Some(score));
        };
        let column = columns.next().unwrap_or(0);
        match kind {
            FieldKind::Float => Bind::Double(double(row, column)),
            FieldKind::Keyword | FieldKind::Text => Bind::Text(text(row, column).map(Into::into)),
            _ => Bind::Integer(integer(row, column)),
        }
    });
    values.collect()
}

/// Returns how many documents of an index match a query.
pub(super) fn count<C>(
    conn: &mut C,
    entry: &Entry,
    query: &SearchQuery,
) -> Result<usize, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    let Some(terms) = Terms::parse(query)? else {
        return Ok(0);
    };
    let plan = Plan::new::<C::Backend>(entry, &terms, query)?;
    if plan.slots.is_empty() {
        return Ok(0);
    }
    counted(conn, entry, &plan)
}

/// Returns the number of matches, of which `found` are on the page.
fn total<C>(
    conn: &mut C,
    entry: &Entry,
    plan: &Plan<'_>,
    found: usize,
) -> Result<usize, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    let query = plan.query();
    // A page that is not full is the last one, so it determines the total.
    let tells = found < query.size && (found > 0 || query.from == 0) && !plan.has_cursor();
    if tells {
        return Ok(query.from + found);
    }
    counted(conn, entry, plan)
}

fn counted<C>(conn: &mut C, entry: &Entry, plan: &Plan<'_>) -> Result<usize, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    let mut rows = conn.load(C::Backend::count(entry, plan))?;
    let row = rows.next().transpose()?;
    let count = row.and_then(|row| integer(&row, 0)).unwrap_or(0);
    Ok(usize::try_from(count).unwrap_or(0))
}

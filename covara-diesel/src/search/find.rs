//! Finds documents.

use std::collections::BTreeMap;

use diesel::QueryResult;
use serde_json::Value;

use super::catalogue::{self, of};
use super::definition::FieldKind;
use super::document::check_id;
use super::engine::SearchEngine;
use super::entry::{Entry, double, integer, text};
use super::error::SearchError;
use super::highlight::highlights;
use super::plan::{Order, Plan};
use super::query::{SearchHit, SearchQuery, SearchResult};
use super::sql::{Bind, Sql};
use super::terms::Terms;
use super::{cursor, watch};
use crate::connection::DatabaseConnection;

pub(super) fn one<C>(conn: &mut C, index: &str, id: &str) -> Result<Option<Value>, SearchError>
where
    C: DatabaseConnection<Backend: SearchEngine>,
{
    if check_id(id).is_err() {
        return Ok(None);
    }
    let Some(entry) = catalogue::find(conn, index)? else {
        return Ok(None);
    };
    watch::refresh_if_possible(conn, &entry)?;
    let mut sql = Sql::new();
    sql.push(format!(
        "SELECT source FROM {} WHERE id = ",
        entry.documents()
    ));
    sql.bind(id);
    let source = {
        let mut rows = conn.load(sql).map_err(of::<C>)?;
        match rows.next() {
            Some(row) => text(&row.map_err(of::<C>)?, 0),
            None => return Ok(None),
        }
    };
    json(&entry, source).map(Some)
}

fn json(entry: &Entry, source: Option<String>) -> Result<Value, SearchError> {
    source
        .and_then(|source| serde_json::from_str(&source).ok())
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
    C: DatabaseConnection<Backend: SearchEngine>,
{
    // Without a word there is nothing to ask the database.
    let Some(terms) = Terms::parse(&query.query, query.syntax)? else {
        return Ok(SearchResult::default());
    };
    let Some(entry) = catalogue::find(conn, index)? else {
        return Ok(SearchResult::default());
    };
    watch::refresh_if_possible(conn, &entry)?;
    let plan = Plan::new(&entry, &terms, query)?;
    if plan.slots.is_empty() {
        return Ok(SearchResult::default());
    }
    let (found, counted) = if plan.size == 0 {
        (Vec::new(), None)
    } else {
        page(conn, &entry, &plan)?
    };
    let last = found
        .last()
        .map(|(hit, values)| cursor::write(values, &hit.id));
    let cursor = last.filter(|_| found.len() == query.size);
    let mut hits = Vec::with_capacity(found.len());
    for (mut hit, _) in found {
        if let Some(highlight) = &query.highlight {
            hit.highlights = highlights(&entry.definition, &plan, &hit.source, highlight);
        }
        hits.push(hit);
    }
    let total = match counted {
        Some(total) => total,
        None => total(conn, &entry, &plan, hits.len())?,
    };
    Ok(SearchResult {
        hits,
        total,
        more: query.bound.is_some_and(|bound| total >= bound),
        cursor,
    })
}

/// A hit and the values that it is sorted by.
type Placed = (SearchHit, Vec<Bind<'static>>);

/// The hits of a page, and how many there are on all, if the engine tells.
fn page<C>(
    conn: &mut C,
    entry: &Entry,
    plan: &Plan<'_>,
) -> Result<(Vec<Placed>, Option<usize>), SearchError>
where
    C: DatabaseConnection<Backend: SearchEngine>,
{
    let mut total = None;
    let rows: Vec<_> = {
        let rows = conn.load(C::Backend::page(entry, plan)).map_err(of::<C>)?;
        rows.map(|row| {
            let row = row?;
            let score = double(&row, 1).unwrap_or(0.0);
            total = total.or_else(|| integer(&row, 3));
            let mut column = 4;
            let values: Vec<Bind<'static>> = plan
                .orders
                .iter()
                .map(|Order { column: field, .. }| match field {
                    None => Bind::Double(Some(score)),
                    Some((_, kind)) => {
                        column += 1;
                        match kind {
                            FieldKind::Float => Bind::Double(double(&row, column - 1)),
                            FieldKind::Keyword | FieldKind::Text => {
                                Bind::Text(text(&row, column - 1).map(Into::into))
                            }
                            _ => Bind::Integer(integer(&row, column - 1)),
                        }
                    }
                })
                .collect();
            Ok((text(&row, 0), score, text(&row, 2), values))
        })
        .collect::<QueryResult<_>>()
        .map_err(of::<C>)?
    };
    let hits = rows.into_iter().map(|(id, score, source, values)| {
        let hit = SearchHit {
            id: id.unwrap_or_default(),
            score,
            source: json(entry, source)?,
            highlights: BTreeMap::new(),
        };
        Ok((hit, values))
    });
    let total = total.and_then(|total| usize::try_from(total).ok());
    Ok((hits.collect::<Result<_, SearchError>>()?, total))
}

/// How many match.
fn total<C>(
    conn: &mut C,
    entry: &Entry,
    plan: &Plan<'_>,
    found: usize,
) -> Result<usize, SearchError>
where
    C: DatabaseConnection<Backend: SearchEngine>,
{
    let query = plan.query();
    // A page that is not full is the last one, and it tells.
    let tells = found < query.size && (found > 0 || query.from == 0) && !plan.has_cursor();
    if tells {
        return Ok(query.from + found);
    }
    let mut rows = conn.load(C::Backend::count(entry, plan)).map_err(of::<C>)?;
    let row = rows.next().transpose().map_err(of::<C>)?;
    let count = row.and_then(|row| integer(&row, 0)).unwrap_or(0);
    Ok(usize::try_from(count).unwrap_or(0))
}

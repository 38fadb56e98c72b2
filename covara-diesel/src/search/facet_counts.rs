//! Counts the values of facets in the database.

use chrono::DateTime;
use diesel::row::Row;

use super::condition::Filters;
use super::definition::FieldKind;
use super::engine::{ReadEngine, SearchEngine};
use super::entry::{Entry, double};
use super::error::SearchError;
use super::facet::{Counted, Facet, FacetCount};
use super::filter::FilterValue;
use super::plan::Plan;
use super::values::SearchValues;
use crate::backend::connection::BackendConnection;
use crate::backend::sql::{Sql, integer, text};

/// The maximum number of ranges of a facet: each takes two binds, of which D1 has 100.
const MOST_RANGES: usize = 32;

/// A facet whose field is resolved.
#[derive(Debug)]
pub(super) struct FieldFacet {
    number: usize,
    kind: FieldKind,
    counted: Counting,
}

#[derive(Debug)]
enum Counting {
    /// At most that many values.
    Values(i64),
    Ranges(Filters),
}

/// Resolves the facets of a query.
pub(super) fn resolve<DB: SearchValues>(
    entry: &Entry,
    facets: &[Facet],
) -> Result<Vec<FieldFacet>, SearchError> {
    let facets = facets.iter();
    facets.map(|facet| resolved::<DB>(entry, facet)).collect()
}

fn resolved<DB: SearchValues>(entry: &Entry, facet: &Facet) -> Result<FieldFacet, SearchError> {
    let (number, field) = entry.column_field(&facet.field, "counted")?;
    let counted = match &facet.counted {
        Counted::Values(most) => Counting::Values(i64::try_from(*most).unwrap_or(i64::MAX)),
        Counted::Ranges(ranges) if ranges.len() > MOST_RANGES => {
            return Err(SearchError::TooManyValues {
                field: facet.field.clone(),
                most: MOST_RANGES,
            });
        }
        Counted::Ranges(ranges) => Counting::Ranges(Filters::new::<DB>(entry, ranges)?),
    };
    Ok(FieldFacet {
        number,
        kind: field.kind(),
        counted,
    })
}

/// Returns the counts of a facet: values from the most frequent one on, equally frequent ones in
/// their order, or ranges as they were given.
pub(super) fn counts<C>(
    conn: &mut C,
    entry: &Entry,
    plan: &Plan<'_>,
    facet: &FieldFacet,
) -> Result<Vec<FacetCount>, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    match &facet.counted {
        Counting::Values(most) => values(conn, entry, plan, facet, *most),
        Counting::Ranges(ranges) => in_ranges(conn, entry, plan, facet, ranges),
    }
}

fn values<C>(
    conn: &mut C,
    entry: &Entry,
    plan: &Plan<'_>,
    facet: &FieldFacet,
    most: i64,
) -> Result<Vec<FacetCount>, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    let column = format!("d.c{} AS v", facet.number);
    let (value_of, each) = match facet.kind {
        FieldKind::Keywords => {
            let (before, after) = C::Backend::EACH;
            let each = format!(" CROSS JOIN {before}m.v{after}");
            (C::Backend::ITEM, each)
        }
        _ => ("m.v", String::new()),
    };
    let mut sql = Sql::new();
    sql.push(format!("SELECT {value_of}, count(*) FROM ("));
    sql.append(C::Backend::matches(entry, plan, &column));
    sql.push(format!(
        ") AS m{each} WHERE {value_of} IS NOT NULL \
         GROUP BY {value_of} ORDER BY count(*) DESC, {value_of} LIMIT CAST("
    ));
    sql.bind(most).push(" AS bigint)");
    let mut counts = Vec::new();
    for row in conn.load(sql)? {
        let row = row?;
        counts.push(FacetCount::new(value(facet.kind, &row), integer(&row, 1)));
    }
    Ok(counts)
}

/// Reads a value from the first column.
fn value<'r, DB: SearchEngine>(kind: FieldKind, row: &impl Row<'r, DB>) -> Option<FilterValue> {
    Some(match kind {
        FieldKind::Text | FieldKind::Keyword | FieldKind::Keywords => text(row, 0)?.into(),
        FieldKind::Integer => integer(row, 0)?.into(),
        FieldKind::Float => double(row, 0)?.into(),
        FieldKind::Boolean => (integer(row, 0)? != 0).into(),
        FieldKind::Date => DateTime::from_timestamp_micros(integer(row, 0)?)?.into(),
    })
}

fn in_ranges<C>(
    conn: &mut C,
    entry: &Entry,
    plan: &Plan<'_>,
    facet: &FieldFacet,
    ranges: &Filters,
) -> Result<Vec<FacetCount>, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    if ranges.conditions.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new();
    for (at, range) in ranges.conditions.iter().enumerate() {
        sql.push(if at > 0 { ", " } else { "SELECT " });
        sql.push("count(CASE WHEN ");
        range.push::<C::Backend>(&mut sql);
        sql.push(" THEN 1 END)");
    }
    sql.push(" FROM (");
    let column = format!("d.c{}", facet.number);
    sql.append(C::Backend::matches(entry, plan, &column));
    sql.push(") AS d");
    if ranges.is_rare() {
        sql.set_once();
    }
    let mut rows = conn.load(sql)?;
    let row = rows.next().transpose()?;
    let counts = (0..ranges.conditions.len()).map(|column| {
        let count = row.as_ref().and_then(|row| integer(row, column));
        FacetCount::new(None, count)
    });
    Ok(counts.collect())
}

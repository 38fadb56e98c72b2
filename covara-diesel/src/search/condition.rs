//! The conditions of a query as SQL.

use std::ops::Bound;

use super::definition::FieldKind;
use super::document::{date, keyword};
use super::entry::Entry;
use super::error::SearchError;
use super::filter::{Condition, FieldCondition, Filter, FilterValue};
use super::values::SearchValues;
use crate::backend::sql::{Bind, Sql};

/// The maximum number of values in a filter.
const MOST_VALUES: usize = 65_536;

/// The maximum number of floats in a filter: a power of two below the bind limit of every local
/// engine.
const MOST_FLOATS: usize = 16_384;

fn most_values(kind: FieldKind) -> usize {
    match kind {
        FieldKind::Float => MOST_FLOATS,
        _ => MOST_VALUES,
    }
}

/// The maximum number of conditions of a query.
const MOST_CONDITIONS: usize = 256;

/// The maximum number of conditions in each other. D1's expressions may be 100 deep, and so may
/// libSQL's parser be; one condition takes about four.
const MOST_DEPTH: usize = 16;

/// The number of conditions in a row: the database's parser puts each into the one before it.
const MOST_IN_A_ROW: usize = 8;

/// The number of conditions up to which a statement is kept: with more, they are of any number, and
/// each number is a statement of its own.
const FEW_CONDITIONS: usize = 8;

/// The filters of a query, on the columns of its documents.
#[derive(Debug)]
pub(super) struct Filters {
    pub(super) conditions: Vec<ColumnFilter>,
    /// The number of conditions, with those in other ones.
    count: usize,
}

impl Filters {
    pub(super) fn new<DB: SearchValues>(
        entry: &Entry,
        filters: &[Filter],
    ) -> Result<Self, SearchError> {
        let mut count = 0;
        let conditions = columns::<DB>(entry, filters, MOST_DEPTH, &mut count)?;
        Ok(Self { conditions, count })
    }

    /// Returns whether a statement with these filters is hardly executed again.
    pub(super) fn is_rare(&self) -> bool {
        self.count > FEW_CONDITIONS
    }
}

/// A condition, by the numbers of the fields.
#[derive(Debug)]
pub(super) enum ColumnFilter {
    Column(usize, ColumnCondition),
    /// A condition that one of several keywords must satisfy.
    Each(usize, ColumnCondition),
    Not(Box<Self>),
    Any(Vec<Self>),
    All(Vec<Self>),
}

#[derive(Debug)]
pub(super) enum ColumnCondition {
    Is(Bind<'static>),
    /// All values in one bind, however many they are.
    OneOf(Bind<'static>),
    /// A bind for each value: not every version of SQLite reads a float in a list exactly.
    OneOfFloats(Vec<Bind<'static>>),
    Never,
    Range(Bound<Bind<'static>>, Bound<Bind<'static>>),
    Present,
}

impl ColumnFilter {
    /// Appends the condition on the documents `d`.
    pub(super) fn push<DB: SearchValues>(&self, sql: &mut Sql<'_>) {
        match self {
            Self::Column(number, condition) => condition.push::<DB>(&format!("d.c{number}"), sql),
            Self::Each(number, condition) => {
                let (before, after) = DB::EACH;
                sql.push(format!(
                    "EXISTS (SELECT 1 FROM {before}d.c{number}{after} WHERE "
                ));
                condition.push::<DB>(DB::ITEM, sql);
                sql.push(")");
            }
            // Without a value, a condition is NULL.
            Self::Not(filter) => {
                sql.push("NOT COALESCE(");
                filter.push::<DB>(sql);
                sql.push(", false)");
            }
            Self::Any(filters) => joined::<DB>(filters, "false", " OR ", sql),
            Self::All(filters) => joined::<DB>(filters, "true", " AND ", sql),
        }
    }
}

/// Appends the conditions with an operator between them, or what none of them means.
pub(super) fn joined<DB: SearchValues>(
    filters: &[ColumnFilter],
    none: &'static str,
    operator: &'static str,
    sql: &mut Sql<'_>,
) {
    sql.push("(");
    if filters.is_empty() {
        sql.push(none);
    }
    if filters.len() > MOST_IN_A_ROW {
        let (first, second) = filters.split_at(filters.len() / 2);
        joined::<DB>(first, none, operator, sql);
        sql.push(operator);
        joined::<DB>(second, none, operator, sql);
    } else {
        for (at, filter) in filters.iter().enumerate() {
            sql.push(if at > 0 { operator } else { "" });
            filter.push::<DB>(sql);
        }
    }
    sql.push(")");
}

impl ColumnCondition {
    /// Appends the condition on a value, given as SQL.
    fn push<DB: SearchValues>(&self, value_of: &str, sql: &mut Sql<'_>) {
        match self {
            Self::Present => {
                sql.push(format!("{value_of} IS NOT NULL"));
            }
            Self::Never => {
                sql.push("false");
            }
            Self::Is(value) => {
                sql.push(format!("{value_of} IN ("));
                sql.bind(value.clone()).push(")");
            }
            Self::OneOfFloats(values) => {
                sql.push(format!("{value_of} IN ("));
                for (at, value) in values.iter().enumerate() {
                    sql.push(if at > 0 { ", " } else { "" });
                    sql.bind(value.clone());
                }
                sql.push(")");
            }
            Self::OneOf(values) => {
                let (before, after) = DB::ONE_OF;
                sql.push(format!("{value_of}{before}"));
                sql.bind(values.clone()).push(after);
            }
            Self::Range(start, end) => {
                sql.push("(");
                let sides = [(start, ">=", ">"), (end, "<=", "<")];
                for (side, or_equal, strict) in sides {
                    let (operator, value) = match side {
                        Bound::Included(value) => (or_equal, value),
                        Bound::Excluded(value) => (strict, value),
                        Bound::Unbounded => continue,
                    };
                    sql.push(format!("{value_of} {operator} "));
                    sql.bind(value.clone()).push(" AND ");
                }
                sql.push(format!("{value_of} IS NOT NULL)"));
            }
        }
    }
}

/// Resolves filters, which may be `depth` in each other, and counts them.
fn columns<DB: SearchValues>(
    entry: &Entry,
    filters: &[Filter],
    depth: usize,
    count: &mut usize,
) -> Result<Vec<ColumnFilter>, SearchError> {
    let filters = filters.iter();
    filters
        .map(|filter| column::<DB>(entry, filter, depth, count))
        .collect()
}

fn column<DB: SearchValues>(
    entry: &Entry,
    filter: &Filter,
    depth: usize,
    count: &mut usize,
) -> Result<ColumnFilter, SearchError> {
    let Some(inner) = depth.checked_sub(1) else {
        return Err(SearchError::ConditionsTooDeep { most: MOST_DEPTH });
    };
    *count += 1;
    if *count > MOST_CONDITIONS {
        return Err(SearchError::TooManyConditions {
            most: MOST_CONDITIONS,
        });
    }
    Ok(match &filter.0 {
        Condition::Field(name, condition) => on_field::<DB>(entry, name, condition)?,
        Condition::Not(filter) => {
            ColumnFilter::Not(Box::new(column::<DB>(entry, filter, inner, count)?))
        }
        Condition::Any(filters) => ColumnFilter::Any(columns::<DB>(entry, filters, inner, count)?),
        Condition::All(filters) => ColumnFilter::All(columns::<DB>(entry, filters, inner, count)?),
    })
}

fn on_field<DB: SearchValues>(
    entry: &Entry,
    name: &str,
    condition: &FieldCondition,
) -> Result<ColumnFilter, SearchError> {
    let (number, field) = entry.column_field(name, "filtered")?;
    let bind = |value: &FilterValue| {
        bind(field.kind(), value).ok_or_else(|| SearchError::FilterValue {
            field: name.to_owned(),
            kind: field.kind(),
            value: format!("{value:?}"),
        })
    };
    let side = |side: &Bound<FilterValue>| {
        Ok::<_, SearchError>(match side {
            Bound::Included(value) => Bound::Included(bind(value)?),
            Bound::Excluded(value) => Bound::Excluded(bind(value)?),
            Bound::Unbounded => Bound::Unbounded,
        })
    };
    let condition = match condition {
        FieldCondition::Present => ColumnCondition::Present,
        FieldCondition::OneOf(values) if values.len() > most_values(field.kind()) => {
            return Err(SearchError::TooManyValues {
                field: name.to_owned(),
                most: most_values(field.kind()),
            });
        }
        FieldCondition::OneOf(values) => match values.as_slice() {
            [] => ColumnCondition::Never,
            [value] => ColumnCondition::Is(bind(value)?),
            values => {
                let mut values: Vec<_> = values.iter().map(bind).collect::<Result<_, _>>()?;
                if field.kind() == FieldKind::Float {
                    // Using few lengths keeps the number of statements small.
                    let last = values.last().cloned();
                    let length = values.len().next_power_of_two();
                    values.extend(last.into_iter().cycle().take(length - values.len()));
                    ColumnCondition::OneOfFloats(values)
                } else {
                    ColumnCondition::OneOf(DB::list(values))
                }
            }
        },
        FieldCondition::Range(start, end) => ColumnCondition::Range(side(start)?, side(end)?),
    };
    Ok(match field.kind() {
        FieldKind::Keywords => ColumnFilter::Each(number, condition),
        _ => ColumnFilter::Column(number, condition),
    })
}

fn bind(kind: FieldKind, value: &FilterValue) -> Option<Bind<'static>> {
    Some(match (kind, value) {
        (FieldKind::Keyword | FieldKind::Keywords, FilterValue::Text(text)) => keyword(text).into(),
        (FieldKind::Integer, FilterValue::Integer(number)) => (*number).into(),
        #[expect(clippy::cast_precision_loss, reason = "the field holds no more")]
        (FieldKind::Float, FilterValue::Integer(number)) => (*number as f64).into(),
        (FieldKind::Float, FilterValue::Float(number)) if !number.is_nan() => (*number).into(),
        (FieldKind::Boolean, FilterValue::Boolean(value)) => i64::from(*value).into(),
        (FieldKind::Date, FilterValue::Date(time)) => time.timestamp_micros().into(),
        (FieldKind::Date, FilterValue::Text(text)) => date(text)?.timestamp_micros().into(),
        _ => return None,
    })
}

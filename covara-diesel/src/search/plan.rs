//! A query whose fields are resolved.

use std::ops::Bound;

use super::cursor;
use super::definition::{Field, FieldKind, IndexDefinition};
use super::document::{date, keyword};
use super::entry::{Entry, LEAD};
use super::error::SearchError;
use super::lead::NamedLead;
use super::query::{Filter, FilterCondition, FilterValue, SearchQuery, Sort};
use super::terms::{Matching, Terms};
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

/// What is added to the score of a document that consists of the query's words. bm25 is at most
/// 2.2 for each phrase and unit of rarity: below 535,000 for the words that a query may have.
const IS_NAMED: &str = "2e6";
/// What is added to the score of a document that begins with the query's words.
const BEGINS_SO: &str = "1e6";

/// What is added to the score of a document with all words, if one suffices.
pub(crate) const HAS_ALL: &str = "6e5";

/// A query for the engine.
#[derive(Debug)]
pub struct Plan<'q> {
    pub(crate) matching: Matching,
    /// The numbers of the fields to search, among the searched fields.
    pub(crate) slots: Vec<usize>,
    /// The weight of each searched field.
    pub(crate) weights: Vec<f64>,
    /// The documents that come first.
    lead: Option<NamedLead>,
    /// The version of documents whose lead is that of the definition.
    version: i64,
    pub(crate) orders: Vec<Order>,
    /// The values of [`orders`](Self::orders) and the id after which the page begins.
    after: Option<(Vec<Bind<'static>>, String)>,
    filters: Vec<(usize, ColumnFilter)>,
    pub(crate) from: i64,
    pub(crate) size: i64,
    pub(crate) bound: Option<i64>,
    query: &'q SearchQuery,
}

/// A criterion of the sort order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    /// The number and kind of the field; `None` is the score.
    pub(crate) column: Option<(usize, FieldKind)>,
    pub(crate) descending: bool,
}

#[derive(Debug)]
enum ColumnFilter {
    Is(Bind<'static>),
    /// All values in one bind, however many they are.
    OneOf(Bind<'static>),
    /// A bind for each value: not every version of SQLite reads a float in a list exactly.
    OneOfFloats(Vec<Bind<'static>>),
    Never,
    Range(Bound<Bind<'static>>, Bound<Bind<'static>>),
    Present,
}

impl<'q> Plan<'q> {
    pub(super) fn new<DB: SearchValues>(
        entry: &Entry,
        terms: &Terms<'_>,
        query: &'q SearchQuery,
    ) -> Result<Self, SearchError> {
        let definition = &entry.definition;
        let slots = slots(entry, &query.fields)?;
        let mut weights: Vec<f64> = definition
            .searched()
            .map(|(_, field)| field.default_weight())
            .collect();
        for (name, &weight) in &query.field_weights {
            let slot = slot(entry, name)?;
            if !weight.is_finite() || weight < 0.0 {
                return Err(SearchError::Weight {
                    field: name.clone(),
                });
            }
            if let Some(known) = weights.get_mut(slot) {
                *known = weight;
            }
        }
        let mut orders: Vec<Order> = query
            .sort
            .iter()
            .map(|sort| order(entry, sort))
            .collect::<Result<_, _>>()?;
        if orders.is_empty() {
            orders.push(Order {
                column: None,
                descending: true,
            });
        }
        let lead = match orders.iter().any(|order| order.column.is_none()) {
            true if query.exact_first => named(entry, terms, &slots, &weights),
            _ => None,
        };
        let after = query.cursor.as_ref();
        let after = after.map(|text| cursor::read(text, &orders).ok_or(SearchError::Cursor));
        Ok(Self {
            matching: terms.in_fields(definition, &slots),
            slots,
            weights,
            lead,
            version: definition.row_version(),
            after: after.transpose()?,
            orders,
            filters: query
                .filters
                .iter()
                .map(|filter| column_filter::<DB>(entry, filter))
                .collect::<Result<_, _>>()?,
            from: number(query.from),
            size: number(query.size),
            bound: query.bound.map(number),
            query,
        })
    }

    pub(crate) fn query(&self) -> &'q SearchQuery {
        self.query
    }

    pub fn has_filters(&self) -> bool {
        !self.filters.is_empty()
    }

    pub(crate) fn has_cursor(&self) -> bool {
        self.after.is_some()
    }

    /// Returns whether one of several words suffices.
    pub(crate) fn is_any(&self) -> bool {
        self.query.any && self.matching.required.len() > 1
    }

    pub(crate) fn by_score(&self) -> bool {
        self.orders.iter().any(|order| order.column.is_none())
    }

    /// Appends what is added to the score of documents `d` that the query names: more than any other
    /// score.
    pub(crate) fn push_lead<'s>(&'s self, sql: &mut Sql<'s>) {
        let Some(lead) = &self.lead else {
            return;
        };
        let version = self.version;
        sql.push(format!(
            " + CASE WHEN d.version < {version} THEN 0e0 WHEN d.{LEAD} = "
        ));
        sql.bind(lead.whole.as_str());
        let length = lead.beginning.chars().count();
        sql.push(format!(
            " THEN {IS_NAMED} WHEN substr(d.{LEAD}, 1, {length}) = "
        ));
        sql.bind(lead.beginning.as_str());
        sql.push(format!(" THEN {BEGINS_SO} ELSE 0e0 END"));
    }

    /// Returns the columns of the sort order, as `s0`, `s1` and so on, each after a comma.
    pub(crate) fn sort_columns(&self) -> String {
        let columns = self.orders.iter().filter_map(|order| order.column);
        let columns = columns.enumerate();
        columns
            .map(|(at, (number, _))| format!(", d.c{number} AS s{at}"))
            .collect()
    }

    /// Returns the names of these columns after `prefix`.
    pub(crate) fn sort_names(&self, prefix: &str) -> String {
        let count = self.orders.iter().filter(|o| o.column.is_some()).count();
        (0..count).map(|at| format!(", {prefix}s{at}")).collect()
    }

    /// Appends ` AND condition` for each filter, on the documents `d`.
    pub(crate) fn push_filters<DB: SearchValues>(&self, sql: &mut Sql<'_>) {
        for (number, filter) in &self.filters {
            match filter {
                ColumnFilter::Present => {
                    sql.push(format!(" AND d.c{number} IS NOT NULL"));
                }
                ColumnFilter::Never => {
                    sql.push(" AND false");
                }
                ColumnFilter::Is(value) => {
                    sql.push(format!(" AND d.c{number} IN ("));
                    sql.bind(value.clone()).push(")");
                }
                ColumnFilter::OneOfFloats(values) => {
                    sql.push(format!(" AND d.c{number} IN ("));
                    for (at, value) in values.iter().enumerate() {
                        sql.push(if at > 0 { ", " } else { "" });
                        sql.bind(value.clone());
                    }
                    sql.push(")");
                }
                ColumnFilter::OneOf(values) => {
                    let (before, after) = DB::ONE_OF;
                    sql.push(format!(" AND d.c{number}{before}"));
                    sql.bind(values.clone()).push(after);
                }
                ColumnFilter::Range(start, end) => {
                    let sides = [(start, ">=", ">"), (end, "<=", "<")];
                    for (side, or_equal, strict) in sides {
                        let (operator, value) = match side {
                            Bound::Included(value) => (or_equal, value),
                            Bound::Excluded(value) => (strict, value),
                            Bound::Unbounded => continue,
                        };
                        sql.push(format!(" AND d.c{number} {operator} "));
                        sql.bind(value.clone());
                    }
                    sql.push(format!(" AND d.c{number} IS NOT NULL"));
                }
            }
        }
    }

    /// Returns the names of the criteria: `score`, `s0`, `s1`…
    fn named_orders(&self) -> impl Iterator<Item = (String, &Order)> {
        let mut columns = 0..;
        self.orders.iter().map(move |order| match order.column {
            None => ("score".to_owned(), order),
            Some(_) => (format!("s{}", columns.next().unwrap_or(0)), order),
        })
    }

    /// Appends ` WHERE …`, which selects the rows after the cursor. The rows have `id`, `score` and
    /// the columns of the sort order.
    pub(crate) fn push_after(&self, sql: &mut Sql<'_>) {
        let Some((values, id)) = &self.after else {
            return;
        };
        sql.push(" WHERE (");
        let mut open = 0;
        for ((name, order), value) in self.named_orders().zip(values) {
            let operator = if order.descending { "<" } else { ">" };
            if is_null(value) {
                // Only other rows without a value come after those without one.
                sql.push(format!("({name} IS NULL AND ("));
            } else {
                sql.push(format!("({name} {operator} "));
                sql.bind(value.clone());
                sql.push(format!(" OR {name} IS NULL OR ({name} = "));
                sql.bind(value.clone());
                sql.push(" AND (");
                open += 1;
            }
            open += 2;
        }
        sql.push("id > ").bind(id.clone());
        sql.push(")".repeat(open));
        sql.push(")");
    }

    /// Returns the `ORDER BY` clause, with each name after `prefix`.
    pub(crate) fn order_by(&self, prefix: &str) -> String {
        let mut text = " ORDER BY ".to_owned();
        for (name, order) in self.named_orders() {
            text.push_str(prefix);
            text.push_str(&name);
            text.push_str(if order.descending { " DESC" } else { " ASC" });
            if order.column.is_some() {
                text.push_str(" NULLS LAST");
            }
            text.push_str(", ");
        }
        text.push_str(prefix);
        text.push_str("id");
        text
    }
}

/// Returns the leads of the documents that come first, if the field that leads is searched, and no
/// other field weighs more.
fn named(entry: &Entry, terms: &Terms<'_>, slots: &[usize], weights: &[f64]) -> Option<NamedLead> {
    let definition = &entry.definition;
    let slot = definition.lead_slot().filter(|_| definition.has_lead())?;
    let weight = *weights.get(slot)?;
    let mut others = slots.iter().filter_map(|slot| weights.get(*slot));
    let leads = slots.contains(&slot) && weight > 0.0 && others.all(|other| *other <= weight);
    let (_, field) = definition.searched().nth(slot).filter(|_| leads)?;
    terms.named(field)
}

fn is_null(value: &Bind<'_>) -> bool {
    matches!(
        value,
        Bind::Text(None) | Bind::Integer(None) | Bind::Double(None)
    )
}

fn number(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Returns the fields to search, by their numbers among the searched fields.
fn slots(entry: &Entry, names: &[String]) -> Result<Vec<usize>, SearchError> {
    if names.is_empty() {
        return Ok((0..entry.definition.searched().count()).collect());
    }
    let mut slots: Vec<usize> = names
        .iter()
        .map(|name| slot(entry, name))
        .collect::<Result<_, _>>()?;
    slots.sort_unstable();
    slots.dedup();
    Ok(slots)
}

fn slot(entry: &Entry, name: &str) -> Result<usize, SearchError> {
    let mut searched = entry.definition.searched();
    match searched.position(|(known, _)| known == name) {
        Some(slot) => Ok(slot),
        None => {
            let (_, field) = field(entry, name)?;
            Err(misused(entry, name, field, "searched"))
        }
    }
}

fn field<'e>(entry: &'e Entry, name: &str) -> Result<(usize, &'e Field), SearchError> {
    let definition: &IndexDefinition = &entry.definition;
    definition
        .find(name)
        .ok_or_else(|| SearchError::UnknownField {
            index: entry.name.clone(),
            field: name.to_owned(),
        })
}

fn misused(entry: &Entry, name: &str, field: &Field, verb: &'static str) -> SearchError {
    SearchError::FieldUse {
        index: entry.name.clone(),
        field: name.to_owned(),
        kind: field.kind(),
        verb,
    }
}

fn order(entry: &Entry, sort: &Sort) -> Result<Order, SearchError> {
    let column = match &sort.field {
        None => None,
        Some(name) => {
            let (number, field) = field(entry, name)?;
            if !field.has_column() {
                return Err(misused(entry, name, field, "sorted by"));
            }
            Some((number, field.kind()))
        }
    };
    Ok(Order {
        column,
        descending: sort.descending,
    })
}

fn column_filter<DB: SearchValues>(
    entry: &Entry,
    filter: &Filter,
) -> Result<(usize, ColumnFilter), SearchError> {
    let name = &filter.field;
    let (number, field) = field(entry, name)?;
    if !field.has_column() {
        return Err(misused(entry, name, field, "filtered"));
    }
    let bind = |value: &FilterValue| {
        bind(field.kind(), value).ok_or_else(|| SearchError::FilterValue {
            field: name.clone(),
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
    let condition = match &filter.condition {
        FilterCondition::Present => ColumnFilter::Present,
        FilterCondition::OneOf(values) if values.len() > most_values(field.kind()) => {
            return Err(SearchError::TooManyValues {
                field: name.clone(),
                most: most_values(field.kind()),
            });
        }
        FilterCondition::OneOf(values) => match values.as_slice() {
            [] => ColumnFilter::Never,
            [value] => ColumnFilter::Is(bind(value)?),
            values => {
                let mut values: Vec<_> = values.iter().map(bind).collect::<Result<_, _>>()?;
                if field.kind() == FieldKind::Float {
                    // Using few lengths keeps the number of statements small.
                    let last = values.last().cloned();
                    let length = values.len().next_power_of_two();
                    values.extend(last.into_iter().cycle().take(length - values.len()));
                    ColumnFilter::OneOfFloats(values)
                } else {
                    ColumnFilter::OneOf(DB::list(values))
                }
            }
        },
        FilterCondition::Range(start, end) => ColumnFilter::Range(side(start)?, side(end)?),
    };
    Ok((number, condition))
}

fn bind(kind: FieldKind, value: &FilterValue) -> Option<Bind<'static>> {
    Some(match (kind, value) {
        (FieldKind::Keyword, FilterValue::Text(text)) => keyword(text).into(),
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

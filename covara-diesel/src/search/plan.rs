//! A query whose fields are resolved.

use super::condition::{Filters, joined};
use super::cursor::{self, Place};
use super::definition::FieldKind;
use super::entry::{Entry, LEAD};
use super::error::SearchError;
use super::lead::NamedLead;
use super::query::{SearchQuery, Sort};
use super::terms::{Matching, Terms};
use super::values::SearchValues;
use crate::backend::sql::{Bind, Sql};

/// What is added to the score of a document that consists of the query's words. bm25 is at most
/// 2.2 for each phrase and unit of rarity: below 535,000 for the words that a query may have.
const IS_NAMED: &str = "2e6";
/// What is added to the score of a document that begins with the query's words.
const BEGINS_SO: &str = "1e6";

/// What is added to the score of a document with all words, if one suffices, or with the words as they
/// were typed, if near ones do.
pub(crate) const HAS_ALL: &str = "6e5";

/// A query for the engine.
#[derive(Debug)]
pub struct Plan<'q> {
    pub(crate) matching: Matching,
    /// What matches the words as they were typed, if near ones are found, too.
    exact: Option<Matching>,
    /// The numbers of the fields to search, among the searched fields.
    pub(crate) slots: Vec<usize>,
    /// The weight of each searched field.
    pub(crate) weights: Vec<f64>,
    /// The documents that come first.
    lead: Option<NamedLead>,
    /// The version of documents whose lead is that of the definition.
    version: i64,
    pub(crate) orders: Vec<Order>,
    /// The place after which the page begins.
    after: Option<Place>,
    /// How much each required part of the query counts for, if the engine needs it.
    pub(crate) rarities: Vec<f64>,
    filters: Filters,
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
        let matching = terms.in_fields(definition, &slots, true);
        let exact = terms
            .has_near()
            .then(|| terms.in_fields(definition, &slots, false));
        let after = query.cursor.as_ref();
        let after = after.map(|text| cursor::read(text, &orders).ok_or(SearchError::Cursor));
        let after = after.transpose()?;
        let rarities = after.as_ref().map_or(&[][..], |place| &place.rarities);
        if !rarities.is_empty() && rarities.len() != matching.required.len() {
            return Err(SearchError::Cursor);
        }
        Ok(Self {
            rarities: rarities.to_vec(),
            matching,
            exact,
            slots,
            weights,
            lead,
            version: definition.row_version(),
            after,
            orders,
            filters: Filters::new::<DB>(entry, &query.filters)?,
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
        !self.filters.conditions.is_empty()
    }

    pub(crate) fn has_cursor(&self) -> bool {
        self.after.is_some()
    }

    /// Returns whether one of several words suffices.
    pub(crate) fn is_any(&self) -> bool {
        self.query.any && self.matching.required.len() > 1
    }

    /// Returns what the matches that come first match, and whether one part of it suffices, if not all
    /// matches do.
    pub(crate) fn best(&self) -> Option<(&Matching, bool)> {
        match &self.exact {
            Some(exact) => Some((exact, self.is_any())),
            None if self.is_any() => Some((&self.matching, false)),
            None => None,
        }
    }

    /// Returns whether the score must say how rare the parts of the query are. That of one part, and of
    /// no hits, need not.
    pub(super) fn needs_rarities(&self) -> bool {
        let several = self.matching.required.len() > 1;
        several && self.size > 0 && self.by_score() && self.rarities.is_empty()
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

    /// Appends ` AND conditions` for the filters, on the documents `d`.
    pub(crate) fn push_filters<DB: SearchValues>(&self, sql: &mut Sql<'_>) {
        if self.has_filters() {
            sql.push(" AND ");
            joined::<DB>(&self.filters.conditions, "true", " AND ", sql);
        }
        if self.filters.is_rare() {
            sql.set_once();
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
        let Some(Place { values, id, .. }) = &self.after else {
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
            let (_, field) = entry.field(name)?;
            Err(entry.misused(name, field, "searched"))
        }
    }
}

fn order(entry: &Entry, sort: &Sort) -> Result<Order, SearchError> {
    let column = match &sort.field {
        None => None,
        Some(name) => {
            let (number, field) = entry.column_field(name, "sorted by")?;
            if field.kind() == FieldKind::Keywords {
                return Err(entry.misused(name, field, "sorted by"));
            }
            Some((number, field.kind()))
        }
    };
    Ok(Order {
        column,
        descending: sort.descending,
    })
}

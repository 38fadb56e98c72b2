//! Finds documents.

use diesel::sqlite::Sqlite;

use super::matching::expression;
use super::tables;
use crate::search::{Entry, Plan, Sql};

/// From the inside out: the matches with their scores; of them the page; and for its rows
/// only, the documents' sources, which are long.
pub(super) fn page<'q>(entry: &Entry, plan: &'q Plan<'q>) -> Sql<'q> {
    let documents = entry.documents();
    let (columns, names) = (plan.sort_columns(), plan.sort_names("m."));
    let mut sql = Sql::new();
    sql.push(format!(
        "SELECT p.id, p.score, d.source, NULL{} FROM (SELECT m.key, m.id, m.score{names} \
         FROM (SELECT f.key AS key, d.id AS id, f.score AS score{columns} FROM (",
        plan.sort_names("p.")
    ));
    sql.append(matches(entry, plan));
    sql.push(format!(
        ") AS f CROSS JOIN {documents} AS d ON d.key = f.key"
    ));
    if plan.bound.is_none() && plan.has_filters() {
        sql.push(" WHERE true");
        plan.push_filters::<Sqlite>(&mut sql);
    }
    sql.push(") AS m");
    plan.push_after(&mut sql);
    sql.push(plan.order_by("m."));
    push_number(" LIMIT ", plan.size, &mut sql);
    push_number(" OFFSET ", plan.from, &mut sql);
    sql.push(format!(
        ") AS p CROSS JOIN {documents} AS d ON d.key = p.key"
    ));
    sql.push(plan.order_by("p."));
    sql
}

/// SQLite plans with the value of a bare parameter here, and so plans anew each time that one
/// is bound; a third of the time that a small query takes.
fn push_number(clause: &'static str, number: i64, sql: &mut Sql<'_>) {
    sql.push(clause).push("CAST(").bind(number);
    sql.push(" AS INTEGER)");
}

/// Larger weights are scaled down to this one, with the others: a score must be finite.
const HEAVIEST: f64 = 1e9;

/// The matches that are looked at: key and score.
fn matches<'q>(entry: &Entry, plan: &'q Plan<'q>) -> Sql<'q> {
    let words = entry.words();
    let mut sql = Sql::new();
    sql.push(format!("SELECT {words}.rowid AS key, "));
    if plan.by_score() {
        // Of bm25() the least is best.
        sql.push(format!("-bm25({words}"));
        if plan
            .weights
            .iter()
            .any(|weight| (weight - 1.0).abs() > f64::EPSILON)
        {
            let heaviest = plan.weights.iter().copied().fold(0.0, f64::max);
            let scale = (heaviest / HEAVIEST).max(1.0);
            for &weight in &plan.weights {
                sql.push(", ").bind(weight / scale);
            }
        }
        sql.push(")");
    } else {
        sql.push("0.0");
    }
    sql.push(" AS score");
    push_from(entry, plan, plan.bound.is_some(), &mut sql);
    sql
}

/// ` FROM … WHERE …` of the matches, down to the bound.
fn push_from<'q>(entry: &Entry, plan: &'q Plan<'q>, filtered: bool, sql: &mut Sql<'q>) {
    let words = entry.words();
    sql.push(format!(" FROM {}", tables::words(entry)));
    let filtered = filtered && plan.has_filters();
    if filtered {
        sql.push(format!(
            " CROSS JOIN {} AS d ON d.key = {words}.rowid",
            entry.documents()
        ));
    }
    sql.push(format!(" WHERE {words} MATCH "));
    sql.bind(expression(&plan.matching, plan.weights.len()));
    if filtered {
        plan.push_filters::<Sqlite>(sql);
    }
    if let Some(bound) = plan.bound {
        sql.push(format!(" ORDER BY {words}.rowid DESC"));
        push_number(" LIMIT ", bound, sql);
    }
}

pub(super) fn count<'q>(entry: &Entry, plan: &'q Plan<'q>) -> Sql<'q> {
    let mut sql = Sql::new();
    if plan.bound.is_some() {
        sql.push("SELECT count(*) FROM (SELECT 1");
        push_from(entry, plan, true, &mut sql);
        sql.push(")");
    } else {
        sql.push("SELECT count(*)");
        push_from(entry, plan, true, &mut sql);
    }
    sql
}

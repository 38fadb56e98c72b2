//! Queries for documents.

use diesel::sqlite::Sqlite;

use super::matching::expression;
use super::tables;
use crate::backend::sql::Sql;
use crate::search::{Entry, HAS_ALL, Plan, ReadEngine};

const ALL: &str = " AND ";
const ANY: &str = " OR ";

impl ReadEngine for Sqlite {
    /// Returns the query for a page. From the inside out, it selects the matches with their scores,
    /// then the page, and then the documents' sources, which are long, for the page's rows only.
    fn page<'q>(entry: &Entry, plan: &'q Plan<'q>) -> Sql<'q> {
        let documents = entry.documents();
        let (columns, names) = (plan.sort_columns(), plan.sort_names("m."));
        let mut sql = Sql::new();
        sql.push(format!(
            "SELECT p.id, p.score, d.source, NULL{} FROM (SELECT m.key, m.id, m.score{names} \
             FROM (SELECT f.key AS key, d.id AS id, f.score",
            plan.sort_names("p.")
        ));
        plan.push_lead(&mut sql);
        push_best(entry, plan, &mut sql);
        sql.push(format!(" AS score{columns} FROM ("));
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

    fn matches<'q>(entry: &Entry, plan: &'q Plan<'q>, columns: &str) -> Sql<'q> {
        let mut sql = Sql::new();
        sql.push(format!("SELECT {columns}"));
        push_from(entry, plan, Documents::Join, &mut sql);
        sql
    }

    fn count<'q>(entry: &Entry, plan: &'q Plan<'q>) -> Sql<'q> {
        let mut sql = Sql::new();
        if plan.bound.is_some() {
            sql.push("SELECT count(*) FROM (SELECT 1");
            push_from(entry, plan, Documents::Filter, &mut sql);
            sql.push(")");
        } else {
            sql.push("SELECT count(*)");
            push_from(entry, plan, Documents::Filter, &mut sql);
        }
        sql
    }
}

/// Appends a number as a cast bind. With a bare parameter SQLite would plan the query for its
/// value, and plan it anew each time that it is bound, which takes a third of the time of a small
/// query.
fn push_number(clause: &'static str, number: i64, sql: &mut Sql<'_>) {
    sql.push(clause).push("CAST(").bind(number);
    sql.push(" AS INTEGER)");
}

/// The largest weight. If a weight is larger, all are scaled down so that it becomes this one,
/// because a score must be finite.
const HEAVIEST: f64 = 1e9;

/// Returns the query for the matches to consider: key and score.
fn matches<'q>(entry: &Entry, plan: &'q Plan<'q>) -> Sql<'q> {
    let words = entry.words();
    let mut sql = Sql::new();
    sql.push(format!("SELECT {words}.rowid AS key, "));
    if plan.by_score() {
        // With bm25() lower is better.
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
    let documents = match plan.bound {
        Some(_) => Documents::Filter,
        None => Documents::Leave,
    };
    push_from(entry, plan, documents, &mut sql);
    sql
}

/// Appends what is added to the score of the matches `f` that come first.
fn push_best<'q>(entry: &Entry, plan: &'q Plan<'q>, sql: &mut Sql<'q>) {
    let Some((matching, any)) = plan.best().filter(|_| plan.by_score()) else {
        return;
    };
    let (table, words) = (tables::words(entry), entry.words());
    sql.push(format!(
        " + CASE WHEN f.key IN (SELECT rowid FROM {table} WHERE {words} MATCH "
    ));
    let operator = if any { ANY } else { ALL };
    sql.bind(expression(matching, operator, plan.weights.len()));
    sql.push(format!(") THEN {HAS_ALL} ELSE 0e0 END"));
}

/// Whether the documents of the matches are read.
#[derive(Clone, Copy)]
enum Documents {
    /// No: the filters are applied later.
    Leave,
    /// If there are filters.
    Filter,
    Join,
}

/// Appends ` FROM … WHERE …` for the matches, limited by the bound.
fn push_from<'q>(entry: &Entry, plan: &'q Plan<'q>, documents: Documents, sql: &mut Sql<'q>) {
    let words = entry.words();
    sql.push(format!(" FROM {}", tables::words(entry)));
    let is_joined = match documents {
        Documents::Leave => false,
        Documents::Filter => plan.has_filters(),
        Documents::Join => true,
    };
    if is_joined {
        sql.push(format!(
            " CROSS JOIN {} AS d ON d.key = {words}.rowid",
            entry.documents()
        ));
    }
    sql.push(format!(" WHERE {words} MATCH "));
    let operator = if plan.is_any() { ANY } else { ALL };
    sql.bind(expression(&plan.matching, operator, plan.weights.len()));
    if is_joined {
        plan.push_filters::<Sqlite>(sql);
    }
    if let Some(bound) = plan.bound {
        sql.push(format!(" ORDER BY {words}.rowid DESC"));
        push_number(" LIMIT ", bound, sql);
    }
}

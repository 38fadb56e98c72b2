//! How rare the parts of a query are.
//!
//! A rank of PostgreSQL does not consider that. To count the documents with a frequent word takes far
//! longer than a query for it and a rare one, but the planner estimates their number by what ANALYZE
//! found. In small indexes, which may never have been analyzed, they are counted.

use diesel::QueryResult;
use diesel::pg::Pg;
use serde_json::Value;

use super::matching::clause;
use crate::backend::connection::BackendConnection;
use crate::backend::sql::{Sql, integer, text};
use crate::search::{Entry, Plan};

/// The number of documents up to which they are counted.
const FEW: f64 = 2_000.0;

/// The maximum number of parts: each takes its time to plan.
const MOST_PARTS: usize = 16;

/// Returns the weight of each required part of the query, as that of `bm25()` on SQLite, or nothing if
/// there are too many.
pub(super) fn rarities<C>(conn: &mut C, entry: &Entry, plan: &Plan<'_>) -> QueryResult<Vec<f64>>
where
    C: BackendConnection<Backend = Pg>,
{
    let parts = plan.matching.required.iter();
    let parts: Vec<String> = parts.map(|phrases| clause(phrases)).collect();
    if parts.len() > MOST_PARTS {
        return Ok(Vec::new());
    }
    let mut counts = estimates(conn, entry, &parts)?;
    if counts.first().is_none_or(|all| *all < FEW) {
        counts = exact(conn, entry, &parts)?;
    }
    let Some((all, with)) = counts.split_first() else {
        return Ok(Vec::new());
    };
    if with.len() != parts.len() {
        return Ok(Vec::new());
    }
    Ok(with.iter().map(|with| rarity(*all, *with)).collect())
}

/// The weight of a part that `with` of `all` documents have.
fn rarity(all: f64, with: f64) -> f64 {
    let with = with.min(all);
    // As in FTS5, so that a frequent word still counts for something.
    ((all - with + 0.5) / (with + 0.5)).ln().max(1e-6)
}

/// Returns about how many documents there are, and how many have each part. The plan is that of a
/// cursor, which is never a parallel one, whose numbers are those of one process.
fn estimates<C>(conn: &mut C, entry: &Entry, parts: &[String]) -> QueryResult<Vec<f64>>
where
    C: BackendConnection<Backend = Pg>,
{
    let documents = entry.documents();
    let mut sql = Sql::new();
    sql.push(format!(
        "EXPLAIN (FORMAT JSON) DECLARE covara_search_parts CURSOR FOR SELECT 1 FROM {documents}"
    ));
    for part in parts {
        sql.push(format!(
            " UNION ALL SELECT 1 FROM {documents} AS d WHERE d.words @@ CAST("
        ));
        sql.bind(part.as_str()).push(" AS tsquery)");
    }
    let mut rows = conn.load(sql)?;
    let plan = rows.next().transpose()?.and_then(|row| text(&row, 0));
    let plan: Option<Value> = plan.and_then(|plan| serde_json::from_str(&plan).ok());
    let plans = plan
        .as_ref()
        .and_then(|plan| plan.pointer("/0/Plan/Plans")?.as_array());
    let rows = plans
        .into_iter()
        .flatten()
        .map(|plan| plan.get("Plan Rows")?.as_f64());
    Ok(rows.collect::<Option<_>>().unwrap_or_default())
}

/// Returns how many documents there are, and how many have each part.
fn exact<C>(conn: &mut C, entry: &Entry, parts: &[String]) -> QueryResult<Vec<f64>>
where
    C: BackendConnection<Backend = Pg>,
{
    let documents = entry.documents();
    let mut sql = Sql::new();
    sql.push("SELECT count(*)");
    for part in parts {
        sql.push(format!(
            ", (SELECT count(*) FROM {documents} AS d WHERE d.words @@ CAST("
        ));
        sql.bind(part.as_str()).push(" AS tsquery))");
    }
    sql.push(format!(" FROM {documents}"));
    let mut rows = conn.load(sql)?;
    let row = rows.next().transpose()?;
    #[expect(clippy::cast_precision_loss, reason = "there are not that many")]
    let counts = row.map(|row| {
        let counts = (0..=parts.len()).map(|column| integer(&row, column));
        counts.map(|count| count.unwrap_or(0) as f64).collect()
    });
    Ok(counts.unwrap_or_default())
}

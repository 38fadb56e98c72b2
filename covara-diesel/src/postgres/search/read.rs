//! The queries that find documents.

use diesel::QueryResult;
use diesel::pg::Pg;

use super::matching::{ALL, ANY, expression, push_phrase};
use super::rarity;
use crate::backend::connection::BackendConnection;
use crate::backend::sql::Sql;
use crate::search::{Entry, HAS_ALL, Phrase, Plan, ReadEngine};

/// The influence of a document's length: its rank is divided by 1 + its logarithm,
/// <https://www.postgresql.org/docs/current/textsearch-controls.html#TEXTSEARCH-RANKING>.
const BY_LENGTH: &str = "1";

impl ReadEngine for Pg {
    /// Returns the query for a page. From the inside out: the matches with their scores, the page of
    /// them, and, for the rows of the page only, the documents' sources, which are long.
    fn page<'q>(entry: &Entry, plan: &'q Plan<'q>) -> Sql<'q> {
        let documents = entry.documents();
        let mut sql = Sql::new();
        // After a cursor, not all matches are left to count.
        let total = if plan.has_cursor() {
            "CAST(NULL AS bigint)"
        } else {
            "count(*) OVER ()"
        };
        sql.push(format!(
            "SELECT p.id, p.score, d.source, p.total{} \
             FROM (SELECT m.id, m.score, {total} AS total{} FROM (SELECT d.id AS id, ",
            plan.sort_names("p."),
            plan.sort_names("m."),
        ));
        push_score(plan, &mut sql);
        plan.push_lead(&mut sql);
        push_best(plan, &mut sql);
        sql.push(format!(" AS score{}", plan.sort_columns()));
        push_from(entry, plan, &mut sql);
        sql.push(") AS m");
        plan.push_after(&mut sql);
        sql.push(plan.order_by("m.")).push(" LIMIT ");
        sql.bind(plan.size).push(" OFFSET ");
        sql.bind(plan.from);
        sql.push(format!(") AS p JOIN {documents} AS d ON d.id = p.id"));
        sql.push(plan.order_by("p."));
        sql
    }

    fn rarities<C>(conn: &mut C, entry: &Entry, plan: &Plan<'_>) -> QueryResult<Vec<f64>>
    where
        C: BackendConnection<Backend = Self>,
    {
        rarity::rarities(conn, entry, plan)
    }

    fn matches<'q>(entry: &Entry, plan: &'q Plan<'q>, columns: &str) -> Sql<'q> {
        let mut sql = Sql::new();
        sql.push(format!("SELECT {columns}"));
        push_from(entry, plan, &mut sql);
        sql
    }

    fn count<'q>(entry: &Entry, plan: &'q Plan<'q>) -> Sql<'q> {
        let mut sql = Sql::new();
        sql.push("SELECT count(*) FROM (SELECT");
        push_from(entry, plan, &mut sql);
        sql.push(") AS n");
        sql
    }
}

/// Pushes ` FROM … WHERE …` of the matches, up to the bound.
fn push_from<'q>(entry: &Entry, plan: &'q Plan<'q>, sql: &mut Sql<'q>) {
    sql.push(format!(
        " FROM {} AS d WHERE d.words @@ CAST(",
        entry.documents()
    ));
    sql.bind(expression(
        &plan.matching,
        if plan.is_any() { ANY } else { ALL },
    ));
    sql.push(" AS tsquery)");
    plan.push_filters::<Pg>(sql);
    if let Some(bound) = plan.bound {
        sql.push(" LIMIT ").bind(bound);
    }
}

/// Pushes the score. Each of four fields has a label with its own weight; further fields are ranked
/// in further groups of four.
fn push_score<'q>(plan: &'q Plan<'q>, sql: &mut Sql<'q>) {
    if !plan.by_score() {
        sql.push("CAST(0 AS double precision)");
        return;
    }
    let heaviest = plan.slots.iter().filter_map(|&slot| plan.weights.get(slot));
    let heaviest = heaviest.copied().fold(0.0, f64::max);
    // Weights must not be more than 1, nor too small for a `real`.
    let weight = |slot: usize| match plan.weights.get(slot) {
        Some(&weight) if weight > 0.0 && plan.slots.contains(&slot) => {
            (weight / heaviest).max(f64::from(f32::MIN_POSITIVE))
        }
        _ => 0.0,
    };
    let mut groups: Vec<usize> = plan.slots.iter().map(|slot| slot / 4).collect();
    groups.dedup();
    // In the order D to A.
    let weights = |first: usize| [3, 2, 1, 0].map(|label| weight(first + label).to_string());
    for (at, (rarity, phrases)) in parts(plan).enumerate() {
        for (number, group) in groups.iter().enumerate() {
            sql.push(if at + number > 0 { " + " } else { "" });
            if let Some(rarity) = rarity {
                sql.bind(rarity).push(" * ");
            }
            sql.push("CAST(ts_rank(CAST(");
            sql.bind(format!("{{{}}}", weights(group * 4).join(",")));
            sql.push(" AS real[]), d.words, CAST(");
            let mut words = Vec::new();
            for phrase in &phrases {
                push_phrase(phrase, |slot| slot / 4 == *group, &mut words);
            }
            sql.bind(words.join(" | "));
            sql.push(format!(" AS tsquery), {BY_LENGTH}) AS double precision)"));
        }
    }
}

/// Returns the parts of the query that are ranked, with their rarity if it is known. Otherwise they
/// are ranked together.
fn parts<'q>(plan: &'q Plan<'q>) -> impl Iterator<Item = (Option<f64>, Vec<&'q Phrase>)> {
    let required = &plan.matching.required;
    let together = plan.rarities.is_empty();
    let together = together.then(|| (None, required.iter().flatten().collect()));
    let apart = plan.rarities.iter().zip(required);
    let apart = apart.map(|(rarity, phrases)| (Some(*rarity), phrases.iter().collect()));
    together.into_iter().chain(apart)
}

/// Pushes what is added to the score of the documents that come first.
fn push_best<'q>(plan: &'q Plan<'q>, sql: &mut Sql<'q>) {
    if let Some((matching, any)) = plan.best().filter(|_| plan.by_score()) {
        sql.push(" + CASE WHEN d.words @@ CAST(");
        sql.bind(expression(matching, if any { ANY } else { ALL }));
        sql.push(format!(" AS tsquery) THEN {HAS_ALL} ELSE 0e0 END"));
    }
}

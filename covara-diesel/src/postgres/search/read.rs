//! The queries that find documents.

use diesel::pg::Pg;

use super::words::{BEGINNING, prefix};
use crate::backend::sql::Sql;
use crate::search::{Entry, HAS_ALL, Phrase, Plan, ReadEngine};

/// The influence of a document's length: its rank is divided by 1 + its logarithm,
/// <https://www.postgresql.org/docs/current/textsearch-controls.html#TEXTSEARCH-RANKING>.
const BY_LENGTH: &str = "1";

const ALL: &str = " & ";
const ANY: &str = " | ";

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
        push_all(plan, &mut sql);
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
    sql.bind(expression(plan, if plan.is_any() { ANY } else { ALL }));
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
    for (at, group) in groups.into_iter().enumerate() {
        if at > 0 {
            sql.push(" + ");
        }
        let first = group * 4;
        sql.push("CAST(ts_rank(CAST(");
        // In the order D to A.
        let weights = [3, 2, 1, 0].map(|label| weight(first + label).to_string());
        sql.bind(format!("{{{}}}", weights.join(",")));
        sql.push(" AS real[]), d.words, CAST(");
        let phrases = plan.matching.required.iter().flatten();
        let mut words = Vec::new();
        for phrase in phrases {
            push_phrase(phrase, |slot| slot / 4 == group, &mut words);
        }
        sql.bind(words.join(" | "));
        sql.push(format!(" AS tsquery), {BY_LENGTH}) AS double precision)"));
    }
}

/// Pushes what is added to the score of documents with all words, if one suffices.
fn push_all<'q>(plan: &'q Plan<'q>, sql: &mut Sql<'q>) {
    if plan.is_any() && plan.by_score() {
        sql.push(" + CASE WHEN d.words @@ CAST(");
        sql.bind(expression(plan, ALL));
        sql.push(format!(" AS tsquery) THEN {HAS_ALL} ELSE 0e0 END"));
    }
}

/// Returns the `tsquery`, with `operator` between the phrases that are required. Words are letters, digits and marks, or signs that are no operators, so
/// nothing in them is syntax.
fn expression(plan: &Plan<'_>, operator: &str) -> String {
    let any = |phrases: &Vec<Phrase>| {
        let mut words = Vec::new();
        for phrase in phrases {
            push_phrase(phrase, |_| true, &mut words);
        }
        format!("({})", words.join(" | "))
    };
    let required: Vec<String> = plan.matching.required.iter().map(any).collect();
    let required = format!("({})", required.join(operator));
    let excluded = plan.matching.excluded.iter().map(any);
    let excluded = excluded.map(|words| format!("!{words}"));
    let clauses: Vec<String> = [required].into_iter().chain(excluded).collect();
    clauses.join(" & ")
}

/// Adds a phrase for each of its fields.
fn push_phrase(phrase: &Phrase, wanted: impl Fn(usize) -> bool, found: &mut Vec<String>) {
    for &slot in phrase.slots.iter().filter(|&&slot| wanted(slot)) {
        let field = prefix(slot);
        let words = phrase.words.iter().map(|word| format!("{field}{word}"));
        let mut text = words.collect::<Vec<_>>().join(" <-> ");
        if phrase.prefix {
            text.push_str(":*");
        }
        if let Some(beginning) = &phrase.beginning {
            let and = if text.is_empty() { "" } else { " & " };
            text.push_str(&format!("{and}{field}{BEGINNING}{beginning}:*"));
        }
        if phrase.words.len() + usize::from(phrase.beginning.is_some()) > 1 {
            text = format!("({text})");
        }
        found.push(text);
    }
}

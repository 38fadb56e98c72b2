//! The command `covara search`.

use std::time::Instant;

use indicatif::HumanCount;
use serde_json::{Value, json};

use super::arguments;
use super::database::{BackendFunctions, Opened};
use super::outcome::{Failure, Outcome};
use crate::pool::PoolError;
use crate::search::{SearchError, SearchQuery, SearchResult};

pub(super) fn run(
    backend: &BackendFunctions,
    arguments: &arguments::Search,
) -> Result<Outcome, Failure> {
    let mut query = SearchQuery::new(&arguments.query)
        .fields(&arguments.fields)
        .size(arguments.size);
    query.syntax = arguments.syntax;
    let Opened { conn, missing_file } = (backend.open_to_read)(&arguments.common.database_url)?;
    if let Some(path) = missing_file {
        return Err(PoolError::MissingFile { path }.into());
    }
    let mut conn = conn;
    let begun = Instant::now();
    let Some(found) = conn.search(&arguments.index, &query)? else {
        let index = arguments.index.clone();
        return Err(SearchError::UnknownIndex { index }.into());
    };
    let seconds = begun.elapsed().as_secs_f64();
    Ok(Outcome {
        text: text(&found, seconds),
        json: json(&arguments.index, &found, seconds),
        complaint: None,
    })
}

fn text(found: &SearchResult, seconds: f64) -> String {
    let hits = found.hits.iter().enumerate().map(|(at, hit)| {
        let (place, source) = (at + 1, &hit.source);
        format!("{place}. {} ({:.3}): {source}\n", hit.id, hit.score)
    });
    let hits: String = hits.collect();
    let total = HumanCount(u64::try_from(found.total).unwrap_or(u64::MAX));
    format!("{hits}{total} found in {:.1} ms\n", seconds * 1e3)
}

fn json(index: &str, found: &SearchResult, seconds: f64) -> Value {
    let hits = found.hits.iter();
    let hits: Vec<Value> = hits
        .map(|hit| json!({"id": hit.id, "score": hit.score, "source": hit.source}))
        .collect();
    json!({
        "command": "search",
        "ok": true,
        "index": index,
        "total": found.total,
        "hits": hits,
        "seconds": seconds,
    })
}

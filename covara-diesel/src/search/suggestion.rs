//! Corrects the words of a query that no document has.

use super::engine::SearchEngine;
use super::entry::Entry;
use super::error::SearchError;
use super::find::count;
use super::query::SearchQuery;
use super::spelling::NearWords;
use super::terms::TypedWord;
use crate::backend::connection::BackendConnection;

/// The number of documents up to which those with a word are counted.
const FREQUENT: usize = 1_000;
/// The number of near words of which the most frequent is taken.
const MOST_COUNTED: usize = 5;

/// Returns the text of a query with other words for those that no document has, if there are any.
pub(super) fn suggestion<C>(
    conn: &mut C,
    entry: &Entry,
    query: &SearchQuery,
    typed: &[TypedWord],
    near: &NearWords,
) -> Result<Option<String>, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    let mut suggested = String::new();
    let mut end = 0;
    for TypedWord { word, place } in typed {
        let Some(better) = better(conn, entry, query, word, near)? else {
            continue;
        };
        suggested.push_str(query.query.get(end..place.start).unwrap_or_default());
        suggested.push_str(&better);
        end = place.end;
    }
    if end == 0 {
        return Ok(None);
    }
    suggested.push_str(query.query.get(end..).unwrap_or_default());
    Ok(Some(suggested))
}

/// Returns the most frequent of the nearest words, if no document has the typed one.
fn better<C>(
    conn: &mut C,
    entry: &Entry,
    query: &SearchQuery,
    typed: &str,
    near: &NearWords,
) -> Result<Option<String>, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    let Some(near) = near.get(typed) else {
        return Ok(None);
    };
    let mut with = |word: &str| {
        let query = SearchQuery {
            fields: query.fields.clone(),
            bound: Some(FREQUENT),
            ..SearchQuery::new(word)
        };
        count(conn, entry, &query)
    };
    if with(typed)? > 0 {
        return Ok(None);
    }
    let mut best: Option<(usize, usize, &str)> = None;
    for near in near.iter().take(MOST_COUNTED) {
        if best.is_some_and(|(edits, ..)| edits < near.edits) {
            break;
        }
        let documents = with(&near.word)?;
        if documents > best.map_or(0, |(_, most, _)| most) {
            best = Some((near.edits, documents, &near.word));
        }
    }
    Ok(best.map(|(.., word)| word.to_owned()))
}

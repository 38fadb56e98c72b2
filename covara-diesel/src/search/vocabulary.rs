//! Looks up words near misspelt ones in the table of an index's words.

use std::collections::BTreeSet;

use super::engine::SearchEngine;
use super::entry::Entry;
use super::error::SearchError;
use super::spelling::{NearWord, NearWords, START, edits, most_edits, starts};
use super::values::SearchValues;
use crate::backend::connection::BackendConnection;
use crate::backend::sql::{Bind, Sql, text};

/// The number of words of a query that may be misspelt.
const MOST_TYPED: usize = 8;
/// The maximum number of words near one.
const MOST_NEAR: usize = 20;

/// Returns the words near the typed ones, if the index has a table of words.
pub(super) fn near<C>(
    conn: &mut C,
    entry: &Entry,
    typed: BTreeSet<String>,
) -> Result<NearWords, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    let typed: Vec<(String, Vec<char>)> = typed
        .into_iter()
        .take(MOST_TYPED)
        .map(|word| (word.clone(), word.chars().collect()))
        .collect();
    if typed.is_empty() || !entry.has_vocabulary() {
        return Ok(NearWords::new());
    }
    let mut near = NearWords::new();
    for row in conn.load(candidates::<C::Backend>(entry, &typed))? {
        let Some(word) = text(&row?, 0) else {
            continue;
        };
        let letters: Vec<char> = word.chars().collect();
        for (typed, typed_letters) in &typed {
            let most = most_edits(typed_letters.len());
            let edits = edits(typed_letters, &letters, most).filter(|edits| *edits > 0);
            if let Some(edits) = edits {
                let word = word.clone();
                let words = near.entry(typed.clone()).or_default();
                words.push(NearWord { edits, word });
            }
        }
    }
    for words in near.values_mut() {
        words.sort();
        words.dedup();
        words.truncate(MOST_NEAR);
    }
    Ok(near)
}

/// Returns a query for the words with the same first letters, but for one mistake, and about the same
/// length.
fn candidates<DB: SearchValues>(entry: &Entry, typed: &[(String, Vec<char>)]) -> Sql<'static> {
    let starts: BTreeSet<String> = typed.iter().flat_map(|(_, word)| starts(word)).collect();
    let lengths = || {
        typed
            .iter()
            .map(|(_, word)| (word.len(), most_edits(word.len())))
    };
    let shortest = lengths().map(|(length, most)| length - most).min();
    let longest = lengths().map(|(length, most)| length + most).max();
    let number = |length: Option<usize>| i64::try_from(length.unwrap_or(0)).unwrap_or(i64::MAX);
    let (before, after) = DB::ONE_OF;
    let mut sql = Sql::new();
    sql.push(format!(
        "SELECT word FROM {} WHERE substr(word, 1, {START}){before}",
        entry.vocabulary()
    ));
    sql.bind(DB::list(starts.into_iter().map(Bind::from).collect()));
    sql.push(format!("{after} AND length(word) BETWEEN "));
    sql.bind(number(shortest)).push(" AND ");
    sql.bind(number(longest));
    sql
}

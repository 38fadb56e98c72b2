//! Highlighting of matches.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;

use super::definition::IndexDefinition;
use super::document::texts;
use super::marks::{Mark, marks};
use super::plan::Plan;
use super::query::Highlight;
use super::terms::Phrase;

/// Returns the fragments of each field that contain a match of the query.
///
/// This library computes them instead of the engines: both engines index words that this library
/// produced, and the fragments are the same on both.
pub(super) fn highlights(
    definition: &IndexDefinition,
    plan: &Plan<'_>,
    source: &Value,
    highlight: &Highlight,
) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for (slot, (name, field)) in definition.searched().enumerate() {
        if !plan.slots.contains(&slot) {
            continue;
        }
        let phrases = plan.matching.required.iter().flatten();
        let phrases: Vec<&Phrase> = phrases.filter(|p| p.slots.contains(&slot)).collect();
        let analyzer = field.analyzer();
        let values = source.get(name).map(texts);
        let texts = values.and_then(Result::ok).unwrap_or_default();
        let mut fragments = Vec::new();
        for (number, text) in texts.iter().enumerate() {
            let marks = marks(&analyzer, &phrases, text);
            if !marks.is_empty() {
                add_fragments(number, text, marks, highlight, &mut fragments);
            }
        }
        if highlight.fragments > 0 {
            // Stable, so that of equal ones the first in the text is the first.
            fragments.sort_by_key(|fragment| Reverse(fragment.worth));
            fragments.truncate(highlight.fragments);
        }
        if !fragments.is_empty() {
            let pieces = fragments.iter().map(|fragment| {
                let text = texts.get(fragment.text).map_or("", String::as_str);
                piece(text, fragment, highlight)
            });
            found.insert(name.to_owned(), pieces.collect());
        }
    }
    found
}

/// A part of a text.
struct Fragment {
    /// The number of the text.
    text: usize,
    range: Range<usize>,
    marks: Vec<Mark>,
    /// The number of different phrases, and of marks.
    worth: (usize, usize),
}

impl Fragment {
    fn new(text: usize, range: Range<usize>, marks: Vec<Mark>) -> Self {
        let mut phrases: Vec<usize> = marks.iter().map(|mark| mark.phrase).collect();
        phrases.sort_unstable();
        phrases.dedup();
        Self {
            text,
            range,
            worth: (phrases.len(), marks.len()),
            marks,
        }
    }
}

/// Divides a text into fragments around its marks. None ends within a match.
fn add_fragments(
    number: usize,
    text: &str,
    marks: Vec<Mark>,
    highlight: &Highlight,
    fragments: &mut Vec<Fragment>,
) {
    if highlight.fragments == 0 {
        fragments.push(Fragment::new(number, 0..text.len(), marks));
        return;
    }
    let mut rest = marks.as_slice();
    let mut behind = 0;
    while let Some(first) = rest.first() {
        let mut window = window(text, behind, &first.range, highlight.fragment_length);
        let inside = rest
            .iter()
            .take_while(|mark| mark.range.end <= window.end)
            .count();
        // The first mark is always inside.
        let mut inside = inside.max(1);
        while let Some([last, next]) = rest.get(inside - 1..=inside)
            && last.goes_on
        {
            window.end = window.end.max(next.range.end);
            inside += 1;
        }
        let (shown, later) = rest.split_at(inside);
        behind = window.end;
        fragments.push(Fragment::new(number, window, shown.to_vec()));
        rest = later;
    }
}

/// Returns the range of about `length` characters around `mark`, not before `behind`, cut between
/// words.
fn window(text: &str, behind: usize, mark: &Range<usize>, length: usize) -> Range<usize> {
    let before = text.get(behind..mark.start).unwrap_or_default();
    let lead = before.char_indices().rev().take(length / 4).last();
    let mut start = lead.map_or(mark.start, |(at, _)| behind + at);
    if start > behind {
        // Start at the beginning of a word.
        let skipped = text.get(start..mark.start).unwrap_or_default();
        let space = skipped.char_indices().find(|(_, c)| c.is_whitespace());
        start += space.map_or(0, |(at, c)| at + c.len_utf8());
    }
    let from_start = text.get(start..).unwrap_or_default();
    let mut end = match from_start.char_indices().nth(length) {
        None => text.len(),
        Some((at, _)) => {
            let cut = from_start.get(..at).unwrap_or_default();
            start + cut.rfind(char::is_whitespace).unwrap_or(at)
        }
    };
    end = end.max(mark.end);
    start..end
}

/// Returns a fragment of a text as HTML.
fn piece(
    text: &str,
    Fragment { range, marks, .. }: &Fragment,
    Highlight { before, after, .. }: &Highlight,
) -> String {
    let mut html = String::with_capacity(range.len() + marks.len() * (before.len() + after.len()));
    let mut at = range.start;
    for Mark { range, .. } in marks {
        escape(text.get(at..range.start).unwrap_or_default(), &mut html);
        html.push_str(before);
        escape(text.get(range.clone()).unwrap_or_default(), &mut html);
        html.push_str(after);
        at = range.end;
    }
    escape(text.get(at..range.end).unwrap_or_default(), &mut html);
    html
}

fn escape(text: &str, html: &mut String) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
}

//! Highlighting of matches.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;

use super::definition::IndexDefinition;
use super::document::texts;
use super::marks::marks;
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
        let mut pieces = Vec::new();
        for text in values.and_then(Result::ok).unwrap_or_default() {
            let marks = marks(&analyzer, &phrases, &text);
            if !marks.is_empty() {
                fragments(&text, &marks, highlight, &mut pieces);
            }
        }
        if !pieces.is_empty() {
            found.insert(name.to_owned(), pieces);
        }
    }
    found
}

fn fragments(text: &str, marks: &[Range<usize>], highlight: &Highlight, pieces: &mut Vec<String>) {
    if highlight.fragments == 0 {
        pieces.push(piece(text, 0..text.len(), marks, highlight));
        return;
    }
    let mut rest = marks;
    let mut behind = 0;
    while let (Some(first), true) = (rest.first(), pieces.len() < highlight.fragments) {
        let window = window(text, behind, first, highlight.fragment_length);
        let inside = rest
            .iter()
            .take_while(|mark| mark.end <= window.end)
            .count();
        // The first mark is always inside.
        let (shown, later) = rest.split_at(inside.max(1));
        behind = window.end;
        pieces.push(piece(text, window, shown, highlight));
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

/// Returns a piece of text as HTML.
fn piece(
    text: &str,
    range: Range<usize>,
    marks: &[Range<usize>],
    Highlight { before, after, .. }: &Highlight,
) -> String {
    let mut html = String::with_capacity(range.len() + marks.len() * (before.len() + after.len()));
    let mut at = range.start;
    for mark in marks {
        escape(text.get(at..mark.start).unwrap_or_default(), &mut html);
        html.push_str(before);
        escape(text.get(mark.clone()).unwrap_or_default(), &mut html);
        html.push_str(after);
        at = mark.end;
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

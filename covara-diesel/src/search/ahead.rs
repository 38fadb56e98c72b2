//! Makes documents ready while those before them are written.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use serde_json::Value;

use super::document::Document;
use super::engine::SearchEngine;
use super::entry::Entry;
use super::error::SearchError;

/// Most documents that go from thread to thread at a time.
const PART: usize = 256;
/// About how many bytes of them.
const PART_BYTES: usize = 1 << 20;
/// Most parts under way.
const UNDER_WAY: usize = 8;

/// An id and its document.
type Given = (String, Value);
type Part = Vec<Given>;
type Made = Result<Vec<Document>, SearchError>;

/// Shows `take` the documents made of `values`, in their order.
///
/// Making the words of many takes about as long as writing them, so a second thread does it, if
/// there is a CPU for it. `values` and `take` stay on this one.
pub(super) fn documents<DB: SearchEngine>(
    entry: &Entry,
    values: impl Iterator<Item = Result<Given, SearchError>>,
    mut take: impl FnMut(Document) -> Result<(), SearchError>,
) -> Result<(), SearchError> {
    let mut values = values.fuse();
    let first = part(&mut values)?;
    let more = first.len() == PART;
    for document in made::<DB>(entry, &first)? {
        take(document)?;
    }
    if !more {
        // Large ones, or all there are.
        return here::<DB>(entry, values, take);
    }
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    if cpus == 1 {
        return here::<DB>(entry, values, take);
    }
    thread::scope(|scope| {
        let (give, given) = channel::<Part>();
        let (hand_back, ready) = channel::<Made>();
        let (number, name, definition) = (entry.number, &entry.name, &entry.definition);
        let work = move || {
            // What keeps stems is one thread's own.
            let entry = Entry::of(number, name, definition.clone(), None);
            serve::<DB>(&entry, &given, &hand_back);
        };
        let named = thread::Builder::new().name("covara-search".to_owned());
        match named.spawn_scoped(scope, work) {
            Ok(_) => there(values, take, &give, &ready),
            Err(_) => here::<DB>(entry, values, take),
        }
    })
}

fn here<DB: SearchEngine>(
    entry: &Entry,
    values: impl Iterator<Item = Result<Given, SearchError>>,
    mut take: impl FnMut(Document) -> Result<(), SearchError>,
) -> Result<(), SearchError> {
    for value in values {
        let (id, value) = value?;
        take(Document::new::<DB>(entry, &id, &value)?)?;
    }
    Ok(())
}

fn there(
    mut values: impl Iterator<Item = Result<Given, SearchError>>,
    mut take: impl FnMut(Document) -> Result<(), SearchError>,
    give: &Sender<Part>,
    ready: &Receiver<Made>,
) -> Result<(), SearchError> {
    let mut under_way = 0;
    let mut some_left = true;
    while some_left || under_way > 0 {
        if some_left && under_way < UNDER_WAY {
            let part = part(&mut values)?;
            some_left = !part.is_empty();
            if some_left && give.send(part).is_ok() {
                under_way += 1;
            }
            continue;
        }
        // The other end is gone only after a panic, which the scope passes on.
        let Ok(documents) = ready.recv() else {
            return Ok(());
        };
        under_way -= 1;
        for document in documents? {
            take(document)?;
        }
    }
    Ok(())
}

/// What the other thread does, until nothing is given any more or nobody takes it.
fn serve<DB: SearchEngine>(entry: &Entry, given: &Receiver<Part>, hand_back: &Sender<Made>) {
    for part in given {
        if hand_back.send(made::<DB>(entry, &part)).is_err() {
            return;
        }
    }
}

fn made<DB: SearchEngine>(entry: &Entry, part: &[Given]) -> Made {
    part.iter()
        .map(|(id, value)| Document::new::<DB>(entry, id, value))
        .collect()
}

fn part(
    values: &mut impl Iterator<Item = Result<Given, SearchError>>,
) -> Result<Part, SearchError> {
    let mut part = Vec::new();
    let mut bytes = 0;
    while part.len() < PART && bytes < PART_BYTES {
        let Some(value) = values.next().transpose()? else {
            break;
        };
        bytes += size(&value.1);
        part.push(value);
    }
    Ok(part)
}

/// About how many bytes of text there are in it.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(size).sum(),
        Value::Object(values) => values
            .iter()
            .map(|(name, value)| name.len() + size(value))
            .sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

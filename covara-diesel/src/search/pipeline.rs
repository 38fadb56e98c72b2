//! Prepares documents while the previous ones are being written.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use serde::Serialize;

use super::document::Documents;
use super::entry::Entry;
use super::error::SearchError;
use super::values::SearchValues;
use super::write::{no_form, read};

/// The maximum number of documents prepared and written at a time.
const PART: usize = 1_024;
/// The approximate maximum size of these documents, in bytes.
const PART_BYTES: usize = 1 << 20;
/// The size of the first part, which decides whether a second thread is worthwhile.
const FIRST: usize = 256;
/// The maximum number of parts in progress.
const UNDER_WAY: usize = 4;

/// Documents in JSON with their ids, in one buffer: memory that one thread allocates and another
/// frees in small pieces slows both.
#[derive(Default)]
pub(super) struct Part {
    bytes: Vec<u8>,
    /// The end of each id and of its document.
    ends: Vec<(usize, usize)>,
}

type MadeDocuments = Result<Documents, SearchError>;

impl Part {
    pub(super) fn push<D>(&mut self, id: &str, document: &D) -> Result<(), SearchError>
    where
        D: Serialize + ?Sized,
    {
        self.bytes.extend_from_slice(id.as_bytes());
        let middle = self.bytes.len();
        serde_json::to_writer(&mut self.bytes, document).map_err(no_form(id))?;
        self.ends.push((middle, self.bytes.len()));
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn fill(
        most: usize,
        mut next: impl FnMut(&mut Self) -> Result<bool, SearchError>,
    ) -> Result<Self, SearchError> {
        let mut part = Self::default();
        while part.ends.len() < most && part.bytes.len() < PART_BYTES && next(&mut part)? {}
        Ok(part)
    }

    fn documents<DB: SearchValues>(&self, entry: &Entry) -> MadeDocuments {
        let mut documents = Documents::default();
        let mut start = 0;
        for &(middle, end) in &self.ends {
            let id = self.bytes.get(start..middle).unwrap_or_default();
            let id = str::from_utf8(id).unwrap_or_default();
            let json = self.bytes.get(middle..end).unwrap_or_default();
            documents.push::<DB>(entry, id, &read(id, json)?)?;
            start = end;
        }
        Ok(documents)
    }
}

/// Prepares the documents that `next` adds to a part, and passes them to `take` in order, many at a
/// time. Each call of `next` adds one document, and returns `false` when none is left.
///
/// Analyzing many documents takes about as long as writing them, so a second thread does it if
/// there is a CPU for it. `next` and `take` run on the current thread.
pub(super) fn documents<DB: SearchValues>(
    entry: &Entry,
    mut next: impl FnMut(&mut Part) -> Result<bool, SearchError>,
    mut take: impl FnMut(Documents) -> Result<(), SearchError>,
) -> Result<(), SearchError> {
    let first = Part::fill(FIRST, &mut next)?;
    take(first.documents::<DB>(entry)?)?;
    // A smaller part has large documents, or contains all there are.
    let many = first.ends.len() == FIRST;
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    if !many || cpus == 1 {
        return on_this_thread::<DB>(entry, next, take);
    }
    thread::scope(|scope| {
        let (give, given) = channel::<Part>();
        let (hand_back, ready) = channel::<MadeDocuments>();
        let (number, name, definition) = (entry.number, &entry.name, &entry.definition);
        let work = move || {
            // The cache of stems cannot be shared between threads.
            let entry = Entry::of(number, name, definition.clone(), None);
            serve::<DB>(&entry, &given, &hand_back);
        };
        let named = thread::Builder::new().name("covara-search".to_owned());
        match named.spawn_scoped(scope, work) {
            Ok(_) => on_two_threads(next, take, &give, &ready),
            Err(_) => on_this_thread::<DB>(entry, next, take),
        }
    })
}

fn on_this_thread<DB: SearchValues>(
    entry: &Entry,
    mut next: impl FnMut(&mut Part) -> Result<bool, SearchError>,
    mut take: impl FnMut(Documents) -> Result<(), SearchError>,
) -> Result<(), SearchError> {
    loop {
        let part = Part::fill(PART, &mut next)?;
        if part.is_empty() {
            return Ok(());
        }
        take(part.documents::<DB>(entry)?)?;
    }
}

fn on_two_threads(
    mut next: impl FnMut(&mut Part) -> Result<bool, SearchError>,
    mut take: impl FnMut(Documents) -> Result<(), SearchError>,
    give: &Sender<Part>,
    ready: &Receiver<MadeDocuments>,
) -> Result<(), SearchError> {
    let mut under_way = 0;
    let mut some_left = true;
    while some_left || under_way > 0 {
        if some_left && under_way < UNDER_WAY {
            let part = Part::fill(PART, &mut next)?;
            some_left = !part.is_empty();
            if some_left && give.send(part).is_ok() {
                under_way += 1;
            }
            continue;
        }
        // The other thread disconnects early only after a panic, which the scope propagates.
        let Ok(documents) = ready.recv() else {
            return Ok(());
        };
        under_way -= 1;
        take(documents?)?;
    }
    Ok(())
}

/// Prepares parts on the second thread until one of the channels is closed.
fn serve<DB: SearchValues>(
    entry: &Entry,
    given: &Receiver<Part>,
    hand_back: &Sender<MadeDocuments>,
) {
    for part in given {
        if hand_back.send(part.documents::<DB>(entry)).is_err() {
            return;
        }
    }
}

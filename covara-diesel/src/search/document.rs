//! Splits documents into source, columns and words.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write;
use std::ops::Range;
use std::{iter, ptr};

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde_json::Value;

use super::analysis::{Analyzer, Unit};
use super::definition::{Field, FieldKind};
use super::entry::Entry;
use super::error::SearchError;
use super::joins;
use super::lead::lead;
use super::spelling::is_learned;
use super::values::{SearchValues, WordSink};
use crate::backend::sql::Bind;

/// The maximum length of an id in bytes: PostgreSQL's indexes hold at most 2,704.
const LONGEST_ID: usize = 1_000;
/// The maximum nesting depth, which is that of `serde_json`.
const DEEPEST: usize = 127;
/// The number of words up to which those that the database has are remembered.
const MOST_KNOWN: usize = 1_000_000;
pub(super) const TOO_DEEP: &str = "it is nested more than 127 deep";

/// Documents ready to be written.
///
/// Their texts are stored in one buffer. One thread creates them and another writes them, and
/// memory that one thread allocates and another frees in small pieces slows both.
#[derive(Debug, Default)]
pub struct Documents {
    text: String,
    columns: Vec<FieldColumn>,
    words: Vec<Option<Range<usize>>>,
    places: Vec<DocumentRanges>,
    /// The words of the fuzzy fields, each once.
    vocabulary: HashSet<String>,
}

/// The positions of a document's parts.
#[derive(Debug)]
struct DocumentRanges {
    id: Range<usize>,
    source: Range<usize>,
    columns: Range<usize>,
    words: Range<usize>,
}

/// The value of a field that has a column.
#[derive(Debug)]
enum FieldColumn {
    Text(Option<Range<usize>>),
    Integer(Option<i64>),
    Double(Option<f64>),
}

impl Documents {
    /// Adds a document.
    pub(super) fn push<DB: SearchValues>(
        &mut self,
        entry: &Entry,
        id: &str,
        document: &Value,
    ) -> Result<(), SearchError> {
        self.add::<DB>(entry, id, document, false)
    }

    /// Adds a row of a table. A value that does not fit its field is omitted: SQLite's columns can
    /// hold any type, and one unusual row must not prevent all others from being searched.
    pub(super) fn push_row<DB: SearchValues>(
        &mut self,
        entry: &Entry,
        id: &str,
        document: &Value,
    ) -> Result<(), SearchError> {
        self.add::<DB>(entry, id, document, true)
    }

    /// Adds a document completely or, on error, not at all.
    fn add<DB: SearchValues>(
        &mut self,
        entry: &Entry,
        id: &str,
        document: &Value,
        lenient: bool,
    ) -> Result<(), SearchError> {
        let (text, columns, words) = (self.text.len(), self.columns.len(), self.words.len());
        let added = self.add_parts::<DB>(entry, id, document, lenient);
        match added {
            Ok((id, source)) => {
                self.places.push(DocumentRanges {
                    id,
                    source,
                    columns: columns..self.columns.len(),
                    words: words..self.words.len(),
                });
                Ok(())
            }
            Err(error) => {
                self.text.truncate(text);
                self.columns.truncate(columns);
                self.words.truncate(words);
                Err(error)
            }
        }
    }

    /// Adds the parts of a document and returns the positions of its id and source.
    fn add_parts<DB: SearchValues>(
        &mut self,
        entry: &Entry,
        id: &str,
        document: &Value,
        lenient: bool,
    ) -> Result<(Range<usize>, Range<usize>), SearchError> {
        check_id(id)?;
        let Value::Object(values) = document else {
            return Err(SearchError::document(id, "it is not a JSON object"));
        };
        if depth(document) > DEEPEST {
            return Err(SearchError::document(id, TOO_DEEP));
        }
        let of = |name: &str| values.get(name).unwrap_or(&Value::Null);
        if entry.definition.has_lead() {
            let lead = lead_of(entry, of);
            let column = self.column(Bind::Text(lead.map(Into::into)));
            self.columns.push(column);
        }
        let wrong = |name: &str, field: &Field| {
            SearchError::document(id, format!("its {name} is no {}", field.kind()))
        };
        for (name, field) in entry.definition.fields() {
            if field.has_column() {
                let value = match column(field.kind(), of(name)) {
                    Err(()) if lenient => column(field.kind(), &Value::Null),
                    value => value,
                };
                let value = value.map_err(|()| wrong(name, field))?;
                let column = self.column(value);
                self.columns.push(column);
            }
        }
        let start = self.text.len();
        let mut sink = DB::Words::default();
        let analyzers = entry.definition.searched().zip(entry.analyzers());
        for (slot, ((name, field), analyzer)) in analyzers.enumerate() {
            let texts = match texts(of(name)) {
                Err(()) if lenient => Vec::new(),
                texts => texts.map_err(|()| wrong(name, field))?,
            };
            let start = self.text.len();
            let mut forms = BTreeSet::new();
            if field.is_joined() {
                let analyzer = analyzer.unstemmed();
                texts
                    .iter()
                    .for_each(|text| joins::forms(&analyzer, text, &mut forms));
            }
            add_words(analyzer, &texts, forms, slot, &mut sink, &mut self.text);
            if field.is_fuzzy() {
                learn(analyzer, &texts, &mut self.vocabulary);
            }
            if DB::Words::PER_FIELD {
                self.words.push(some(start..self.text.len()));
            }
        }
        if !DB::Words::PER_FIELD {
            if !DB::Words::fit(&mut self.text, start) {
                let reason = "it has too many different words for PostgreSQL";
                return Err(SearchError::document(id, reason));
            }
            self.words.push(Some(start..self.text.len()));
        }
        let id = append(&mut self.text, id);
        // Writing to a `String` cannot fail.
        let _ = write!(self.text, "{document}");
        let source = id.end..self.text.len();
        Ok((id, source))
    }

    fn column(&mut self, value: Bind<'_>) -> FieldColumn {
        match value {
            Bind::Integer(number) => FieldColumn::Integer(number),
            Bind::Double(number) => FieldColumn::Double(number),
            Bind::Text(Some(text)) => FieldColumn::Text(Some(append(&mut self.text, &text))),
            // The value of a column is never an array.
            _ => FieldColumn::Text(None),
        }
    }

    /// Leaves out of the vocabulary the words in `known`, and adds the others to it.
    pub(super) fn leave_out_known(&mut self, known: &mut HashSet<String>) {
        if known.len() < MOST_KNOWN {
            let vocabulary = &mut self.vocabulary;
            vocabulary.retain(|word| !known.contains(word));
            known.extend(vocabulary.iter().cloned());
        }
    }

    /// Keeps the last of the documents with the same id.
    pub(crate) fn keep_last_of_each(&mut self) {
        let mut ids = HashSet::with_capacity(self.places.len());
        let documents = self.all().iter().rev();
        let mut last: Vec<bool> = documents
            .map(|document| ids.insert(document.id()))
            .collect();
        if ids.len() < self.places.len() {
            self.places.retain(|_| last.pop().unwrap_or(true));
        }
    }

    pub(crate) fn all(&self) -> DocumentBatch<'_> {
        DocumentBatch {
            of: self,
            places: &self.places,
        }
    }
}

/// A sequence of adjacent documents.
#[derive(Debug, Clone, Copy)]
pub struct DocumentBatch<'d> {
    of: &'d Documents,
    places: &'d [DocumentRanges],
}

impl<'d> DocumentBatch<'d> {
    /// Returns the words of the fuzzy fields in the order of the alphabet. The first part of several
    /// has those of all.
    pub(crate) fn vocabulary(self) -> Vec<&'d str> {
        let first = self.of.places.as_ptr();
        if !ptr::eq(self.places.as_ptr(), first) {
            return Vec::new();
        }
        let words = self.of.vocabulary.iter();
        let mut words: Vec<&str> = words.map(String::as_str).collect();
        words.sort_unstable();
        words
    }

    pub(crate) fn len(self) -> usize {
        self.places.len()
    }

    pub(crate) fn iter(self) -> impl DoubleEndedIterator<Item = Document<'d>> {
        let of = self.of;
        self.places.iter().map(move |place| Document { of, place })
    }

    /// Splits the batch into parts. `count` receives the number of documents left and returns the
    /// size of the next part.
    pub(crate) fn parts(self, count: impl Fn(usize) -> usize) -> impl Iterator<Item = Self> {
        let (of, mut left) = (self.of, self.places);
        iter::from_fn(move || {
            let (places, later) = left.split_at(count(left.len()).min(left.len()));
            left = later;
            (!places.is_empty()).then_some(Self { of, places })
        })
    }
}

/// A document in [`Documents`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Document<'d> {
    of: &'d Documents,
    place: &'d DocumentRanges,
}

impl<'d> Document<'d> {
    fn text(self, range: &Range<usize>) -> &'d str {
        self.of.text.get(range.clone()).unwrap_or_default()
    }

    pub(crate) fn id(self) -> &'d str {
        self.text(&self.place.id)
    }

    pub(crate) fn source(self) -> &'d str {
        self.text(&self.place.source)
    }

    /// Returns the values in the order of [`Entry::columns`].
    pub(crate) fn columns(self) -> impl Iterator<Item = FieldValue<'d>> {
        let columns = self.of.columns.get(self.place.columns.clone());
        let columns = columns.unwrap_or_default().iter();
        columns.map(move |column| match column {
            FieldColumn::Text(range) => {
                FieldValue::Text(range.as_ref().map(|range| self.text(range)))
            }
            FieldColumn::Integer(number) => FieldValue::Integer(number),
            FieldColumn::Double(number) => FieldValue::Double(number),
        })
    }

    /// Returns the words, in the form that the engine takes.
    pub(crate) fn words(self) -> impl Iterator<Item = Option<&'d str>> {
        let words = self.of.words.get(self.place.words.clone());
        let words = words.unwrap_or_default().iter();
        words.map(move |range| range.as_ref().map(|range| self.text(range)))
    }
}

/// The value of a column by reference, as statements bind it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FieldValue<'d> {
    Text(Option<&'d str>),
    Integer(&'d Option<i64>),
    Double(&'d Option<f64>),
}

impl<'d> From<FieldValue<'d>> for Bind<'d> {
    fn from(value: FieldValue<'d>) -> Self {
        match value {
            FieldValue::Text(text) => text.into(),
            FieldValue::Integer(number) => Self::Integer(*number),
            FieldValue::Double(number) => Self::Double(*number),
        }
    }
}

fn append(text: &mut String, more: &str) -> Range<usize> {
    let start = text.len();
    text.push_str(more);
    start..text.len()
}

fn some(range: Range<usize>) -> Option<Range<usize>> {
    (!range.is_empty()).then_some(range)
}

pub(super) fn check_id(id: &str) -> Result<(), SearchError> {
    if id.is_empty() || id.len() > LONGEST_ID || id.contains('\0') {
        let id = id.chars().take(100).collect();
        return Err(SearchError::Id { id });
    }
    Ok(())
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Value::Object(values) => 1 + values.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Returns a keyword as it is stored and compared: PostgreSQL cannot store NUL.
pub(super) fn keyword(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Returns the keywords of a list, each once, as a JSON array.
fn several_keywords(value: &Value) -> Result<Bind<'static>, ()> {
    let texts = texts(value)?;
    let keywords: BTreeSet<String> = texts.iter().map(|text| keyword(text)).collect();
    let some = !keywords.is_empty();
    let list = some.then(|| Value::from_iter(keywords).to_string());
    Ok(Bind::Text(list.map(Into::into)))
}

fn column(kind: FieldKind, value: &Value) -> Result<Bind<'static>, ()> {
    if kind == FieldKind::Keywords {
        return several_keywords(value);
    }
    if value.is_null() {
        return Ok(match kind {
            FieldKind::Text | FieldKind::Keyword | FieldKind::Keywords => Bind::Text(None),
            FieldKind::Integer | FieldKind::Boolean | FieldKind::Date => Bind::Integer(None),
            FieldKind::Float => Bind::Double(None),
        });
    }
    let bind = match (kind, value) {
        (FieldKind::Keyword | FieldKind::Text, Value::String(text)) => keyword(text).into(),
        (FieldKind::Keyword | FieldKind::Text, Value::Number(_) | Value::Bool(_)) => {
            value.to_string().into()
        }
        (FieldKind::Integer, _) => value.as_i64().ok_or(())?.into(),
        (FieldKind::Float, _) => value.as_f64().ok_or(())?.into(),
        (FieldKind::Boolean, Value::Bool(value)) => i64::from(*value).into(),
        (FieldKind::Boolean, Value::Number(number)) => number
            .as_i64()
            .filter(|n| matches!(n, 0 | 1))
            .ok_or(())?
            .into(),
        (FieldKind::Date, Value::String(text)) => date(text).ok_or(())?.timestamp_micros().into(),
        _ => return Err(()),
    };
    Ok(bind)
}

/// The formats of a date and time without an offset.
pub(super) const DATE_TIMES: [&str; 3] = [
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
];

/// Parses a date and time in the formats of RFC 3339, PostgreSQL and SQLite.
pub(super) fn date(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    let mut times = DATE_TIMES.iter();
    let time = times.find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let midnight = || {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(0, 0, 0)
    };
    Some(time.or_else(midnight)?.and_utc())
}

/// Returns the texts of a searched field; a list has one per item.
pub(super) fn texts(value: &Value) -> Result<Vec<String>, ()> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Number(_) | Value::Bool(_) => Ok(vec![value.to_string()]),
        Value::Array(values) => {
            let texts: Vec<Vec<String>> = values
                .iter()
                .map(|value| match value {
                    Value::Array(_) => Err(()),
                    value => texts(value),
                })
                .collect::<Result<_, _>>()?;
            Ok(texts.into_iter().flatten().collect())
        }
        Value::Object(_) => Err(()),
    }
}

/// Returns the first words of the field that leads, if it has any. A value that does not fit the
/// field has none.
fn lead_of<'v>(entry: &Entry, of: impl Fn(&str) -> &'v Value) -> Option<String> {
    let slot = entry.definition.lead_slot()?;
    let (name, _) = entry.definition.searched().nth(slot)?;
    let first = match of(name) {
        Value::Array(values) => values.first()?,
        value => value,
    };
    let texts = texts(first).ok()?;
    let analyzer = entry.analyzers().get(slot)?.unstemmed();
    lead(&analyzer, texts.first()?)
}

/// Adds the words of a field to those that the index learns.
fn learn(analyzer: &Analyzer, texts: &[String], vocabulary: &mut HashSet<String>) {
    let analyzer = analyzer.unstemmed();
    for text in texts {
        analyzer.words(text, |word| {
            let is_new = word.unit == Unit::Word && !vocabulary.contains(word.text);
            if is_new && is_learned(word.text) {
                vocabulary.insert(word.text.to_owned());
            }
            true
        });
    }
}

/// Adds the words of a field, and their other forms and each word that its stem does not tell once more,
/// to be found by their beginnings.
fn add_words<W: WordSink>(
    analyzer: &Analyzer,
    texts: &[String],
    forms: BTreeSet<String>,
    slot: usize,
    words: &mut W,
    to: &mut String,
) {
    let mut wholes = forms;
    for (number, text) in texts.iter().enumerate() {
        if number > 0 {
            words.gap(slot, to);
        }
        analyzer.words(text, |word| {
            words.word(slot, word.text, to);
            if let Some(whole) = word.whole.filter(|whole| !wholes.contains(*whole)) {
                wholes.insert(whole.to_owned());
            }
            true
        });
    }
    for whole in wholes {
        words.beginning(slot, &whole, to);
    }
}

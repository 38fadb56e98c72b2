//! Splits documents into source, columns and words.

use std::collections::HashSet;
use std::fmt::Write;
use std::iter;
use std::ops::Range;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde_json::Value;

use super::analysis::Analyzer;
use super::definition::{Field, FieldKind};
use super::entry::Entry;
use super::error::SearchError;
use super::sql::Bind;
use super::values::{SearchValues, WordSink};

/// Longest id in bytes: PostgreSQL's indexes hold no more than 2,704.
const LONGEST_ID: usize = 1_000;
/// As deep as `serde_json` reads.
const DEEPEST: usize = 127;
pub(super) const TOO_DEEP: &str = "it is nested more than 127 deep";

/// Documents ready to be written.
///
/// Their texts stand one behind the other: one thread makes them and another writes them, and
/// pieces of memory that one asks for and the other gives back cost both.
#[derive(Debug, Default)]
pub struct Documents {
    text: String,
    columns: Vec<FieldColumn>,
    words: Vec<Option<Range<usize>>>,
    places: Vec<DocumentRanges>,
}

/// Where the parts of a document are.
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

    /// Adds a row of a table. What does not fit its field is left out, as SQLite's columns hold
    /// anything, and one odd row must not keep all others from being searched.
    pub(super) fn push_row<DB: SearchValues>(
        &mut self,
        entry: &Entry,
        id: &str,
        document: &Value,
    ) -> Result<(), SearchError> {
        self.add::<DB>(entry, id, document, true)
    }

    /// All of it or nothing.
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

    /// Says where id and source are.
    fn add_parts<DB: SearchValues>(
        &mut self,
        entry: &Entry,
        id: &str,
        document: &Value,
        lenient: bool,
    ) -> Result<(Range<usize>, Range<usize>), SearchError> {
        check_id(id)?;
        let Value::Object(values) = document else {
            return Err(SearchError::document(id, "it is no JSON object"));
        };
        if depth(document) > DEEPEST {
            return Err(SearchError::document(id, TOO_DEEP));
        }
        let of = |name: &str| values.get(name).unwrap_or(&Value::Null);
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
        let analyzers = entry.definition.searched().zip(&entry.analyzers);
        for (slot, ((name, field), analyzer)) in analyzers.enumerate() {
            let texts = match texts(of(name)) {
                Err(()) if lenient => Vec::new(),
                texts => texts.map_err(|()| wrong(name, field))?,
            };
            let start = self.text.len();
            add_words(analyzer, &texts, slot, &mut sink, &mut self.text);
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
        // Nothing fails in writing to a text.
        let _ = write!(self.text, "{document}");
        let source = id.end..self.text.len();
        Ok((id, source))
    }

    fn column(&mut self, value: Bind<'_>) -> FieldColumn {
        match value {
            Bind::Integer(number) => FieldColumn::Integer(number),
            Bind::Double(number) => FieldColumn::Double(number),
            Bind::Text(Some(text)) => FieldColumn::Text(Some(append(&mut self.text, &text))),
            // Columns are no arrays.
            _ => FieldColumn::Text(None),
        }
    }

    /// Of documents with one id keeps the last.
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

/// Documents that stand together.
#[derive(Debug, Clone, Copy)]
pub struct DocumentBatch<'d> {
    of: &'d Documents,
    places: &'d [DocumentRanges],
}

impl<'d> DocumentBatch<'d> {
    pub(crate) fn len(self) -> usize {
        self.places.len()
    }

    pub(crate) fn iter(self) -> impl DoubleEndedIterator<Item = Document<'d>> {
        let of = self.of;
        self.places.iter().map(move |place| Document { of, place })
    }

    /// In parts of so many as `count` says when it is told how many are left.
    pub(crate) fn parts(self, count: impl Fn(usize) -> usize) -> impl Iterator<Item = Self> {
        let (of, mut left) = (self.of, self.places);
        iter::from_fn(move || {
            let (places, later) = left.split_at(count(left.len()).min(left.len()));
            left = later;
            (!places.is_empty()).then_some(Self { of, places })
        })
    }
}

/// One of [`Documents`].
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

    /// The value of each field that has a column, in their order.
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

    /// The words, as the engine takes them.
    pub(crate) fn words(self) -> impl Iterator<Item = Option<&'d str>> {
        let words = self.of.words.get(self.place.words.clone());
        let words = words.unwrap_or_default().iter();
        words.map(move |range| range.as_ref().map(|range| self.text(range)))
    }
}

/// By reference, as statements bind it.
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

/// A keyword as it is stored and compared: PostgreSQL holds no NUL.
pub(super) fn keyword(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn column(kind: FieldKind, value: &Value) -> Result<Bind<'static>, ()> {
    if value.is_null() {
        return Ok(match kind {
            FieldKind::Text | FieldKind::Keyword => Bind::Text(None),
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

/// Reads a moment as RFC 3339, PostgreSQL and SQLite write it.
pub(super) fn date(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    let formats = [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
    ];
    let mut times = formats.iter();
    let time = times.find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let midnight = || {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(0, 0, 0)
    };
    Some(time.or_else(midnight)?.and_utc())
}

/// The texts of a searched field; a list has one per item.
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

fn add_words<W: WordSink>(
    analyzer: &Analyzer,
    texts: &[String],
    slot: usize,
    words: &mut W,
    to: &mut String,
) {
    for (number, text) in texts.iter().enumerate() {
        if number > 0 {
            words.gap(slot, to);
        }
        analyzer.words(text, |word| {
            words.word(slot, word.text, to);
            true
        });
    }
}

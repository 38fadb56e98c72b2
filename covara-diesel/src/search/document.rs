//! What of a document goes where.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde_json::Value;

use super::analysis::Analyzer;
use super::definition::FieldKind;
use super::engine::{SearchEngine, WordSink};
use super::entry::Entry;
use super::error::SearchError;
use super::sql::Bind;

/// Longest id in bytes: PostgreSQL's indexes hold no more than 2,704.
const LONGEST_ID: usize = 1_000;
/// As deep as `serde_json` reads.
const DEEPEST: usize = 127;

/// A document ready to be written.
#[derive(Debug)]
pub struct Document {
    pub(crate) id: String,
    pub(crate) source: String,
    /// The value of each field that has a column, in their order.
    pub(crate) columns: Vec<Bind<'static>>,
    /// The words, as the engine takes them.
    pub(crate) words: Vec<Option<String>>,
}

impl Document {
    pub(super) fn new<DB: SearchEngine>(
        entry: &Entry,
        id: &str,
        document: &Value,
    ) -> Result<Self, SearchError> {
        Self::build::<DB>(entry, id, document, false)
    }

    /// A row of a table. What does not fit its field is left out, as SQLite's columns hold
    /// anything, and one odd row must not keep all others from being searched.
    pub(super) fn of_row<DB: SearchEngine>(
        entry: &Entry,
        id: &str,
        document: &Value,
    ) -> Result<Self, SearchError> {
        Self::build::<DB>(entry, id, document, true)
    }

    fn build<DB: SearchEngine>(
        entry: &Entry,
        id: &str,
        document: &Value,
        lenient: bool,
    ) -> Result<Self, SearchError> {
        check_id(id)?;
        let Value::Object(values) = document else {
            return Err(SearchError::document(id, "it is no JSON object"));
        };
        if depth(document) > DEEPEST {
            return Err(SearchError::document(id, "it is nested more than 127 deep"));
        }
        let mut columns = Vec::new();
        let mut words = DB::Words::default();
        let mut slot = 0;
        for (name, field) in entry.definition.fields() {
            let value = values.get(name).unwrap_or(&Value::Null);
            let wrong = |()| {
                let reason = format!("its {name} is no {}", field.kind());
                SearchError::document(id, reason)
            };
            if field.has_column() {
                let found = match column(field.kind(), value) {
                    Err(()) if lenient => column(field.kind(), &Value::Null),
                    found => found,
                };
                columns.push(found.map_err(wrong)?);
            }
            if field.searched() {
                match texts(value) {
                    Err(()) if lenient => {}
                    found => {
                        let texts = found.map_err(wrong)?;
                        if let Some(analyzer) = entry.analyzers.get(slot) {
                            add_words(analyzer, &texts, slot, &mut words);
                        }
                    }
                }
                slot += 1;
            }
        }
        let words = words.finish(slot).ok_or_else(|| {
            SearchError::document(id, "it has too many different words for PostgreSQL")
        })?;
        Ok(Self {
            id: id.to_owned(),
            source: document.to_string(),
            columns,
            words,
        })
    }

    /// About how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        let words = self.words.iter().flatten().map(String::len);
        self.source.len() + words.sum::<usize>()
    }
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

fn add_words(analyzer: &Analyzer, texts: &[String], slot: usize, words: &mut impl WordSink) {
    for (number, text) in texts.iter().enumerate() {
        if number > 0 {
            words.gap(slot);
        }
        words.reserve(slot, text.len());
        analyzer.words(text, |word| {
            words.word(slot, word.text);
            true
        });
    }
}

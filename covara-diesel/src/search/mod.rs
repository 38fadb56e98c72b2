//! Full-text search in SQLite and PostgreSQL, without another service.

mod adapter;
mod analysis;
mod catalogue;
mod cursor;
mod definition;
mod document;
mod engine;
mod entry;
mod error;
mod find;
mod highlight;
mod plan;
mod query;
mod searchable;
mod sql;
mod terms;
mod watch;
mod write;

pub use adapter::SearchAdapter;
pub use analysis::Language;
pub use covara_derive::Searchable;
pub use definition::{Field, FieldKind, IndexDefinition};
#[doc(hidden)]
pub use engine::SearchEngine;
pub use error::SearchError;
pub use query::{
    Filter, FilterValue, Highlight, SearchHit, SearchQuery, SearchResult, Sort,
};
pub use searchable::Searchable;

pub use crate::search_adapters::*;

pub(crate) use definition::{FieldKind as Kind, MOST_SEARCHED, WatchedTable};
pub(crate) use document::Document;
pub(crate) use engine::{Guard, WordSink};
pub(crate) use entry::{CATALOGUE, Entry, EntryRow};
pub(crate) use plan::Plan;
pub(crate) use sql::{Bind, Sql};
pub(crate) use terms::{Matching, Phrase};

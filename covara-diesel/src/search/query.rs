//! What is asked and what is answered.

use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};

use chrono::{DateTime, Utc};
use serde_json::Value;

/// What to look for in an index.
///
/// ```
/// use covara_diesel::search::{Filter, Highlight, SearchQuery, Sort};
///
/// let query = SearchQuery::new("\"full text\" search* -slow")
///     .syntax()
///     .fields(["title", "body"])
///     .field_weight("title", 3.0)
///     .filter(Filter::is("tag", "databases"))
///     .filter(Filter::range("year", 2020..))
///     .highlight(Highlight::new())
///     .sort(Sort::descending("year"))
///     .from(20)
///     .size(10);
///
/// // The same as a struct:
/// let all = SearchQuery { query: "rust".into(), size: 100, ..SearchQuery::default() };
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SearchQuery {
    /// What somebody typed. A document is found if it has all the words, each in one of the
    /// [`fields`](method@Self::fields). Without a word nothing is found.
    pub query: String,
    /// Whether `"…"`, `…*` and `-…` are operators; see [`syntax`](method@Self::syntax).
    pub syntax: bool,
    /// The fields to look in. Default, an empty list: all that are searched.
    pub fields: Vec<String>,
    /// Weights of fields in this query, instead of those in the index's definition.
    pub field_weights: BTreeMap<String, f64>,
    /// What documents must be like besides. All of it must hold.
    pub filters: Vec<Filter>,
    /// How many hits to skip. Default: 0.
    pub from: usize,
    /// How many hits to return. Default: 20. With 0 only the total is found out.
    pub size: usize,
    /// Whether and how to show what was found. Default: not.
    pub highlight: Option<Highlight>,
    /// The order of the hits; equals are in the order of their ids. Default, an empty list: by
    /// score, the highest first.
    pub sort: Vec<Sort>,
    /// Where to go on: [`SearchResult::cursor`] of the page before. Default: at the start.
    pub cursor: Option<String>,
    /// How many matches to look at; see [`bound`](method@Self::bound).
    pub bound: Option<usize>,
}

impl Default for SearchQuery {
    fn default() -> Self {
        Self::new("")
    }
}

impl SearchQuery {
    /// All words of `query`, whatever signs are among them.
    #[must_use]
    pub fn new(query: impl Into<String>) -> Self {
        Self {
            query: query.into(),
            syntax: false,
            fields: Vec::new(),
            field_weights: BTreeMap::new(),
            filters: Vec::new(),
            from: 0,
            size: 20,
            highlight: None,
            sort: Vec::new(),
            cursor: None,
            bound: None,
        }
    }

    /// Lets the query have phrases (`"new york"`), beginnings of words (`auto*`) and
    /// exclusions (`-slow`, `-"old york"`).
    ///
    /// There is no wrong syntax: a quotation mark without its second ends with the query, and
    /// any other sign is between words. A query of exclusions only finds nothing.
    #[must_use]
    pub fn syntax(mut self) -> Self {
        self.syntax = true;
        self
    }

    /// Looks in these fields only.
    #[must_use]
    pub fn fields(mut self, fields: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.fields = fields.into_iter().map(Into::into).collect();
        self
    }

    /// Gives a field another weight than the index's definition has.
    #[must_use]
    pub fn field_weight(mut self, field: impl Into<String>, weight: f64) -> Self {
        self.field_weights.insert(field.into(), weight);
        self
    }

    /// Adds something that must hold of the documents.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// Skips so many hits. For deep pages [`cursor`](method@Self::cursor) is faster, and stays in
    /// its place when documents come or go.
    #[must_use]
    pub fn from(mut self, hits: usize) -> Self {
        self.from = hits;
        self
    }

    /// Returns so many hits.
    #[must_use]
    pub fn size(mut self, hits: usize) -> Self {
        self.size = hits;
        self
    }

    /// Shows what was found in each hit.
    #[must_use]
    pub fn highlight(mut self, highlight: Highlight) -> Self {
        self.highlight = Some(highlight);
        self
    }

    /// Adds an order, for those hits that are equal in the orders before.
    #[must_use]
    pub fn sort(mut self, sort: Sort) -> Self {
        self.sort.push(sort);
        self
    }

    /// Continues after the page that this cursor came with. The order must be the same.
    #[must_use]
    pub fn cursor(mut self, cursor: impl Into<String>) -> Self {
        self.cursor = Some(cursor.into());
        self
    }

    /// Looks at no more than so many matches, the ones that were added last first on SQLite,
    /// any on PostgreSQL.
    ///
    /// What makes wide queries slow is that every match must be counted, and ranked to know
    /// the best. With a bound only so many are, and [`SearchResult::total`] goes no further;
    /// the best of them are returned.
    #[must_use]
    pub fn bound(mut self, matches: usize) -> Self {
        self.bound = Some(matches);
        self
    }
}

/// A condition on a field that is not [`Field::text`](super::Field::text).
///
/// A document without a value fulfils none.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    pub(super) field: String,
    pub(super) condition: FilterCondition,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum FilterCondition {
    OneOf(Vec<FilterValue>),
    Range(Bound<FilterValue>, Bound<FilterValue>),
    Present,
}

impl Filter {
    /// The field has this value. Texts are compared as they are, letter for letter.
    #[must_use]
    pub fn is(field: impl Into<String>, value: impl Into<FilterValue>) -> Self {
        Self::one_of(field, [value])
    }

    /// The field has one of these values, of which there may be up to 65,536; floats up to
    /// 16,384, and over Cloudflare D1 fewer than 100.
    #[must_use]
    pub fn one_of(
        field: impl Into<String>,
        values: impl IntoIterator<Item = impl Into<FilterValue>>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        Self {
            field: field.into(),
            condition: FilterCondition::OneOf(values),
        }
    }

    /// The field's value is in this range, such as `2000..`, `..=9.5` or `"a".."b"`. Texts
    /// are compared byte for byte.
    #[must_use]
    pub fn range<V>(field: impl Into<String>, range: impl RangeBounds<V>) -> Self
    where
        V: Clone + Into<FilterValue>,
    {
        let value = |bound: Bound<&V>| bound.map(|value| value.clone().into());
        Self {
            field: field.into(),
            condition: FilterCondition::Range(value(range.start_bound()), value(range.end_bound())),
        }
    }

    /// The field has a value.
    #[must_use]
    pub fn present(field: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            condition: FilterCondition::Present,
        }
    }
}

/// A value to compare a field with.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum FilterValue {
    /// For keywords; for dates as RFC 3339.
    Text(String),
    /// For integers and floats.
    Integer(i64),
    /// For floats.
    Float(f64),
    /// For booleans.
    Boolean(bool),
    /// For dates.
    Date(DateTime<Utc>),
}

macro_rules! filter_values {
    ($($ty:ty => $variant:ident),+ $(,)?) => {
        $(
            impl From<$ty> for FilterValue {
                fn from(value: $ty) -> Self {
                    Self::$variant(value.into())
                }
            }
        )+
    };
}

filter_values! {
    &str => Text, String => Text, &String => Text,
    i64 => Integer, i32 => Integer, u32 => Integer, i16 => Integer, u16 => Integer,
    u8 => Integer, i8 => Integer,
    f64 => Float, f32 => Float,
    bool => Boolean,
    DateTime<Utc> => Date,
}

/// One order of hits. Documents without a value come last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// `None` is the score.
    pub(super) field: Option<String>,
    pub(super) descending: bool,
}

impl Sort {
    /// By score, the highest first.
    #[must_use]
    pub fn score() -> Self {
        Self {
            field: None,
            descending: true,
        }
    }

    /// By a field that is not [`Field::text`](super::Field::text), the least first. Texts are
    /// compared byte for byte.
    #[must_use]
    pub fn ascending(field: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            descending: false,
        }
    }

    /// By a field that is not [`Field::text`](super::Field::text), the greatest first.
    #[must_use]
    pub fn descending(field: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            descending: true,
        }
    }
}

/// How what was found is shown: pieces of the text around it, as HTML, in which everything
/// but the tags given here is escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Highlight {
    pub(super) before: String,
    pub(super) after: String,
    pub(super) fragment_length: usize,
    /// 0 is the whole field in one piece.
    pub(super) fragments: usize,
}

impl Default for Highlight {
    fn default() -> Self {
        Self::new()
    }
}

impl Highlight {
    /// With `<em>` and `</em>`, in up to three pieces of 150 characters.
    #[must_use]
    pub fn new() -> Self {
        Self {
            before: "<em>".to_owned(),
            after: "</em>".to_owned(),
            fragment_length: 150,
            fragments: 3,
        }
    }

    /// Sets what stands before and after a found word. Default: `<em>` and `</em>`.
    #[must_use]
    pub fn tags(mut self, before: impl Into<String>, after: impl Into<String>) -> Self {
        self.before = before.into();
        self.after = after.into();
        self
    }

    /// Sets the length of a piece in characters, without tags. Default: 150.
    #[must_use]
    pub fn fragment_length(mut self, characters: usize) -> Self {
        self.fragment_length = characters;
        self
    }

    /// Sets how many pieces of a field are shown at most. Default: 3. With 0 the whole field is
    /// shown, as with [`whole`](Self::whole).
    #[must_use]
    pub fn fragments(mut self, pieces: usize) -> Self {
        self.fragments = pieces;
        self
    }

    /// The whole of each field in which something was found.
    #[must_use]
    pub fn whole(mut self) -> Self {
        self.fragments = 0;
        self
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct SearchResult {
    /// The page that was asked for.
    pub hits: Vec<SearchHit>,
    /// How many documents match, on this page or not; no more than [`SearchQuery::bound`](method@SearchQuery::bound).
    pub total: usize,
    /// Whether there may be more than `total`, as the bound was reached.
    pub more: bool,
    /// Where the next page begins, if this one is full.
    pub cursor: Option<String>,
}

/// A document that matches.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SearchHit {
    /// Its id.
    pub id: String,
    /// How well it matches, the more the better; comparable within one query and engine
    /// only. 0 if the score has no part in the order.
    pub score: f64,
    /// The document, as it was given.
    pub source: Value,
    /// Pieces of the fields in which something was found, if [`SearchQuery::highlight`](method@SearchQuery::highlight) asks.
    pub highlights: BTreeMap<String, Vec<String>>,
}

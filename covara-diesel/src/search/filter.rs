//! Conditions on the fields of documents.

use std::ops::{Bound, RangeBounds};

use chrono::{DateTime, Utc};

/// A condition on documents, by a field that is not [`Field::text`](super::Field::text).
///
/// ```
/// use covara_diesel::search::Filter;
///
/// let new_or_praised = Filter::any([
///     Filter::range("year", 2024..),
///     Filter::all([Filter::is("prize", true), Filter::present("review")]),
/// ]);
/// let no_draft = Filter::not(Filter::one_of("state", ["draft", "deleted"]));
/// ```
///
/// A field of several [keywords](super::Field::keywords) satisfies a filter if one of them does. A
/// document without a value in the field satisfies none but [`not`](Self::not). A query may have
/// up to 256 conditions, with those in other ones, and up to 16 of them in each other. Over
/// Cloudflare D1 all values of a query are at most 100.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter(pub(super) Condition);

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    Field(String, FieldCondition),
    Not(Box<Filter>),
    Any(Vec<Filter>),
    All(Vec<Filter>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum FieldCondition {
    OneOf(Vec<FilterValue>),
    Range(Bound<FilterValue>, Bound<FilterValue>),
    Present,
}

impl Filter {
    fn field(field: impl Into<String>, condition: FieldCondition) -> Self {
        Self(Condition::Field(field.into(), condition))
    }

    /// Requires that the field has this value. Texts are compared exactly.
    #[must_use]
    pub fn is(field: impl Into<String>, value: impl Into<FilterValue>) -> Self {
        Self::one_of(field, [value])
    }

    /// Requires that the field has one of these values, of which there may be up to 65,536; for
    /// floats up to 16,384, and over Cloudflare D1 fewer than 100.
    #[must_use]
    pub fn one_of(
        field: impl Into<String>,
        values: impl IntoIterator<Item = impl Into<FilterValue>>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        Self::field(field, FieldCondition::OneOf(values))
    }

    /// Requires that the field's value is in this range, such as `2000..`, `..=9.5` or `"a".."b"`.
    /// Texts are compared byte by byte.
    #[must_use]
    pub fn range<V>(field: impl Into<String>, range: impl RangeBounds<V>) -> Self
    where
        V: Clone + Into<FilterValue>,
    {
        let value = |bound: Bound<&V>| bound.map(|value| value.clone().into());
        let (start, end) = (value(range.start_bound()), value(range.end_bound()));
        Self::field(field, FieldCondition::Range(start, end))
    }

    /// Requires that the field has a value.
    #[must_use]
    pub fn present(field: impl Into<String>) -> Self {
        Self::field(field, FieldCondition::Present)
    }

    /// Requires that a document does not satisfy the filter. One without a value in the field does
    /// not: `not(is("state", "draft"))` also finds documents without a state.
    #[must_use]
    #[expect(
        clippy::should_implement_trait,
        reason = "it is no operator, but one of several functions"
    )]
    pub fn not(filter: Self) -> Self {
        Self(Condition::Not(Box::new(filter)))
    }

    /// Requires that a document satisfies at least one of the filters. Without filters, none does.
    #[must_use]
    pub fn any(filters: impl IntoIterator<Item = Self>) -> Self {
        Self(Condition::Any(filters.into_iter().collect()))
    }

    /// Requires that a document satisfies all filters, as those of a query together. Without
    /// filters, every document does.
    #[must_use]
    pub fn all(filters: impl IntoIterator<Item = Self>) -> Self {
        Self(Condition::All(filters.into_iter().collect()))
    }
}

/// A value to compare a field with.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum FilterValue {
    /// A text, for keywords; for dates in the format of RFC 3339.
    Text(String),
    /// A whole number, for integers and floats.
    Integer(i64),
    /// A number, for floats.
    Float(f64),
    /// A boolean, for booleans.
    Boolean(bool),
    /// A date and time, for dates.
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

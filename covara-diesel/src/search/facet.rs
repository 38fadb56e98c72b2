//! Counts of values among the matches of a query.

use std::ops::RangeBounds;

use super::filter::{Filter, FilterValue};

/// A field whose values are counted among the matches of a query, on all pages.
///
/// ```
/// use covara_diesel::pool;
/// use covara_diesel::search::{
///     Facet, Field, FilterValue, IndexDefinition, SearchAdapter, SearchQuery, SqliteFts,
/// };
/// use serde_json::json;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let pool = pool::sqlite(":memory:")?;
/// # let conn = &mut pool.get()?;
/// let books = IndexDefinition::new()
///     .field("title", Field::text())
///     .field("genre", Field::keyword().unsearched())
///     .field("price", Field::float());
/// SqliteFts.create_index(conn, "books", &books)?;
/// SqliteFts.index_many(conn, "books", [
///     ("1", json!({"title": "Red stars", "genre": "fiction", "price": 9.5})),
///     ("2", json!({"title": "Stars and dust", "genre": "science", "price": 30})),
///     ("3", json!({"title": "Dying stars", "genre": "science", "price": 45})),
/// ])?;
///
/// let query = SearchQuery::new("stars")
///     .facet(Facet::values("genre"))
///     .facet(Facet::ranges("price", [0.0..20.0, 20.0..40.0]));
/// let found = SqliteFts.search(conn, "books", &query)?;
/// let [genres, prices] = &found.facets[..] else { panic!("one for each facet") };
/// assert_eq!(genres[0].value, Some(FilterValue::from("science")));
/// assert_eq!((genres[0].count, genres[1].count), (2, 1));
/// assert_eq!((prices[0].count, prices[1].count), (1, 1));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Facet {
    pub(super) field: String,
    pub(super) counted: Counted,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Counted {
    /// At most that many values.
    Values(usize),
    Ranges(Vec<Filter>),
}

impl Facet {
    /// Counts each value of a field that is not [`Field::text`](super::Field::text): the 10 most
    /// frequent ones, or [`most`](Self::most). Equally frequent ones are in their order. Documents
    /// without a value are not counted.
    #[must_use]
    pub fn values(field: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            counted: Counted::Values(10),
        }
    }

    /// Counts the values in each range, of which there may be up to 32. They may overlap. Ranges such as
    /// `..10` and `10..100` are of different types; write them as pairs of
    /// [`Bound`](std::ops::Bound)s.
    #[must_use]
    pub fn ranges<V>(
        field: impl Into<String>,
        ranges: impl IntoIterator<Item = impl RangeBounds<V>>,
    ) -> Self
    where
        V: Clone + Into<FilterValue>,
    {
        let field = field.into();
        let ranges = ranges.into_iter();
        let ranges = ranges.map(|range| Filter::range(field.clone(), range));
        Self {
            counted: Counted::Ranges(ranges.collect()),
            field,
        }
    }

    /// Returns the counts if there is no match.
    pub(super) fn none(&self) -> Vec<FacetCount> {
        match &self.counted {
            Counted::Values(_) => Vec::new(),
            Counted::Ranges(ranges) => {
                let ranges = ranges.iter();
                ranges.map(|_| FacetCount::new(None, None)).collect()
            }
        }
    }

    /// Sets how many values are returned, most frequent first. Default: 10. It has no effect on ranges.
    #[must_use]
    pub fn most(mut self, values: usize) -> Self {
        if let Counted::Values(most) = &mut self.counted {
            *most = values;
        }
        self
    }
}

/// How many matches have a value.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FacetCount {
    /// The value, as a filter takes it; `None` for a range.
    pub value: Option<FilterValue>,
    /// The number of matches that have it, but at most
    /// [`SearchQuery::bound`](method@super::SearchQuery::bound).
    pub count: usize,
}

impl FacetCount {
    pub(super) fn new(value: Option<FilterValue>, count: Option<i64>) -> Self {
        let count = count.and_then(|count| usize::try_from(count).ok());
        Self {
            value,
            count: count.unwrap_or(0),
        }
    }
}

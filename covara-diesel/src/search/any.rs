//! Search on a database whose type is known only at run time.

use std::marker::PhantomData;

use diesel::Connection;

use super::adapter::{AdapterEngine, SearchAdapter};
use crate::backend::sealed::Sealed;

/// Full-text search on any database: on an [`AnyConnection`](crate::AnyConnection), and on any
/// typed connection.
///
/// Its methods are those of [`SearchAdapter`], with the same results and errors.
///
/// ```
/// use covara_diesel::open;
/// use covara_diesel::search::{Field, Fts, IndexDefinition, SearchQuery};
/// use serde_json::json;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut conn = open(":memory:")?.get()?;
/// let places = IndexDefinition::new().field("name", Field::text());
/// Fts.create_index(&mut conn, "places", &places)?;
/// Fts.index(&mut conn, "places", "1", &json!({"name": "São Paulo"}))?;
///
/// let found = Fts.search(&mut conn, "places", &SearchQuery::new("sao paulo"))?;
/// assert_eq!((found.total, found.hits[0].id.as_str()), (1, "1"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fts;

/// The adapter of one backend.
pub(super) struct Of<DB>(PhantomData<DB>);

impl<DB> Sealed for Of<DB> {}

impl<DB: AdapterEngine> SearchAdapter for Of<DB> {
    type Backend = DB;
}

impl Fts {
    /// Returns the adapter for a typed connection.
    pub(super) fn of<C: Connection>(_: &C) -> Of<C::Backend> {
        Of(PhantomData)
    }
}

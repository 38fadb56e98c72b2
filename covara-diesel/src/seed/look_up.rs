//! Look-ups of the keys of rows by another unique column.

use diesel::QueryResult;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Bool, Integer, Text};

use super::engine::SeedEngine;

/// The column whose value is wanted, and the one by which its row is known, all quoted.
#[derive(Debug)]
pub struct WantedKey {
    /// The table that has both, or a query in its place.
    pub table: String,
    /// The unique column of which the value is given.
    pub by: String,
    /// The column whose value is wanted.
    pub key: String,
}

/// The key of a row.
#[derive(Debug)]
pub struct FoundKeyValue {
    /// Position of the given value, from 0.
    pub position: usize,
    /// `true` if the database has it as a number.
    pub is_number: bool,
    /// The key as a file has it.
    pub text: String,
}

/// A query about values, which are `(0, …), (1, …)`: their positions and themselves. It returns the
/// position, whether the key is a number, and the key's text.
pub(crate) struct LookUp<'r, DB> {
    pub(crate) before: &'static str,
    pub(crate) values: &'r dyn QueryFragment<DB>,
    pub(crate) after: String,
}

impl<DB> QueryId for LookUp<'_, DB> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: SeedEngine> QueryFragment<DB> for LookUp<'_, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        // It has another text for each number of values.
        out.unsafe_to_cache_prepared();
        out.push_sql(self.before);
        self.values.walk_ast(out.reborrow())?;
        out.push_sql(&self.after);
        Ok(())
    }
}

impl<DB> Query for LookUp<'_, DB> {
    type SqlType = (Integer, Bool, Text);
}

impl<C, DB> diesel::query_dsl::RunQueryDsl<C> for LookUp<'_, DB> {}

/// Returns the rows of a [`LookUp`] as keys.
pub(crate) fn found(rows: Vec<(i32, bool, String)>) -> Vec<FoundKeyValue> {
    let found = rows.into_iter().filter_map(|(position, is_number, text)| {
        Some(FoundKeyValue {
            position: position.try_into().ok()?,
            is_number,
            text,
        })
    });
    found.collect()
}

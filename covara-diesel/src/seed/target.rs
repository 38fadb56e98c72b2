//! The table and columns that a seed fills.

use diesel::QueryResult;
use diesel::query_builder::{QueryBuilder, QueryFragment};

use super::error::SeedError;
use crate::backend::connection::BackendConnection;
use crate::backend::engine::Engine;
use crate::backend::row::SeedRow;
use crate::seed::engine::SeedEngine;

/// A table and its seeded columns.
#[derive(Debug)]
pub(crate) struct SeedTarget {
    /// The table's quoted name.
    pub(crate) table: String,
    pub(crate) columns: Vec<String>,
    /// The columns by which rows are updated; none for the primary key.
    pub(crate) conflict: Vec<String>,
}

impl SeedTarget {
    /// Returns the table and columns of the derive.
    pub(crate) fn of<C, T>() -> Result<Self, SeedError>
    where
        C: BackendConnection<Backend: SeedEngine>,
        T: SeedRow<C::Backend>,
    {
        let mut sql = <C::Backend as diesel::backend::Backend>::QueryBuilder::default();
        T::Table::default().to_sql(&mut sql, &C::Backend::backend())?;
        let mut columns = Vec::new();
        T::columns(&mut columns);
        let mut conflict = Vec::new();
        T::conflict(&mut conflict);
        let target = Self {
            table: sql.finish(),
            columns: columns.into_iter().map(str::to_owned).collect(),
            conflict: conflict.into_iter().map(str::to_owned).collect(),
        };
        // The derive cannot see into embedded structs, and SQLite would take the first value.
        let columns = &target.columns;
        match (1..columns.len()).find(|&at| columns[..at].contains(&columns[at])) {
            Some(at) => Err(SeedError::ColumnTwice {
                table: target.name(),
                column: columns[at].clone(),
            }),
            None => Ok(target),
        }
    }

    /// Returns the table's unquoted name: `app.users` for `"app"."users"`.
    pub(crate) fn name(&self) -> String {
        unquoted(&self.table)
    }
}

/// Removes the quotes from a name such as `"app"."users"` or `` `users` ``. A quote in a name, which
/// is written twice, remains.
pub(crate) fn unquoted(sql_name: &str) -> String {
    let mut name = String::with_capacity(sql_name.len());
    let mut open = None;
    let mut chars = sql_name.chars().peekable();
    while let Some(c) = chars.next() {
        match open {
            None if matches!(c, '"' | '`') => open = Some(c),
            Some(quote) if c == quote => match chars.next_if_eq(&quote) {
                Some(quote) => name.push(quote),
                None => open = None,
            },
            _ => name.push(c),
        }
    }
    name
}

/// Quotes the name of a column.
pub(crate) fn quoted_name<DB: SeedEngine>(name: &str) -> QueryResult<String> {
    let mut sql = DB::QueryBuilder::default();
    sql.push_identifier(name)?;
    Ok(sql.finish())
}

//! Where a seed's rows go.

use diesel::query_builder::{QueryBuilder, QueryFragment};

use super::error::{SeedError, outside};
use crate::backend::connection::DatabaseConnection;
use crate::backend::engine::Engine;
use crate::backend::row::SeedRow;

/// A table and those of its columns that are seeded.
#[derive(Debug)]
pub(crate) struct SeedTarget {
    /// As SQL.
    pub(crate) table: String,
    pub(crate) columns: Vec<String>,
}

impl SeedTarget {
    /// The table and columns that the derive was given.
    pub(crate) fn of<C, T>() -> Result<Self, SeedError>
    where
        C: DatabaseConnection,
        T: SeedRow<C::Backend>,
    {
        let mut sql = <C::Backend as diesel::backend::Backend>::QueryBuilder::default();
        T::Table::default()
            .to_sql(&mut sql, &C::Backend::backend())
            .map_err(outside::<C>)?;
        let mut columns = Vec::new();
        T::columns(&mut columns);
        let target = Self {
            table: sql.finish(),
            columns: columns.into_iter().map(str::to_owned).collect(),
        };
        // The derive cannot see into embedded structs; SQLite would take the first value.
        let columns = &target.columns;
        match (1..columns.len()).find(|&at| columns[..at].contains(&columns[at])) {
            Some(at) => Err(SeedError::ColumnTwice {
                table: target.name(),
                column: columns[at].clone(),
            }),
            None => Ok(target),
        }
    }

    /// The table's name as people write it: `app.users` for `"app"."users"`.
    pub(crate) fn name(&self) -> String {
        unquoted(&self.table)
    }
}

/// `"app"."users"` and `` `users` `` as people write them.
pub(crate) fn unquoted(sql_name: &str) -> String {
    sql_name.replace(['"', '`'], "")
}

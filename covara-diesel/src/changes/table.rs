//! The tables whose changes are logged.

use diesel::backend::Backend;
use diesel::query_builder::{QueryBuilder, QueryFragment};

// Either backend writes the name of a table, with its own quotes.
#[cfg(not(feature = "sqlite"))]
use diesel::pg::Pg as Namer;
#[cfg(feature = "sqlite")]
use diesel::sqlite::Sqlite as Namer;

use crate::backend::engine::Engine;
use crate::backend::name;

/// What the log keeps of each change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capture {
    /// The key and the operation.
    Keys,
    /// The key, the operation, and the row before and after.
    Rows,
}

impl Capture {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Rows => "rows",
        }
    }
}

/// A table of a `diesel::table!`. Every one is.
pub trait LoggedTable: diesel::Table + Default + QueryFragment<Namer> {}

impl<T: diesel::Table + Default + QueryFragment<Namer>> LoggedTable for T {}

/// A table whose changes are logged, by its unquoted name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturedTable {
    pub(crate) schema: Option<String>,
    pub(crate) table: String,
    pub(crate) capture: Capture,
}

impl CapturedTable {
    pub(super) fn of<T: LoggedTable>(capture: Capture) -> Self {
        let mut sql = <Namer as Backend>::QueryBuilder::default();
        // Writing a name cannot fail. If it did, `install` would find no table without a name.
        let _ = T::default().to_sql(&mut sql, &Namer::backend());
        let sql = sql.finish();
        let quote = sql.chars().next().unwrap_or('"');
        let (schema, table) = name::parts(&sql, quote);
        Self {
            schema,
            table,
            capture,
        }
    }

    /// Returns the name as changes have it.
    pub(crate) fn name(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.table),
            None => self.table.clone(),
        }
    }
}

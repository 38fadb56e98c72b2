//! The two SQL dialects.

use std::fmt;

/// The SQL dialect of a connection, always inferred from the connection's type.
///
/// ```
/// # use covara_diesel::Dialect;
/// assert_eq!(Dialect::Postgres.to_string(), "PostgreSQL");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// SQLite in every form: local files, memory, libSQL, D1.
    Sqlite,
    /// PostgreSQL in every form: plain, behind a pooler, Neon, PGlite.
    Postgres,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}

use diesel::sqlite::{Sqlite, SqliteType, SqliteValue};

use crate::backend::dialect::Dialect;
use crate::backend::engine::Engine;
use crate::backend::sealed::Sealed;

impl Sealed for Sqlite {}

impl Engine for Sqlite {
    const DIALECT: Dialect = Dialect::Sqlite;
    /// `SQLITE_MAX_VARIABLE_NUMBER`, <https://sqlite.org/limits.html>.
    const BIND_LIMIT: usize = 32_766;
    const ERROR_ENDS_TRANSACTION: bool = false;
    fn backend() -> Self {
        Self
    }

    fn read_text<R>(mut value: SqliteValue<'_, '_, '_>, read: impl FnOnce(&str) -> R) -> Option<R> {
        // Any column may hold a value of any type, and reading it as another type would convert it.
        (value.value_type() == Some(SqliteType::Text)).then(|| read(value.read_text()))
    }
}

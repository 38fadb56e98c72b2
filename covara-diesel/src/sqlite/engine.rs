use diesel::sqlite::Sqlite;

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
}

use diesel::pg::{Pg, PgValue};

use crate::backend::dialect::Dialect;
use crate::backend::engine::Engine;
use crate::backend::sealed::Sealed;

impl Sealed for Pg {}

impl Engine for Pg {
    const DIALECT: Dialect = Dialect::Postgres;
    /// The parameter count of a Bind message is 16 bits wide,
    /// <https://www.postgresql.org/docs/current/protocol-message-formats.html>.
    const BIND_LIMIT: usize = 65_535;
    const ERROR_ENDS_TRANSACTION: bool = true;
    fn backend() -> Self {
        Self
    }

    fn read_text<R>(value: PgValue<'_>, read: impl FnOnce(&str) -> R) -> Option<R> {
        std::str::from_utf8(value.as_bytes()).ok().map(read)
    }
}

//! Other programs that create the same tables without a lock, as Covara (TypeScript) does.

use std::error::Error;

use super::error::MigrateError;

/// Maximum number of attempts when other programs create a table or an index first. A boot creates
/// nine of them, and loses each race at most once.
pub(super) const ATTEMPTS: usize = 20;

/// Parts of PostgreSQL's messages when another transaction has created a relation, or its type,
/// since this one looked, and when each of the two waits for what the other has created. `IF NOT
/// EXISTS` sees only what is committed.
const MADE_MEANWHILE: [&str; 4] = [
    "pg_type_typname_nsp_index",
    "pg_class_relname_nsp_index",
    "already exists",
    "deadlock detected",
];

/// Returns whether to roll back and try again.
pub(super) fn was_made_meanwhile(error: &MigrateError) -> bool {
    error.source().is_some_and(|source| {
        let text = source.to_string();
        MADE_MEANWHILE.iter().any(|part| text.contains(part))
    })
}

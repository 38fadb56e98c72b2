//! Programs that make the same tables without a lock, as Covara (TypeScript) does.

use std::error::Error;

use super::error::MigrateError;

/// How often a boot looks again after another program has made a table or an index first. It
/// makes nine of them, and loses each at most once.
pub(super) const ATTEMPTS: usize = 20;

/// What PostgreSQL says when another transaction has made a relation, or its type, since this
/// one looked, and when each of them waits for what the other has made. `IF NOT EXISTS` sees
/// only what is committed.
const MADE_MEANWHILE: [&str; 4] = [
    "pg_type_typname_nsp_index",
    "pg_class_relname_nsp_index",
    "already exists",
    "deadlock detected",
];

/// Whether to roll back and look again.
pub(super) fn was_made_meanwhile(error: &MigrateError) -> bool {
    error.source().is_some_and(|source| {
        let text = source.to_string();
        MADE_MEANWHILE.iter().any(|part| text.contains(part))
    })
}

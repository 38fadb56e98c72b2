//! Errors of statements, in the form of SQLite's errors.

use diesel::result::{DatabaseErrorKind, Error};

/// Prefixes that servers put before SQLite's own message.
const PREFIXES: [&str; 5] = [
    "SQLite error: ",
    "SQL input error: ",
    "SQLITE_ERROR: ",
    "D1_ERROR: ",
    "Error: ",
];

/// Returns the error of a statement that the database rejected.
pub(in crate::remote) fn statement_error(message: &str) -> Error {
    let mut words = message;
    while let Some(rest) = PREFIXES
        .iter()
        .find_map(|prefix| words.strip_prefix(prefix))
    {
        words = rest;
    }
    if let Some((rest, _)) = words.rsplit_once(" (at offset ") {
        words = rest;
    }
    // «…: SQLITE_CONSTRAINT», followed by an extended code.
    if let Some((rest, _)) = words.split_once(": SQLITE_") {
        words = rest;
    }
    Error::DatabaseError(kind_of(words), Box::new(words.to_owned()))
}

/// Returns the kind of an error by SQLite's message, because servers give only coarse codes.
fn kind_of(message: &str) -> DatabaseErrorKind {
    const KINDS: [(&str, DatabaseErrorKind); 4] = [
        (
            "UNIQUE constraint failed",
            DatabaseErrorKind::UniqueViolation,
        ),
        (
            "FOREIGN KEY constraint failed",
            DatabaseErrorKind::ForeignKeyViolation,
        ),
        (
            "NOT NULL constraint failed",
            DatabaseErrorKind::NotNullViolation,
        ),
        ("CHECK constraint failed", DatabaseErrorKind::CheckViolation),
    ];
    for (words, kind) in KINDS {
        if message.starts_with(words) {
            return kind;
        }
    }
    DatabaseErrorKind::Unknown
}

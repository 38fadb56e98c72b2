//! Errors of servers, in the form of SQLite's errors.

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
pub(super) fn statement_error(message: &str) -> Error {
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

/// Returns the error for a statement that was not sent, or certainly not run.
pub(super) fn not_sent(message: String) -> Error {
    Error::DatabaseError(DatabaseErrorKind::UnableToSendCommand, Box::new(message))
}

/// Returns the error for a lost answer.
pub(super) fn lost(message: String) -> Error {
    Error::DatabaseError(DatabaseErrorKind::ClosedConnection, Box::new(message))
}

/// Returns the error for an answer that violates the protocol.
pub(super) fn malformed(what: &str) -> Error {
    let message = format!(
        "the server's answer cannot be read: {what}; a statement that writes may have been \
         carried out"
    );
    Error::DeserializationError(message.into())
}

/// Returns the error for invalid JSON or an answer of another form. It quotes nothing, because the
/// text may be data.
pub(super) fn not_of_protocol(error: &serde_json::Error) -> Error {
    use serde_json::error::Category;
    let (line, column) = (error.line(), error.column());
    malformed(&match error.classify() {
        Category::Eof => "it ends too early".to_owned(),
        Category::Data => {
            format!("it does not have the form of the protocol at line {line}, column {column}")
        }
        Category::Syntax | Category::Io => {
            format!("it is not JSON at line {line}, column {column}")
        }
    })
}

/// Returns the error for a value that the protocol cannot carry.
pub(super) fn unsendable(what: &'static str) -> Error {
    Error::SerializationError(what.into())
}

/// Returns Diesel's error for an operation that a connection does not support.
pub(super) fn unsupported(reason: &'static str) -> Error {
    Error::QueryBuilderError(reason.into())
}

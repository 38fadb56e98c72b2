//! Errors of servers, told as SQLite tells them.

use diesel::result::{DatabaseErrorKind, Error};

/// What servers put around SQLite's own words.
const PREFIXES: [&str; 5] = [
    "SQLite error: ",
    "SQL input error: ",
    "SQLITE_ERROR: ",
    "D1_ERROR: ",
    "Error: ",
];

/// An error of the database itself.
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
    // «…: SQLITE_CONSTRAINT», with an extended code behind it.
    if let Some((rest, _)) = words.split_once(": SQLITE_") {
        words = rest;
    }
    Error::DatabaseError(kind_of(words), Box::new(words.to_owned()))
}

/// By SQLite's words, as servers give coarse codes only.
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

/// The statement was not sent, or certainly not run.
pub(super) fn not_sent(message: String) -> Error {
    Error::DatabaseError(DatabaseErrorKind::UnableToSendCommand, Box::new(message))
}

/// The answer was lost.
pub(super) fn lost(message: String) -> Error {
    Error::DatabaseError(DatabaseErrorKind::ClosedConnection, Box::new(message))
}

/// An answer that is not what the protocol says.
pub(super) fn malformed(what: &str) -> Error {
    let message = format!(
        "the server's answer cannot be read: {what}; a statement that writes may have been \
         carried out"
    );
    Error::DeserializationError(message.into())
}

/// JSON that is broken, or not what the protocol says. Shows none of it: it may be data.
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

/// A value that the protocol cannot carry.
pub(super) fn unsendable(what: &'static str) -> Error {
    Error::SerializationError(what.into())
}

/// Diesel's error for what a connection cannot do.
pub(super) fn unsupported(reason: &'static str) -> Error {
    Error::QueryBuilderError(reason.into())
}

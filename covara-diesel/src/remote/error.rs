//! Errors that every protocol has.

use diesel::result::{ConnectionError, DatabaseErrorKind, Error};

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

/// Returns Diesel's error for a URL that cannot be used.
pub(super) fn bad_url(reason: impl Into<String>) -> ConnectionError {
    ConnectionError::InvalidConnectionUrl(reason.into())
}

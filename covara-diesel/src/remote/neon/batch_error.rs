//! The error of a batch.

use std::fmt;

use diesel::result::Error;

/// The error of a batch, of which nothing was kept.
///
/// It converts into Diesel's error, which does not tell the statement.
#[derive(Debug)]
#[non_exhaustive]
pub struct NeonBatchError {
    /// Position of the statement that the database rejected, from 0; `None` if it is unknown, as for
    /// constraints that are checked at the end of the transaction, transactions that were in each
    /// other's way, errors that do not come again, and errors of the network.
    pub statement: Option<usize>,
    /// The database's own error.
    pub source: Error,
}

impl fmt::Display for NeonBatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.statement {
            Some(at) => write!(f, "statement {} of the batch failed", at.saturating_add(1)),
            None => f.write_str("the batch failed"),
        }
    }
}

impl std::error::Error for NeonBatchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

impl From<NeonBatchError> for Error {
    fn from(error: NeonBatchError) -> Self {
        error.source
    }
}

impl From<Error> for NeonBatchError {
    fn from(source: Error) -> Self {
        Self {
            statement: None,
            source,
        }
    }
}

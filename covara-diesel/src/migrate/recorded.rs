//! The SQL of migrations, which Diesel does not expose, but reports to an instrumentation.

use std::sync::{Arc, Mutex, PoisonError};

use diesel::connection::InstrumentationEvent;
use diesel::prelude::*;

/// The statements that a connection is told to execute.
pub(crate) struct RecordedSql(Arc<Mutex<Vec<String>>>);

impl RecordedSql {
    /// Records what the connection is told from now on.
    pub(crate) fn of(conn: &mut SqliteConnection) -> Self {
        let recorded = Arc::new(Mutex::new(Vec::new()));
        let observed = Arc::clone(&recorded);
        conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { query, .. } = event {
                let mut recorded = observed.lock().unwrap_or_else(PoisonError::into_inner);
                recorded.push(query.to_string());
            }
        });
        Self(recorded)
    }

    /// Returns the statements since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

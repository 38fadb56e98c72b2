//! The results of a program on one database, to be compared with those on another.

use std::fmt::Debug;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use support::sqlite;

/// The results of a program, step by step.
#[derive(Default)]
pub(super) struct Transcript(Vec<(String, String)>);

impl Transcript {
    pub(super) fn note(&mut self, step: impl Into<String>, seen: impl Debug) {
        self.0.push((step.into(), format!("{seen:?}")));
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Removes a step, which must exist, and returns its result.
    pub(super) fn take(&mut self, step: &str) -> String {
        let at = self.0.iter().position(|(name, _)| name == step);
        self.0.remove(at.expect(step)).1
    }
}

pub(super) fn on_a_file<R>(work: impl FnOnce(&mut SqliteConnection) -> R) -> R {
    let db = sqlite::TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("PRAGMA foreign_keys = ON; PRAGMA synchronous = OFF")
        .unwrap();
    work(&mut conn)
}

pub(super) fn assert_same(found: &Transcript, expected: &Transcript) {
    for (found, expected) in found.0.iter().zip(&expected.0) {
        assert_eq!(found.0, expected.0);
        // In full it may be a megabyte.
        let at = found
            .1
            .bytes()
            .zip(expected.1.bytes())
            .position(|(a, b)| a != b);
        let at = at.unwrap_or(found.1.len().min(expected.1.len()));
        let around = |text: &str| {
            let bytes = text.as_bytes();
            let range = at.saturating_sub(200)..(at + 200).min(bytes.len());
            String::from_utf8_lossy(&bytes[range]).into_owned()
        };
        assert!(
            found.1 == expected.1,
            "{}: {}\n  on a file: {}",
            found.0,
            around(&found.1),
            around(&expected.1)
        );
    }
    assert_eq!(found.0.len(), expected.0.len());
}

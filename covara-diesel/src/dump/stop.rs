//! Stops a dump from outside.

use std::fs;
use std::path::Path;
use std::sync::PoisonError;

use super::Dump;
use super::files::{CREATING, temporary_prefix};

impl Dump {
    /// Asks right before the files take their names. If they may not, it is an error. `named` gets
    /// the name of the transaction, if the server can cancel what it runs.
    pub(crate) fn keep_if(mut self, may_keep: fn() -> bool, named: fn(String)) -> Self {
        self.may_keep = Some(may_keep);
        self.named = Some(named);
        self
    }
}

/// Removes the files from a directory that this process has not completed, before it ends. Other
/// threads cannot create any from then on: they wait.
pub(crate) fn remove_incomplete(directory: &Path) {
    std::mem::forget(CREATING.lock().unwrap_or_else(PoisonError::into_inner));
    let prefix = temporary_prefix();
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(&prefix)) {
            // Nothing else can be done about it.
            let _ = fs::remove_file(entry.path());
        }
    }
}

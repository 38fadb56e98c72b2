//! Stops a migration from outside.

use super::MigrateOptions;

impl MigrateOptions {
    /// Asks right before the migrations are kept. If they may not be, it is an error. `named` gets
    /// the name of their transaction, if the server can cancel what it runs.
    pub(crate) fn keep_if(mut self, may_keep: fn() -> bool, named: fn(String)) -> Self {
        self.may_keep = Some(may_keep);
        self.named = Some(named);
        self
    }
}

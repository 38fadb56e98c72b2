//! Stops a seed from outside.

/// Decides whether a seed goes on.
pub(crate) trait StopCheck {
    /// Notes that the transaction has begun. `name` asks the server for a name by which the
    /// transaction's statements can be cancelled.
    fn begun(&self, name: &mut dyn FnMut() -> Option<String>) {
        let _ = name;
    }

    /// Returns whether to stop. If it is the `last` time that it is asked, the rows are kept
    /// afterwards.
    fn must_stop(&self, last: bool) -> bool;
}

impl<F: Fn() -> bool> StopCheck for F {
    fn must_stop(&self, _: bool) -> bool {
        self()
    }
}

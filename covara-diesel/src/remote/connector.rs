//! Connections to servers, and whether one is still being opened.
//!
//! The client's errors do not tell: a record that cannot be decrypted looks the same during the key
//! exchange, when nothing has been requested yet, and in place of an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ureq::Error;
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector, Transport};

/// A connector that knows whether it is opening a connection; its clones share this state.
#[derive(Debug, Clone, Default)]
pub(super) struct Watched {
    inner: Arc<DefaultConnector>,
    /// Number of unfinished steps: address look-ups, and connections, one of which is opened within
    /// another if there is a proxy.
    unfinished: Arc<AtomicUsize>,
}

impl Watched {
    /// Forgets a connection that could not be opened.
    pub(super) fn reset(&self) {
        self.unfinished.store(0, Ordering::Relaxed);
    }

    /// Returns whether the last request ended before its connection was open, including encryption.
    pub(super) fn is_connecting(&self) -> bool {
        self.unfinished.load(Ordering::Relaxed) > 0
    }

    /// Performs a step of opening a connection.
    pub(super) fn watch<T>(&self, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        self.unfinished.fetch_add(1, Ordering::Relaxed);
        let done = work()?;
        self.unfinished.fetch_sub(1, Ordering::Relaxed);
        Ok(done)
    }
}

impl Connector<()> for Watched {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        self.watch(|| self.inner.connect(details, chained))
    }
}

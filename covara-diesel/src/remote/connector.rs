//! Connections to servers, and whether one is still being made.
//!
//! The client's errors do not tell: a record that cannot be decrypted looks the same while
//! keys are agreed on, when nothing has been asked for yet, and in the place of an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ureq::Error;
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector, Transport};

/// A connector that knows whether it is at work; its clones share that.
#[derive(Debug, Clone, Default)]
pub(super) struct Watched {
    inner: Arc<DefaultConnector>,
    /// What was begun and not brought to an end: looking for addresses, and connections, of
    /// which one is made within another where there is a proxy.
    unfinished: Arc<AtomicUsize>,
}

impl Watched {
    /// Forgets a connection that could not be made.
    pub(super) fn reset(&self) {
        self.unfinished.store(0, Ordering::Relaxed);
    }

    /// Whether the last request ended before its connection was made, encryption included.
    pub(super) fn is_connecting(&self) -> bool {
        self.unfinished.load(Ordering::Relaxed) > 0
    }

    /// Does a part of making a connection.
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

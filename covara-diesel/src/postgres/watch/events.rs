use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use r2d2::HandleEvent;
use r2d2::event::{AcquireEvent, CheckinEvent, CheckoutEvent, ReleaseEvent};

use super::{Phase, Watch, Workers};

thread_local! {
    /// The connection that this thread has just set up. r2d2 reports its number next.
    static SET_UP: Cell<Option<Weak<Watch>>> = const { Cell::new(None) };
}

/// Keeps a watch, if there is one, until r2d2 reports the number of its connection.
pub(in crate::postgres) fn hand_over(watch: Option<&Arc<Watch>>) {
    SET_UP.set(watch.map(Arc::downgrade));
}

/// A handler that tells the watches of a pool's connections when they are in use.
#[derive(Debug)]
pub(in crate::postgres) struct Events {
    watches: Mutex<HashMap<u64, Weak<Watch>>>,
    /// Watched as long as the pool exists.
    _workers: Arc<Workers>,
}

impl Events {
    pub(in crate::postgres) fn new(workers: Arc<Workers>) -> Self {
        Self {
            watches: Mutex::default(),
            _workers: workers,
        }
    }

    fn watches(&self) -> MutexGuard<'_, HashMap<u64, Weak<Watch>>> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, number: u64, phase: Phase) {
        let watch = self.watches().get(&number).and_then(Weak::upgrade);
        if let Some(watch) = watch {
            watch.enter(phase);
        }
    }
}

impl HandleEvent for Events {
    fn handle_acquire(&self, event: AcquireEvent) {
        if let Some(watch) = SET_UP.take() {
            self.watches().insert(event.connection_id(), watch);
        }
    }

    fn handle_checkout(&self, event: CheckoutEvent) {
        self.enter(event.connection_id(), Phase::InUse);
    }

    fn handle_checkin(&self, event: CheckinEvent) {
        self.enter(event.connection_id(), Phase::Idle);
    }

    fn handle_release(&self, event: ReleaseEvent) {
        self.watches().remove(&event.connection_id());
    }
}

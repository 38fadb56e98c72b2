//! Looks at a pool's connections when they come back.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use diesel::connection::{Instrumentation, InstrumentationEvent, get_default_instrumentation};
use diesel::prelude::*;
use r2d2::HandleEvent;
use r2d2::event::{AcquireEvent, CheckinEvent, ReleaseEvent};

use super::handle::{self, Handle};

thread_local! {
    /// The connection that this thread has just set up: r2d2 tells its number next.
    static SET_UP: Cell<Option<Arc<Handle>>> = const { Cell::new(None) };
}

/// Follows the transactions of a new connection.
pub(super) fn watch(conn: &mut SqliteConnection) {
    let handle = handle::borrow(conn);
    if let Some(handle) = &handle {
        conn.set_instrumentation(Observer {
            handle: Arc::clone(handle),
            next: get_default_instrumentation(),
        });
    }
    SET_UP.set(handle);
}

/// Ends what is open when a connection comes back.
#[derive(Debug, Default)]
pub(super) struct Events {
    handles: Mutex<HashMap<u64, Arc<Handle>>>,
}

impl Events {
    fn handles(&self) -> MutexGuard<'_, HashMap<u64, Arc<Handle>>> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HandleEvent for Events {
    fn handle_acquire(&self, event: AcquireEvent) {
        if let Some(handle) = SET_UP.take() {
            self.handles().insert(event.connection_id(), handle);
        }
    }

    fn handle_checkin(&self, event: CheckinEvent) {
        let handle = self.handles().get(&event.connection_id()).map(Arc::clone);
        if let Some(handle) = handle {
            handle.end_uncounted();
        }
    }

    fn handle_release(&self, event: ReleaseEvent) {
        self.handles().remove(&event.connection_id());
    }
}

/// Tells a handle what Diesel counts, and the program's default instrumentation of everything.
struct Observer {
    handle: Arc<Handle>,
    next: Option<Box<dyn Instrumentation>>,
}

/// With another instrumentation in its place nobody tells what Diesel counts, and what it may count
/// is not rolled back.
impl Drop for Observer {
    fn drop(&mut self) {
        self.handle.is_left_alone();
    }
}

impl Instrumentation for Observer {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match &event {
            InstrumentationEvent::BeginTransaction { depth, .. } if depth.get() == 1 => {
                self.handle.begins();
            }
            InstrumentationEvent::CommitTransaction { depth, .. }
            | InstrumentationEvent::RollbackTransaction { depth, .. }
                if depth.get() == 1 =>
            {
                self.handle.ends();
            }
            InstrumentationEvent::FinishQuery { .. } => self.handle.looks(),
            _ => {}
        }
        if let Some(next) = &mut self.next {
            next.on_connection_event(event);
        }
    }
}

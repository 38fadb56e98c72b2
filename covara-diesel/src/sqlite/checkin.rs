//! Checks a pool's connections when they are returned.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use diesel::connection::{Instrumentation, InstrumentationEvent, get_default_instrumentation};
use diesel::prelude::*;
use r2d2::HandleEvent;
use r2d2::event::{AcquireEvent, CheckinEvent, ReleaseEvent};

use super::handle::{self, Handle};

thread_local! {
    /// The handle of the connection that this thread has just set up. r2d2 reports the connection's
    /// number next.
    static SET_UP: Cell<Option<Arc<Handle>>> = const { Cell::new(None) };
}

/// Tracks the transactions of a new connection.
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

/// Makes a connection whose transactions are tracked already known under its next number.
pub(super) fn watch_again(conn: &mut SqliteConnection) {
    SET_UP.set(handle::borrow(conn));
}

/// A pool's event handler, which rolls back an open transaction when its connection is returned.
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

/// An instrumentation that reports Diesel's transaction events to a handle, and all events to the
/// program's default instrumentation.
struct Observer {
    handle: Arc<Handle>,
    next: Option<Box<dyn Instrumentation>>,
}

/// When another instrumentation replaces this one, nothing reports Diesel's transactions any more.
/// A transaction that Diesel may count must not be rolled back, so the handle is left alone.
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

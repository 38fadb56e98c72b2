use std::sync::Arc;

use diesel::connection::{Instrumentation, InstrumentationEvent, get_default_instrumentation};

use super::Watch;

/// An instrumentation that tells a watch when statements begin and end, and forwards all events to
/// the program's default instrumentation.
pub(super) struct Observer {
    watch: Arc<Watch>,
    next: Option<Box<dyn Instrumentation>>,
    is_quiet: bool,
}

impl Observer {
    pub(super) fn new(watch: Arc<Watch>) -> Self {
        Self {
            watch,
            next: get_default_instrumentation(),
            is_quiet: false,
        }
    }
}

/// Makes an [`Observer`] ignore events, or observe them again; `false` if it is not an `Observer`.
pub(in crate::postgres) fn set_quiet(observer: &mut dyn Instrumentation, quiet: bool) -> bool {
    match observer.as_any_mut().downcast_mut::<Observer>() {
        Some(observer) => {
            observer.is_quiet = quiet;
            true
        }
        None => false,
    }
}

impl Instrumentation for Observer {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if self.is_quiet {
            return;
        }
        match &event {
            InstrumentationEvent::StartQuery { query, .. } => {
                self.watch.begin(*query);
            }
            InstrumentationEvent::FinishQuery { error, .. } => {
                self.watch.end(*error);
            }
            InstrumentationEvent::BeginTransaction { .. } => self.watch.counts(),
            _ => {}
        }
        if let Some(next) = &mut self.next {
            next.on_connection_event(event);
        }
    }
}

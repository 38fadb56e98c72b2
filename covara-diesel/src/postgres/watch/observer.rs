use std::sync::Arc;

use diesel::connection::{Instrumentation, InstrumentationEvent, get_default_instrumentation};

use super::Watch;

/// Tells a watch when statements begin and end, and the program's default instrumentation of
/// everything.
pub(super) struct Observer {
    watch: Arc<Watch>,
    next: Option<Box<dyn Instrumentation>>,
}

impl Observer {
    pub(super) fn new(watch: Arc<Watch>) -> Self {
        Self {
            watch,
            next: get_default_instrumentation(),
        }
    }
}

/// Whether it is an [`Observer`] that tells nobody else.
pub(in crate::postgres) fn tells_nobody(instrumentation: &dyn Instrumentation) -> bool {
    let observer = instrumentation.as_any().downcast_ref::<Observer>();
    observer.is_some_and(|observer| observer.next.is_none())
}

impl Instrumentation for Observer {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match &event {
            InstrumentationEvent::StartQuery { .. } => self.watch.begin(),
            InstrumentationEvent::FinishQuery { error, .. } => self.watch.end(*error),
            _ => {}
        }
        if let Some(next) = &mut self.next {
            next.on_connection_event(event);
        }
    }
}

//! What a thread logs.

use std::cell::RefCell;
use std::sync::Once;

use log::{LevelFilter, Log, Metadata, Record};

thread_local! {
    static LOGGED: RefCell<Option<(LevelFilter, String)>> = const { RefCell::new(None) };
}

struct Logger;

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        LOGGED.with_borrow(|logged| {
            let level = logged.as_ref().map(|(level, _)| *level);
            level.is_some_and(|level| metadata.level() <= level)
        })
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        // Made before it is kept, as making it may log.
        let text = record.args().to_string();
        LOGGED.with_borrow_mut(|logged| {
            if let Some((_, kept)) = logged {
                kept.push_str(&text);
                kept.push('\n');
            }
        });
    }

    fn flush(&self) {}
}

/// Runs `work`, and returns what this thread logged meanwhile, a line each.
pub fn logged<T>(level: LevelFilter, work: impl FnOnce() -> T) -> (T, String) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Logger).expect("no other logger of the tests");
        log::set_max_level(LevelFilter::Trace);
    });
    LOGGED.set(Some((level, String::new())));
    let outcome = work();
    let (_, text) = LOGGED.take().unwrap_or((level, String::new()));
    (outcome, text)
}

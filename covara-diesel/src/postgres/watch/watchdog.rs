use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError, Weak};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::earlier;

/// The thread that watches all connections of the program. It sleeps until the first limit of a
/// running statement, or until it is time to look at the threads with which pools connect.
pub(super) static WATCHDOG: LazyLock<Watchdog> = LazyLock::new(|| Watchdog {
    watches: Mutex::default(),
    born: Instant::now(),
    wakes_at: AtomicU64::new(u64::MAX),
    thread: OnceLock::new(),
});

/// Something that may wait too long.
pub(super) trait Check: Send + Sync {
    /// Ends a wait that takes too long, and returns when to check again.
    fn check(self: Arc<Self>, now: Instant) -> Option<Instant>;
}

pub(super) struct Watchdog {
    watches: Mutex<Vec<Weak<dyn Check>>>,
    born: Instant,
    /// The time of the thread's next check, in nanoseconds since `born`.
    wakes_at: AtomicU64,
    /// `None` if the thread could not be started.
    thread: OnceLock<Option<Thread>>,
}

impl Watchdog {
    /// Adds something to check; `false` if there is no thread.
    pub(super) fn add<C: Check + 'static>(&'static self, watch: &Arc<C>) -> bool {
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        watches.retain(|watch| watch.strong_count() > 0);
        let watch: Weak<C> = Arc::downgrade(watch);
        watches.push(watch);
        drop(watches);
        self.thread
            .get_or_init(|| {
                let builder = thread::Builder::new().name("covara-watchdog".to_owned());
                let started = builder.spawn(|| self.run());
                started.ok().map(|started| started.thread().clone())
            })
            .is_some()
    }

    /// Makes sure that the thread checks at that time, or before.
    pub(super) fn expect(&self, time: Instant) {
        if self.since_born(time) < self.wakes_at.load(Ordering::SeqCst)
            && let Some(Some(thread)) = self.thread.get()
        {
            thread.unpark();
        }
    }

    fn since_born(&self, time: Instant) -> u64 {
        let time = time.saturating_duration_since(self.born).as_nanos();
        u64::try_from(time).unwrap_or(u64::MAX)
    }

    fn run(&self) {
        loop {
            // Whoever begins a statement during the checks wakes the thread again.
            self.wakes_at.store(u64::MAX, Ordering::SeqCst);
            let now = Instant::now();
            let next = self.all().into_iter().fold(None, |next, watch| {
                // A logger that panics must not end this thread.
                let checked = catch_unwind(AssertUnwindSafe(|| watch.check(now)));
                earlier(next, checked.unwrap_or_default())
            });
            match next {
                Some(next) => {
                    self.wakes_at.store(self.since_born(next), Ordering::SeqCst);
                    thread::park_timeout(next.saturating_duration_since(now));
                }
                None => thread::park_timeout(Duration::MAX),
            }
        }
    }

    fn all(&self) -> Vec<Arc<dyn Check>> {
        let watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        watches.iter().filter_map(Weak::upgrade).collect()
    }
}

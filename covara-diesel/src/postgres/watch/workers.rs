//! The threads with which r2d2 connects.

use std::sync::{Arc, Barrier, Mutex, PoisonError};
use std::time::{Duration, Instant};

use scheduled_thread_pool::ScheduledThreadPool;

use super::connecting::Overdue;
use super::threads::Thread;
use super::watchdog::{Check, WATCHDOG};

/// The number of r2d2's own threads.
const THREADS: usize = 3;
/// The number of looks at the threads until one has waited too long.
const LOOKS: u32 = 4;
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);

/// The threads with which a pool connects. r2d2 does not announce that it connects, so they are
/// looked at from time to time.
#[derive(Debug)]
pub(in crate::postgres) struct Workers {
    overdue: Mutex<Vec<Overdue>>,
    limit: Duration,
    /// As on the pool's sockets.
    tcp_user_timeout: Option<u32>,
}

impl Workers {
    /// Starts threads for a pool. When one of them waits for a server for longer than `limit`, its
    /// connection is closed.
    pub(in crate::postgres) fn start(
        limit: Duration,
        tcp_user_timeout: Option<u32>,
    ) -> (Arc<ScheduledThreadPool>, Arc<Self>) {
        let threads = ScheduledThreadPool::builder()
            .num_threads(THREADS)
            .thread_name_pattern("r2d2-worker-{}")
            .build();
        let workers = Arc::new(Self {
            overdue: Mutex::default(),
            limit,
            tcp_user_timeout,
        });
        let all = Arc::new(Barrier::new(THREADS));
        for _ in 0..THREADS {
            let (workers, all) = (Arc::clone(&workers), Arc::clone(&all));
            threads.execute(move || {
                let thread = Thread::this();
                if thread.is_shown() {
                    let overdue = Overdue::new(thread);
                    let mut all = workers
                        .overdue
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner);
                    all.push(overdue);
                }
                // So that each thread does this once.
                all.wait();
            });
        }
        if WATCHDOG.add(&workers) {
            WATCHDOG.expect(Instant::now());
        }
        (Arc::new(threads), workers)
    }
}

impl Check for Workers {
    fn check(self: Arc<Self>, now: Instant) -> Option<Instant> {
        let mut threads = self.overdue.lock().unwrap_or_else(PoisonError::into_inner);
        let sockets: Vec<_> = threads
            .iter_mut()
            .filter_map(|thread| thread.socket(self.limit, now))
            .filter(|socket| socket.is_like_libpqs(self.tcp_user_timeout))
            .collect();
        drop(threads);
        for socket in sockets {
            socket.shut_down();
            log::warn!(
                "PostgreSQL at {socket} gave no answer within {:.1?} while a pool was connecting: \
                 the connection is closed",
                self.limit
            );
        }
        now.checked_add((self.limit / LOOKS).max(SHORTEST_PAUSE))
    }
}

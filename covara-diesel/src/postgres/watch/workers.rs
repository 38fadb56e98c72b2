//! The threads with which r2d2 connects.

use std::sync::{Arc, Barrier, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use scheduled_thread_pool::ScheduledThreadPool;

use super::connecting::ConnectingThread;
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
    threads: Mutex<Vec<ConnectingThread>>,
    limit: Duration,
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
            threads: Mutex::default(),
            limit,
        });
        if !Thread::this().is_shown() {
            return (Arc::new(threads), workers);
        }
        let all = Arc::new(Barrier::new(THREADS));
        for _ in 0..THREADS {
            let (workers, all) = (Arc::clone(&workers), Arc::clone(&all));
            threads.execute(move || {
                let thread = ConnectingThread::new(Thread::this(), tcp_user_timeout);
                workers.lock().push(thread);
                // So that each thread does this once.
                all.wait();
            });
        }
        if WATCHDOG.add(&workers) {
            WATCHDOG.expect(Instant::now());
        }
        (Arc::new(threads), workers)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ConnectingThread>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Check for Workers {
    fn check(self: Arc<Self>, now: Instant) -> Option<Instant> {
        let mut threads = self.lock();
        let sockets: Vec<_> = threads
            .iter_mut()
            .filter_map(|thread| thread.overdue_socket(self.limit, now))
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

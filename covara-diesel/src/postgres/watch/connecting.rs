//! Establishes connections to servers that may fall silent.
//!
//! libpq bounds only the log-in, and Diesel sends settings after it. So a thread of its own
//! establishes the connection. If the server is silent for too long, the socket for which that
//! thread waits is shut down, and it ends. Where the system does not show the socket, or the thread
//! waits for something else, it is abandoned.

use std::panic::{catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use diesel::prelude::*;

use super::socket::{self, Socket};
use super::threads::{Thread, Wait};

/// The maximum number of threads of this process that are abandoned at the same time, whatever
/// server they connect to.
const MOST_ABANDONED: usize = 8;
/// The time between two looks at a thread that connects.
const PAUSE: Duration = Duration::from_millis(100);

static ABANDONED: AtomicUsize = AtomicUsize::new(0);

/// A thread, and how long it has waited for the same answer.
#[derive(Debug)]
pub(super) struct ConnectingThread {
    thread: Arc<Thread>,
    /// As on the sockets of its connections.
    tcp_user_timeout: Option<u32>,
    waiting: Option<(Wait, Instant)>,
}

impl ConnectingThread {
    pub(super) fn new(thread: Arc<Thread>, tcp_user_timeout: Option<u32>) -> Self {
        Self {
            thread,
            tcp_user_timeout,
            waiting: None,
        }
    }

    /// Returns the socket for which the thread has waited for at least `limit`. To be called
    /// repeatedly, as a wait is noticed only then.
    pub(super) fn overdue_socket(&mut self, limit: Duration, now: Instant) -> Option<Socket> {
        let wait = self.thread.wait();
        match (&self.waiting, wait) {
            (Some((known, since)), Some(wait)) if *known == wait => {
                let is_over = now.saturating_duration_since(*since) >= limit;
                is_over
                    .then(|| socket::waited_for(&self.thread, &wait, self.tcp_user_timeout))
                    .flatten()
            }
            (_, wait) => {
                self.waiting = wait.map(|wait| (wait, now));
                None
            }
        }
    }
}

/// Establishes a connection. It fails when the server is silent for longer than `silence` after the
/// log-in, or when it takes longer than `longest` in all; `None` for no limit.
pub(in crate::postgres) fn establish(
    url: &str,
    silence: Option<Duration>,
    longest: Option<Duration>,
) -> ConnectionResult<PgConnection> {
    let Some(silence) = silence else {
        return PgConnection::establish(url);
    };
    if ABANDONED.load(Ordering::SeqCst) >= MOST_ABANDONED {
        return Err(late(&format!(
            "{MOST_ABANDONED} earlier attempts to connect have not ended"
        )));
    }
    let (started, connecting) = sync_channel(1);
    // Without a buffer, sending succeeds only if the connection has arrived.
    let (sender, established) = sync_channel(0);
    let owned = url.to_owned();
    let begun = Instant::now();
    let spawned = thread::Builder::new()
        .name("covara-connect".to_owned())
        .spawn(move || {
            // The receiver waits for it.
            let _ = started.send(Thread::this());
            let connection = catch_unwind(|| PgConnection::establish(&owned));
            if sender.send(connection).is_err() {
                ABANDONED.fetch_sub(1, Ordering::SeqCst);
            }
        });
    let Ok(handle) = spawned else {
        return PgConnection::establish(url);
    };
    let thread = connecting.recv().ok();
    let mut thread = thread.map(|thread| ConnectingThread::new(thread, None));
    let mut is_silent = false;
    loop {
        match established.recv_timeout(PAUSE) {
            Ok(connection) => {
                // It ends now.
                let _ = handle.join();
                return match connection {
                    Err(panic) => resume_unwind(panic),
                    // If the answer came just before, the connection is of no use all the same.
                    Ok(_) if is_silent => Err(late("the server was silent after the log-in")),
                    Ok(connection) => connection,
                };
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(late("the thread that connects has ended"));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        let now = Instant::now();
        let overdue = thread.as_mut();
        if let Some(socket) = overdue.and_then(|one| one.overdue_socket(silence, now)) {
            is_silent = true;
            socket.shut_down();
        }
        if longest.is_some_and(|longest| begun.elapsed() >= longest) {
            // Counted first: the thread counts itself out when it ends.
            ABANDONED.fetch_add(1, Ordering::SeqCst);
            drop(established);
            return Err(late("connecting does not end"));
        }
    }
}

fn late(reason: &str) -> ConnectionError {
    ConnectionError::BadConnection(format!("timeout expired: {reason}"))
}

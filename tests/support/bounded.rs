//! Work that must end: one that never does is a failure, not a test that hangs.

use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// What a machine that is busy with other tests may add to a wait.
const BUSY: Duration = Duration::from_secs(20);

/// Does the work in a thread of its own and returns what came of it, at the latest after `limit`
/// and what a busy machine adds.
pub fn within<T: Send + 'static>(
    limit: Duration,
    what: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (done, result) = channel();
    let begun = Instant::now();
    let worker = thread::spawn(move || {
        // Nobody listens any more when the time is over.
        let _ = done.send(work());
    });
    match result.recv_timeout(limit + BUSY) {
        Ok(result) => result,
        Err(_) if worker.is_finished() => panic!("{what} panicked"),
        Err(_) => panic!("{what} did not end within {:?}", begun.elapsed()),
    }
}

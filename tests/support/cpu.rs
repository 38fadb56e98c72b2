//! The time that a processor works, which a busy machine does not lengthen as it does a clock's.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How long a processor has worked for this thread.
pub fn time_of_thread() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime)
        .try_into()
        .expect("no negative time")
}

/// How long a processor works in this thread for each of two kinds of work: medians of so many
/// rounds, of which each does both.
pub fn medians(rounds: usize, mut work: [&mut dyn FnMut(); 2]) -> [Duration; 2] {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (work, times) in work.iter_mut().zip(&mut times) {
            let begun = time_of_thread();
            work();
            times.push(time_of_thread().saturating_sub(begun));
        }
    }
    times.map(|mut times| {
        times.sort();
        times[rounds / 2]
    })
}

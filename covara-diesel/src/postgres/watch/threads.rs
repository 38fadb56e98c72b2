//! Determines whether a thread waits for a server.
//!
//! Diesel announces a statement before it builds it, and if building fails, it does not announce
//! the end. So the kernel's information about the thread tells whether it really waits for an
//! answer: libpq waits for a single descriptor and without a time-out, for every kind of
//! connection.

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The numbers of the system calls `poll` and `ppoll`.
const CALLS: [Option<u64>; 2] = if cfg!(target_arch = "x86_64") {
    [Some(7), Some(271)]
} else if cfg!(any(target_arch = "aarch64", target_arch = "riscv64")) {
    [None, Some(73)]
} else {
    [None, None]
};

/// The last statement's number; numbers start at 1.
static STATEMENTS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static THIS: Cell<Option<Arc<Thread>>> = const { Cell::new(None) };
}

/// A thread that runs statements.
#[derive(Debug)]
struct Thread {
    /// The kernel's file that shows the thread's system call, if it is readable.
    call: Option<PathBuf>,
    /// Number of the statement that the thread runs, 0 for none.
    current: AtomicU64,
}

impl Thread {
    fn this() -> Arc<Self> {
        let this = THIS.take().unwrap_or_else(|| {
            let call = || {
                // For example 12/task/34.
                let name = fs::read_link("/proc/thread-self").ok()?;
                let call = PathBuf::from("/proc").join(name).join("syscall");
                let tells = CALLS.iter().any(Option::is_some) && fs::read(&call).is_ok();
                tells.then_some(call)
            };
            Arc::new(Self {
                call: call(),
                current: AtomicU64::new(0),
            })
        });
        THIS.set(Some(Arc::clone(&this)));
        this
    }
}

/// A statement on the thread that runs it.
#[derive(Debug)]
pub(super) struct StatementRun {
    thread: Arc<Thread>,
    number: u64,
    /// The statement around it: an observer may run one on another connection.
    outer: u64,
}

impl StatementRun {
    pub(super) fn begin() -> Self {
        let thread = Thread::this();
        let number = STATEMENTS.fetch_add(1, Ordering::Relaxed) + 1;
        let outer = thread.current.swap(number, Ordering::Relaxed);
        Self {
            thread,
            number,
            outer,
        }
    }

    pub(super) fn end(&self) {
        self.thread.current.store(self.outer, Ordering::Relaxed);
    }

    /// Returns whether its thread does something other than wait for the answer; `false` if that is
    /// not known.
    pub(super) fn is_elsewhere(&self) -> bool {
        let Some(call) = &self.thread.call else {
            return false;
        };
        // The file of a thread that has ended does not exist.
        self.thread.current.load(Ordering::Relaxed) != self.number
            || !fs::read_to_string(call).is_ok_and(|call| waits(&call, CALLS))
    }
}

/// Returns whether a system call, given by number and arguments, waits without limit for one
/// descriptor.
fn waits(call: &str, [poll, ppoll]: [Option<u64>; 2]) -> bool {
    let mut words = call.split_ascii_whitespace();
    let number = words.next().and_then(|word| word.parse().ok());
    let mut argument = || {
        let word = words.next()?.strip_prefix("0x")?;
        u64::from_str_radix(word, 16).ok()
    };
    let (_, count, limit) = (argument(), argument(), argument());
    let is_endless = match number {
        None => false,
        // A C int, -1 for no limit.
        number if number == poll => {
            limit.is_some_and(|limit| limit & u64::from(u32::MAX) == u64::from(u32::MAX))
        }
        // The address of a limit.
        number if number == ppoll => limit == Some(0),
        Some(_) => false,
    };
    is_endless && count == Some(1)
}

//! Determines whether a thread waits for a server.
//!
//! Diesel announces a statement before it builds it, and if building fails, it does not announce
//! the end. So the kernel's information about the thread tells whether it really waits for an
//! answer: libpq waits for a single descriptor and without a time-out, for every kind of
//! connection. It also tells which descriptor that is.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

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
    static THIS: Cell<Option<This>> = const { Cell::new(None) };
}

/// The running thread, which notes its end.
struct This(Arc<Thread>);

impl Drop for This {
    fn drop(&mut self) {
        self.0.has_ended.store(true, Ordering::SeqCst);
    }
}

/// A thread that runs statements, or connects.
#[derive(Debug)]
pub(super) struct Thread {
    /// The kernel's directory of the thread, if it shows the thread's system call.
    directory: Option<PathBuf>,
    /// Number of the statement that the thread runs, 0 for none.
    current: AtomicU64,
    has_ended: AtomicBool,
}

impl Thread {
    /// Returns the running thread.
    pub(super) fn this() -> Arc<Self> {
        let this = THIS.take().unwrap_or_else(|| {
            let directory = || {
                // For example 12/task/34.
                let name = fs::read_link("/proc/thread-self").ok()?;
                let directory = PathBuf::from("/proc").join(name);
                let tells =
                    CALLS.iter().any(Option::is_some) && fs::read(call_file(&directory)).is_ok();
                tells.then_some(directory)
            };
            This(Arc::new(Self {
                directory: directory(),
                current: AtomicU64::new(0),
                has_ended: AtomicBool::new(false),
            }))
        });
        let thread = Arc::clone(&this.0);
        THIS.set(Some(this));
        thread
    }

    /// Returns whether the system shows what the thread waits for.
    pub(super) fn is_shown(&self) -> bool {
        self.directory.is_some()
    }

    /// Returns what the thread waits for, if it waits as libpq does.
    pub(super) fn wait(&self) -> Option<Wait> {
        let directory = self.directory.as_deref()?;
        let switches = switches(directory)?;
        let call = fs::read_to_string(call_file(directory)).ok()?;
        let address = endless_wait(&call, CALLS)?;
        // Another thread may have got the number of one that has ended.
        let is_same =
            self::switches(directory)? == switches && !self.has_ended.load(Ordering::SeqCst);
        is_same.then_some(Wait {
            call,
            switches,
            address,
        })
    }
}

fn call_file(directory: &Path) -> PathBuf {
    directory.join("syscall")
}

/// Returns how often a thread has stopped running, which is at least once for each wait.
fn switches(directory: &Path) -> Option<String> {
    let status = fs::read_to_string(directory.join("status")).ok()?;
    let (_, switches) = status.split_once("\nvoluntary_ctxt_switches:")?;
    Some(switches.to_owned())
}

/// One wait of a thread. Two of them are equal only if the thread has not run in between, so that
/// its memory and its descriptors are the same.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wait {
    call: String,
    switches: String,
    /// The address of the `struct pollfd`.
    pub(super) address: u64,
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
        let Some(directory) = &self.thread.directory else {
            return false;
        };
        // The file of a thread that has ended does not exist.
        self.thread.current.load(Ordering::Relaxed) != self.number
            || !fs::read_to_string(call_file(directory))
                .is_ok_and(|call| endless_wait(&call, CALLS).is_some())
    }
}

/// Returns the address of the `struct pollfd` if a system call, given by number and arguments,
/// waits without limit for one descriptor.
fn endless_wait(call: &str, [poll, ppoll]: [Option<u64>; 2]) -> Option<u64> {
    let mut words = call.split_ascii_whitespace();
    let number = words.next().and_then(|word| word.parse().ok());
    let mut argument = || {
        let word = words.next()?.strip_prefix("0x")?;
        u64::from_str_radix(word, 16).ok()
    };
    let (address, count, limit) = (argument(), argument(), argument());
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
    address.filter(|_| is_endless && count == Some(1))
}

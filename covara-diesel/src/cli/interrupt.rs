//! Ends the command when Ctrl-C, SIGTERM or the end of its terminal asks for it, so that nothing is
//! kept.
//!
//! Of stopping and keeping the first one wins: once the work is about to be kept, a signal comes too
//! late, and the command ends as if there had been none.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::exit;

use super::arguments::Common;
use super::database::{BackendFunctions, Cancel};
use super::outcome::{Failure, Outcome, complain};
use crate::doctor::findings::with_causes;
use crate::dump::remove_incomplete;
use crate::seed::SeedError;
use crate::seed::stop::StopCheck;

const WORKING: u8 = 0;
const STOPPING: u8 = 1;
const KEEPING: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(WORKING);
/// The signal that came last; 0 for none.
static SIGNAL: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);
/// The name of the open transaction, if the server can cancel what it runs.
static TRANSACTION: Mutex<Option<String>> = Mutex::new(None);
static WHEN_STOPPED: Mutex<Option<WhenStopped>> = Mutex::new(None);
/// The time within which Ctrl-C also reaches the program that writes standard input.
const SAME_SIGNAL: Duration = Duration::from_millis(50);
/// The interval between looks for a signal, which not every system can wait for.
const LOOK: Duration = Duration::from_millis(20);
/// The time that a stopped transaction gets to roll back before the process ends, which does the
/// same.
pub(super) const ROLL_BACK: Duration = Duration::from_secs(1);
/// The pause before a statement is cancelled once more.
const PAUSE: Duration = Duration::from_millis(200);

/// The effect of a signal.
#[derive(Debug, Clone)]
pub(super) struct WhenStopped {
    /// The message about the work.
    pub(super) says: &'static str,
    pub(super) as_json: bool,
    /// The directory whose incomplete files are removed.
    pub(super) directory: Option<PathBuf>,
    /// `true` if rows come from standard input, which ends when its program is stopped.
    pub(super) reads_input: bool,
    /// The database, and the function that cancels what a transaction of it runs.
    pub(super) cancel: Option<(String, Cancel)>,
    /// The time that the work gets to end by itself.
    pub(super) wait: Duration,
}

impl WhenStopped {
    pub(super) fn new(backend: &BackendFunctions, common: &Common) -> Self {
        let url = &common.database_url;
        let cancel = backend.cancel.map(|cancel| (url.clone(), cancel));
        Self {
            says: "nothing was kept",
            as_json: common.output.json,
            directory: None,
            reads_input: false,
            wait: match &cancel {
                Some(_) => ROLL_BACK,
                None => Duration::ZERO,
            },
            cancel,
        }
    }
}

/// Watches for signals from now on.
pub(super) fn watch(when_stopped: WhenStopped) -> Result<(), Failure> {
    *lock(&WHEN_STOPPED) = Some(when_stopped.clone());
    // The second signal ends at once, whatever the threads do.
    let again = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        if is_ignored(signal) {
            continue;
        }
        let number = usize::try_from(signal)?;
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&again))?;
        flag::register(signal, Arc::clone(&again))?;
        flag::register_usize(signal, Arc::clone(&SIGNAL), number)?;
    }
    let wait = move || {
        while SIGNAL.load(Ordering::SeqCst) == 0 {
            thread::sleep(LOOK);
        }
        stop(&when_stopped);
    };
    thread::Builder::new()
        .name("covara-stop".to_owned())
        .spawn(wait)?;
    Ok(())
}

/// Returns whether the process was started with a signal ignored, as a shell does with SIGINT for a
/// program in the background. Linux tells that.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|it| it.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    ignored.is_some_and(|bits| (bits >> (signal - 1)) & 1 == 1)
}

/// Stops the work, unless it is about to be kept.
fn stop(when_stopped: &WhenStopped) {
    if !is_stopping() {
        return;
    }
    if let Some((url, cancel)) = when_stopped.cancel.clone() {
        // On a thread of its own, as connecting may take long.
        let cancelling = thread::Builder::new().name("covara-cancel".to_owned());
        let _ = cancelling.spawn(move || keep_cancelling(&url, cancel));
    }
    thread::sleep(when_stopped.wait);
    // It waits for something that cannot be woken. Nothing is kept that has not been.
    // The other threads are still working, so nothing of theirs is cleaned up.
    exit(i32::from(end(when_stopped, when_stopped.says)));
}

/// Cancels what the open transaction runs until there is none, as it may not have begun to wait.
fn keep_cancelling(url: &str, cancel: Cancel) {
    loop {
        let transaction = lock(&TRANSACTION).clone();
        let Some(transaction) = transaction else {
            return;
        };
        cancel(url, &transaction);
        thread::sleep(PAUSE);
    }
}

/// Goes from working to another state, or tells that work has ended before.
fn reach(state: u8) -> bool {
    let reached = STATE.compare_exchange(WORKING, state, Ordering::SeqCst, Ordering::SeqCst);
    reached.is_ok()
}

/// Returns whether the work is stopped: there was a signal before the work was about to be kept.
fn is_stopping() -> bool {
    if SIGNAL.load(Ordering::SeqCst) != 0 {
        reach(STOPPING);
    }
    STATE.load(Ordering::SeqCst) == STOPPING
}

/// Returns whether the work may be kept. From then on signals come too late.
pub(super) fn may_keep() -> bool {
    let reads_input = lock(&WHEN_STOPPED)
        .as_ref()
        .is_some_and(|it| it.reads_input);
    if reads_input {
        // The input may have ended because its program was stopped.
        thread::sleep(SAME_SIGNAL);
    }
    keeps()
}

fn keeps() -> bool {
    !is_stopping() && (reach(KEEPING) || STATE.load(Ordering::SeqCst) == KEEPING)
}

/// Notes the name of the transaction that has begun.
pub(super) fn named(name: String) {
    if lock(&WHEN_STOPPED)
        .as_ref()
        .is_some_and(|it| it.cancel.is_some())
    {
        *lock(&TRANSACTION) = Some(name);
    }
}

/// Stops a seed by signals.
pub(super) struct SeedStop;

impl StopCheck for SeedStop {
    fn begun(&self, name: &mut dyn FnMut() -> Option<String>) {
        if let Some(name) = name() {
            named(name);
        }
    }

    fn must_stop(&self, last: bool) -> bool {
        match last {
            true => !may_keep(),
            false => is_stopping(),
        }
    }
}

/// Reports a stopped command; `None` if it was not stopped.
pub(super) fn answer(result: &Result<Outcome, Failure>) -> Option<ExitCode> {
    // From here on there is nothing to stop.
    if keeps() {
        return None;
    }
    *lock(&TRANSACTION) = None;
    let when_stopped = lock(&WHEN_STOPPED).clone()?;
    let partial = match result {
        Err(failure) => match failure.error().downcast_ref() {
            Some(error @ SeedError::Partial { .. }) => Some(with_causes(error)),
            _ => None,
        },
        Ok(_) => None,
    };
    let says = partial.as_deref().unwrap_or(when_stopped.says);
    Some(ExitCode::from(end(&when_stopped, says)))
}

/// Says what became of the work, and returns the exit code. Only the first call returns.
fn end(when_stopped: &WhenStopped, says: &str) -> u8 {
    static ENDS: AtomicBool = AtomicBool::new(false);
    while ENDS.swap(true, Ordering::SeqCst) {
        thread::park();
    }
    if let Some(directory) = &when_stopped.directory {
        remove_incomplete(directory);
    }
    let signal = i32::try_from(SIGNAL.load(Ordering::SeqCst));
    let (name, number) = match signal {
        Ok(SIGTERM) => ("SIGTERM", 143),
        Ok(SIGHUP) => ("SIGHUP", 129),
        _ => ("Ctrl-C", 130),
    };
    complain(
        when_stopped.as_json,
        number,
        &format!("stopped by {name}: {says}"),
        &[],
    );
    number
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

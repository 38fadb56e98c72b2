//! One test program on one database.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// The outcome of one test.
pub struct Outcome {
    pub test: String,
    pub passed: bool,
    pub ignored: bool,
    pub time: Duration,
    /// What a failed test printed.
    pub printed: String,
}

/// The outcome of a whole program.
pub struct Finished {
    pub step: String,
    pub time: Duration,
    pub outcomes: Vec<Outcome>,
    /// What runs single tests of the program; none for a whole command.
    pub again: Option<Command>,
    /// Why the program counts as failed although each test has an outcome.
    pub failure: Option<String>,
}

impl Finished {
    pub fn failed(&self) -> bool {
        self.failure.is_some() || self.outcomes.iter().any(|outcome| !outcome.passed)
    }
}

/// Runs a program of libtest and reads its events as they come.
pub fn run_tests(step: String, mut command: Command) -> Finished {
    let begun = Instant::now();
    let again = Some(copy(&command));
    command
        .args([
            "-Z",
            "unstable-options",
            "--format",
            "json",
            "--report-time",
        ])
        // Only so does a stable toolchain's libtest tell how long each test took.
        .env("RUSTC_BOOTSTRAP", "1")
        // To find the names of a stack takes a second each, and some tests panic on purpose.
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return broken(step, begun, format!("{command:?}: {error}")),
    };
    let stderr = child.stderr.take().map(|mut stderr| {
        thread::spawn(move || {
            let mut printed = String::new();
            let _ = stderr.read_to_string(&mut printed);
            printed
        })
    });
    let (events, watched) = channel();
    let id = child.id().to_string();
    let watch = thread::spawn(move || end_when_stalled(&id, &watched));
    let mut running: Vec<String> = Vec::new();
    let mut outcomes = Vec::new();
    let stdout = child.stdout.take().map(BufReader::new);
    for line in stdout
        .into_iter()
        .flat_map(BufRead::lines)
        .map_while(Result::ok)
    {
        let Ok(event) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        if event["type"] != "test" {
            continue;
        }
        // It listens until this is over.
        let _ = events.send(());
        let test = event["name"].as_str().unwrap_or_default().to_owned();
        match event["event"].as_str() {
            Some("started") => running.push(test),
            Some("timeout") | None => {}
            Some(what) => {
                running.retain(|name| *name != test);
                outcomes.push(Outcome {
                    passed: matches!(what, "ok" | "ignored"),
                    ignored: what == "ignored",
                    time: Duration::from_secs_f64(event["exec_time"].as_f64().unwrap_or_default()),
                    printed: event["stdout"].as_str().unwrap_or_default().to_owned(),
                    test,
                });
            }
        }
    }
    let status = child.wait();
    drop(events);
    let stalled = watch.join().unwrap_or_default();
    let printed = stderr
        .and_then(|thread| thread.join().ok())
        .unwrap_or_default();
    // Tests that had not begun have no event at all.
    let is_cut_short = !running.is_empty();
    // A test that ended the program has no event of its own.
    for test in running {
        outcomes.push(Outcome {
            test,
            passed: false,
            ignored: false,
            time: Duration::ZERO,
            printed: if stalled {
                format!(
                    "no test of the program ended within {} s",
                    STALLED.as_secs()
                )
            } else {
                printed.clone()
            },
        });
    }
    let failure = match status {
        Ok(status) if is_cut_short => Some(format!("ended before its tests: {status}")),
        Ok(status) if status.success() => None,
        Ok(_) if outcomes.iter().any(|outcome| !outcome.passed) => None,
        Ok(status) => Some(format!("{status}\n{printed}")),
        Err(error) => Some(error.to_string()),
    };
    Finished {
        step,
        time: begun.elapsed(),
        outcomes,
        again,
        failure,
    }
}

/// The same program in the same folder and environment, without arguments.
pub fn copy(command: &Command) -> Command {
    let mut copy = Command::new(command.get_program());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => copy.env(name, value),
            None => copy.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        copy.current_dir(folder);
    }
    copy
}

/// How long a program may go on without that a test begins or ends. The slowest take a minute on
/// an idle machine.
const STALLED: Duration = Duration::from_secs(600);

/// Kills a program whose tests do not end. Returns whether it did.
fn end_when_stalled(id: &str, events: &Receiver<()>) -> bool {
    loop {
        match events.recv_timeout(STALLED) {
            Ok(()) => {}
            Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => {
                // It fails only when the program has ended.
                let _ = Command::new("kill").args(["-KILL", id]).status();
                return true;
            }
        }
    }
}

/// Runs a command that counts as one test.
pub fn run_whole(step: String, mut command: Command) -> Finished {
    let begun = Instant::now();
    let output = match command.stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(error) => return broken(step, begun, format!("{command:?}: {error}")),
    };
    let printed = [output.stdout, output.stderr].concat();
    let failure = (!output.status.success())
        .then(|| format!("{}\n{}", output.status, String::from_utf8_lossy(&printed)));
    Finished {
        step,
        time: begun.elapsed(),
        outcomes: Vec::new(),
        again: None,
        failure,
    }
}

fn broken(step: String, begun: Instant, failure: String) -> Finished {
    Finished {
        step,
        time: begun.elapsed(),
        outcomes: Vec::new(),
        again: None,
        failure: Some(failure),
    }
}
